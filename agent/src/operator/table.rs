//! Overrides, a line each.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::columns::columns;

const HEAD: [&str; 8] = ["ID", "OVERRIDE", "SERVICE", "ROUTE", "ENDS IN", "FROM", "AUTHOR", "REASON"];

/// All overrides of an answer, in columns.
pub(super) fn of(answer: &Value, now: SystemTime) -> String {
    let entries = answer["overrides"].as_array().map(Vec::as_slice).unwrap_or_default();
    if entries.is_empty() {
        return "nothing is switched\n".to_owned();
    }
    let rows: Vec<_> = entries.iter().map(|it| row(it, now)).collect();
    columns(HEAD, rows.iter()).into_iter().map(|line| line + "\n").collect()
}

fn row(entry: &Value, now: SystemTime) -> [String; HEAD.len()] {
    let text = |key: &str, otherwise: &str| entry[key].as_str().unwrap_or(otherwise).to_owned();
    [
        text("id", "?"),
        change(entry),
        text("service", "every"),
        text("route", "every"),
        left(entry, now),
        text("source", "?"),
        text("author", "?"),
        text("reason", "?"),
    ]
}

/// An override in words.
pub(super) fn sentence(entry: &Value, now: SystemTime) -> String {
    let service = entry["service"].as_str().map(|it| format!(" of {it}")).unwrap_or_default();
    let route = entry["route"].as_str().map_or("every route".to_owned(), |it| format!("route {it}"));
    format!("{} on {route}{service}, ends in {}", change(entry), left(entry, now))
}

/// What it changes, such as `breaker open us-east-1`.
fn change(entry: &Value) -> String {
    let scale = entry["scale"].as_f64().map(|scale| scale.to_string());
    let words = [entry["override"].as_str(), entry["state"].as_str(), scale.as_deref(), entry["region"].as_str()];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// How long it lasts yet, in whole seconds.
fn left(entry: &Value, now: SystemTime) -> String {
    let until = entry["until"].as_str().and_then(|until| humantime::parse_rfc3339(until).ok());
    until.map_or("?".to_owned(), |until| {
        let left = until.duration_since(now).unwrap_or_default();
        humantime::format_duration(Duration::from_secs(left.as_secs() + u64::from(left.subsec_millis() >= 500)))
            .to_string()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn overrides_stand_in_columns() {
        let now = humantime::parse_rfc3339("2026-01-31T12:00:00Z").unwrap();
        let answer = json!({ "overrides": [
            { "id": "f-1", "override": "static", "route": "assist", "until": "2026-01-31T12:14:59.7Z", "source": "file",
              "author": "ci", "reason": "a long reason" },
            { "id": "o-12", "override": "breaker", "state": "open", "region": "east", "service": "router",
              "until": "2026-01-31T11:00:00Z", "source": "api", "author": "ana@é", "reason": "it hangs" },
        ]});
        let expected = "\
            ID    OVERRIDE           SERVICE  ROUTE   ENDS IN  FROM  AUTHOR  REASON\n\
            f-1   static             every    assist  15m      file  ci      a long reason\n\
            o-12  breaker open east  router   every   0s       api   ana@é   it hangs\n";
        assert_eq!(of(&answer, now), expected);
        assert_eq!(of(&json!({ "overrides": [] }), now), "nothing is switched\n");
        assert_eq!(sentence(&answer["overrides"][1], now), "breaker open east on every route of router, ends in 0s");
    }
}
