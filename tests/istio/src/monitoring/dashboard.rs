//! The shape of the dashboard, as far as a slip of the pen would spoil it and Grafana would say nothing.

use std::collections::BTreeSet;

use serde_json::{Value, json};

const COLUMNS: u64 = 24;

/// What is wrong with the dashboard's model; `file` is what it is called.
pub fn problems(file: &str, dashboard: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut problems = Vec::new();
    let variables = list(&dashboard["templating"]["list"]);
    let names: Vec<_> = variables.iter().filter_map(|it| it["name"].as_str()).collect();
    if names != ["datasource", "service", "route"] {
        problems.push(format!("{file}: has the variables {names:?}; write datasource, service and route"));
    }
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in list(&dashboard["panels"]) {
        let title = panel["title"].as_str().unwrap_or_default();
        let mut say = |what: &str| problems.push(format!("{file}: panel {title:?} {what}"));
        if title.is_empty() || panel["type"].as_str().is_none_or(str::is_empty) {
            say("has no title, or no type; write both");
        }
        if !ids.insert(panel["id"].to_string()) {
            say("has the id of another; write one of its own");
        }
        if !is_free(&panel["gridPos"], &mut taken) {
            say("lies on another, or beside the grid; move it");
        }
        if panel["type"] == "row" {
            continue;
        }
        if panel["datasource"] != source {
            say("asks a fixed source; write ${datasource}");
        }
        let targets = list(&panel["targets"]);
        let letters: BTreeSet<_> = targets.iter().map(|it| it["refId"].to_string()).collect();
        if targets.is_empty() || letters.len() != targets.len() {
            say("has no query, or two of one refId; write each with its own");
        }
    }
    problems
}

/// Whether nothing is where a panel is, which takes its place.
fn is_free(place: &Value, taken: &mut BTreeSet<(u64, u64)>) -> bool {
    let [Some(x), Some(y), Some(w), Some(h)] = ["x", "y", "w", "h"].map(|key| place[key].as_u64()) else {
        return false;
    };
    let cells: Vec<_> = (x..x + w).flat_map(|column| (y..y + h).map(move |line| (column, line))).collect();
    x + w <= COLUMNS && !cells.is_empty() && cells.into_iter().all(|cell| taken.insert(cell))
}
