//! What the dashboard asks, as Grafana would ask it.

use std::collections::BTreeMap;

use helius_e2e::repository;
use serde_json::Value;

/// One query of a panel, or of a variable.
#[derive(Debug)]
pub(crate) struct Query {
    /// Where it stands.
    pub(crate) place: String,
    pub(crate) expression: String,
    /// The labels that its legend shows.
    pub(crate) labels: Vec<String>,
}

/// Everything that the dashboard asks, with variables in place.
pub(crate) fn queries() -> Vec<Query> {
    let text = std::fs::read_to_string(repository().join("istio/monitoring/dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut queries: Vec<_> =
        dashboard["templating"]["list"].as_array().unwrap().iter().filter_map(of_variable).collect();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let text = |key: &str| target[key].as_str().unwrap_or_else(|| panic!("no {key} in {target}")).to_owned();
            let place = format!("{} {}", panel["title"].as_str().unwrap(), text("refId"));
            queries.push(Query { place, expression: text("expr"), labels: between(&text("legendFormat"), "{{", "}}") });
        }
    }
    queries
}

/// The same with everything that Grafana puts in: for all services and routes, and for some that are chosen.
pub(crate) fn filled(expression: &str, is_chosen: bool) -> String {
    let values = if is_chosen { ["llm-router", "(assist|predict)"] } else { [".*", ".*"] };
    let variables: BTreeMap<_, _> = [("$__rate_interval", "1m"), ("$service", values[0]), ("$route", values[1])].into();
    let filled = variables.iter().fold(expression.to_owned(), |it, (name, value)| it.replace(name, value));
    assert!(!filled.contains('$'), "{filled}: a variable that nobody knows");
    filled
}

/// A variable asks which values a label has.
fn of_variable(variable: &Value) -> Option<Query> {
    let query = variable["query"]["query"].as_str()?;
    let (metric, label) = query.strip_prefix("label_values(")?.strip_suffix(')')?.rsplit_once(", ")?;
    let place = format!("variable {}", variable["name"].as_str()?);
    Some(Query { place, expression: format!("count by ({label}) ({metric})"), labels: vec![label.to_owned()] })
}

/// What stands between each two marks.
pub(crate) fn between(text: &str, begin: &str, end: &str) -> Vec<String> {
    let parts = text.split(begin).skip(1).filter_map(|rest| rest.split_once(end));
    parts.map(|(found, _)| found.trim().to_owned()).collect()
}

#[test]
fn everything_that_the_dashboard_asks_is_found() {
    let queries = queries();
    assert_eq!(queries.iter().filter(|query| query.place.starts_with("variable")).count(), 2);
    assert!(queries.len() > 30, "{queries:#?}");
    assert_eq!(filled("rate(a{b=~\"$route\"}[$__rate_interval])", true), "rate(a{b=~\"(assist|predict)\"}[1m])");
    assert_eq!(between("{{ a }} b {{c}}", "{{", "}}"), ["a", "c"]);
}
