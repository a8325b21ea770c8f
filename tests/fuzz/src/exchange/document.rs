//! The configurations that a script can choose from: between them, everything that changes how an exchange goes.

use std::sync::LazyLock;

#[allow(clippy::wildcard_imports, reason = "they were written for this list")]
use super::policies::*;

/// A configuration and what follows from it.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) text: String,
    pub(super) is_good: bool,
    pub(super) is_shadow: bool,
    /// Whether the filter calls the primary itself.
    pub(super) is_strict: bool,
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
        Document {
            text: r#"{"service": "s", "routes": [{}]}"#.to_owned(),
            is_good: false,
            is_shadow: false,
            is_strict: false,
        },
        good("enforce", &route(TWO, POST, &[CONFIDENCE, ONCE_BY_HEADER])),
        good("enforce", &route(TWO, SHORT, &[ONCE_BY_BODY])),
        good("shadow", &route(TWO, POST, &[CONFIDENCE, ONCE_BY_BODY])),
        good("enforce", &format!("{{{ANY}, {ONCE_BY_BODY}}}")),
        good("enforce", &route(TWO, POST, &[UNSURE, JUDGED])),
        good("enforce", &route(TWO, POST, &[JUDGED])),
        good("enforce", &route(TWO, SHORT, &[UNSURE, JUDGED])),
        good("shadow", &route(TWO, POST, &[UNSURE, JUDGED])),
        good("enforce", &route(TWO, POST, &[KEPT])),
        // Inputs name documents by their place, so new ones go behind. 19:
        good("enforce", &route(TWO, STRICT, &[CONFIDENCE])),
        good("enforce", &route(TWO, STRICT_AND_SHORT, &[])),
        good("enforce", &route(TWO, STRICT, &[UNSURE, JUDGED])),
        good("enforce", &route(TWO, POST, &[CONFIDENCE, DRILL])),
        good("enforce", &route(TWO, SHORT, &[KEPT, DRILL])),
        // 24:
        good("enforce", &route(TWO, EVENTS, &[CONFIDENCE])),
        good("enforce", &route(TWO, POST, &[GRPC])),
        good("enforce", &route(TWO, POST, &[BY_WHEN])),
        good("enforce", &route("", POST, &[BOUNDED])),
        good("enforce", &route(TWO, BREAKER, &[CONFIDENCE])),
        // 29:
        good("enforce", &route(TWO, STRICT_AND_BREAKER, &[])),
        good("enforce", &route(TWO, EVERYTHING, &[ONCE_BY_HEADER, JUDGED, EVERY_RUNG, DRILL])),
        good("shadow", &route(TWO, EVERYTHING, &[ONCE_BY_HEADER, JUDGED, EVERY_RUNG, DRILL])),
        good("enforce", &route(TWO, EVERYTHING_BY_ROUTE, &[ONCE_BY_BODY, JUDGED, EVERY_RUNG, DRILL])),
        good("enforce", &route(TWO, BREAKER, &[UNSURE, EJECTING])),
        // 34:
        good("enforce", &route(TWO, FORCED_OPEN, &[CONFIDENCE])),
        good("enforce", &route(TWO, FORCED_CLOSED, &[CONFIDENCE])),
        // 36:
        with_agent(good("enforce", &route(TWO, BREAKER, &[CONFIDENCE, ISOLATING]))),
        with_agent(good("enforce", &route(TWO, EVERYTHING, &[ONCE_BY_HEADER, JUDGED, EVERY_RUNG, DRILL]))),
        with_agent(good("enforce", &route(TWO, STRICT, &[KEPT, LIMITS]))),
    ]
});

/// The clusters of `TWO`.
pub(super) const SECONDARIES: [&str; 2] = ["west", "north"];

const TWO: &str = r#", {"name": "west", "cluster": "west", "timeout": "400ms"},
    {"name": "north", "cluster": "north", "authority": "north.example"}"#;

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
    let is_shadow = mode == "shadow";
    let is_strict = !is_shadow && text.contains(r#""strict": true"#);
    Document { text, is_good: true, is_shadow, is_strict }
}

/// The same, where an agent tells what operators have switched.
fn with_agent(mut document: Document) -> Document {
    document.text =
        document.text.replacen('{', r#"{"agent": {"cluster": "helius_agent", "poll_interval": "100ms"}, "#, 1);
    document
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
            let Ok(config) = read else { continue };
            let is_enforced = config.mode() == Mode::Enforce;
            assert_eq!(!is_enforced, document.is_shadow);
            let is_strict = config.routes().iter().any(|route| route.upstream().is_strict());
            assert_eq!(is_enforced && is_strict, document.is_strict, "{}", document.text);
        }
    }
}
