//! The configurations that a script can choose from: between them, everything that changes how an exchange goes.

use std::sync::LazyLock;

/// A configuration and what follows from it.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) text: String,
    pub(super) is_good: bool,
    pub(super) is_shadow: bool,
}

/// Milliseconds that the ladder of every route here has.
pub(super) const LADDER: u64 = 1_000;

/// The document of this number; any number is one.
pub(super) fn document(number: usize) -> &'static Document {
    &DOCUMENTS[number % DOCUMENTS.len()]
}

static DOCUMENTS: LazyLock<Vec<Document>> = LazyLock::new(|| {
    vec![
        good("enforce", &route(TWO, POST, &[CONFIDENCE])),
        good("enforce", &route(TWO, POST, &[])),
        good("shadow", &route(TWO, POST, &[CONFIDENCE])),
        good("enforce", &route("", POST, &[BARE])),
        good("enforce", &route(TWO, SHORT, &[CONFIDENCE])),
        good("enforce", &route(TWO, UNHELD, &[CONFIDENCE])),
        good("enforce", &[CHOOSY, &route(TWO, DEFAULTS, &[CONFIDENCE])].join(", ")),
        good("enforce", CHOOSY),
        good("enforce", &route(TWO, POST, &[CONFIDENCE, LIMITS])),
        Document { text: r#"{"service": "s", "routes": [{}]}"#.to_owned(), is_good: false, is_shadow: false },
        good("enforce", &route(TWO, POST, &[CONFIDENCE, ONCE_BY_HEADER])),
        good("enforce", &route(TWO, SHORT, &[ONCE_BY_BODY])),
        good("shadow", &route(TWO, POST, &[CONFIDENCE, ONCE_BY_BODY])),
        good("enforce", &format!("{{{ANY}, {ONCE_BY_BODY}}}")),
        good("enforce", &route(TWO, POST, &[UNSURE, JUDGED])),
        good("enforce", &route(TWO, POST, &[JUDGED])),
        good("enforce", &route(TWO, SHORT, &[UNSURE, JUDGED])),
        good("shadow", &route(TWO, POST, &[UNSURE, JUDGED])),
        good("enforce", &route(TWO, POST, &[KEPT])),
    ]
});

// JSON, because it is read several times faster than YAML, and these are read at every input.

const TWO: &str = r#", {"name": "west", "cluster": "west", "timeout": "400ms"},
    {"name": "north", "cluster": "north", "authority": "north.example"}"#;

const POST: &str = r#""replay": {"methods": ["GET", "HEAD", "POST"]}"#;
const SHORT: &str =
    r#""fail_on": ["connect", "5xx"], "replay": {"methods": ["GET", "POST"], "max_body": 8, "hold": 4}"#;
const UNHELD: &str = r#""replay": {"methods": ["GET", "POST"], "hold": 0}"#;
const DEFAULTS: &str = r#""fail_on": ["timeout", "reset", "overflow", "no_healthy_upstream", "5xx", "connect"]"#;

const CONFIDENCE: &str = r#""fail_open": {"static": [{"body": {"confidence": 0.0}}]}"#;
const UNSURE: &str = r#""fail_open": {"static": [{"body": {"a": "wait", "c": 0, "l": [{"i": 1}]}}]}"#;
const BARE: &str = r#""fail_open": {"static": [{"status": 204, "headers": {"x-static": "none"}}]}"#;

const JUDGED: &str = r#""output": {
    "schema": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}, "c": {"type": "number"}}},
    "min_confidence": {"pointer": "/c", "bound": 0.5}, "finite_numbers": true, "non_empty": "/l",
    "unique_ids": {"list": "/l", "key": "i"}, "max_body": 64}"#;
const KEPT: &str = r#""fail_open": {"last_good": {"key": ["path", {"header": "x-tenant"}, "body"], "max_entries": 2,
    "max_body": 32, "fresh": "1s", "max_stale": "2s"}}"#;

const LIMITS: &str = r#""admission": {"rate_limit": [
    {"key": [{"header": "x-tenant"}, "path", "method", "source_address"], "rate": "2/s", "max_keys": 8, "headers": "all"},
    {"rate": "5/min", "burst": 3}]}"#;

const ONCE_BY_HEADER: &str = r#""admission": {
    "isolate": {"region_header": "x-from", "regions": ["south"]},
    "dedupe": {"key": {"header": "x-message-id"}, "max_keys": 8, "replay_answer": true, "max_answers": 2}}"#;
const ONCE_BY_BODY: &str = r#""admission": {"dedupe": {"key": "body", "window": "1s", "status": 409}}"#;

const ANY: &str = r#""name": "all", "match": {"path_prefix": "/"}"#;

/// A route that is about few requests only.
const CHOOSY: &str = r#"{"name": "choosy",
    "match": {"path_regex": "/v[0-9]+/a", "methods": ["GET", "PUT"], "headers": {"x-tenant": "acme"}},
    "upstream": {"timeout": "1s",
        "regions": [{"name": "east", "via": "route"}, {"name": "west", "cluster": "west"}]}}"#;

fn route(secondaries: &str, rules: &str, more: &[&str]) -> String {
    let upstream = format!(
        r#""upstream": {{"timeout": "1s",
            "regions": [{{"name": "east", "via": "route", "timeout": "400ms"}}{secondaries}], {rules}}}"#
    );
    let sections = [&[ANY, upstream.as_str()], more].concat();
    format!("{{{}}}", sections.join(", "))
}

fn good(mode: &str, routes: &str) -> Document {
    let text = format!(r#"{{"service": "s", "mode": "{mode}", "routes": [{routes}]}}"#);
    Document { text, is_good: true, is_shadow: mode == "shadow" }
}

#[cfg(test)]
mod tests {
    use helius_policy::config::{Config, Mode};

    use super::*;

    #[test]
    fn the_documents_are_what_they_say() {
        for document in DOCUMENTS.iter() {
            let read = Config::parse(document.text.as_bytes());
            assert_eq!(read.is_ok(), document.is_good, "{}: {read:?}", document.text);
            assert_eq!(read.is_ok_and(|config| config.mode() == Mode::Shadow), document.is_shadow);
        }
    }
}
