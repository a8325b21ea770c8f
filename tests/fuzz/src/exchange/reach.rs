//! That inputs of the corpus reach what their names say. A document that takes another's place, or a step that means
//! something else than it did, would leave them passing and saying nothing.

use std::io::Write;
use std::path::Path;
use std::{fs, io, panic};

use super::run;
use crate::host::host;

/// Inputs, and some of what is counted and answered when they are played.
const REACHED: [(&str, &[&str]); 34] = [
    (
        "breaker-opens-and-closes",
        &[
            "breaker_transitions east open consecutive_failures",
            "responses secondary skipped_breaker_open",
            "breaker_transitions east closed probes_succeeded",
        ],
    ),
    ("breaker-ejects", &["attempts east invalid_output", "breaker_transitions east open invalid_output"]),
    ("breaker-forced", &["breaker_transitions east open forced", "breaker_transitions east closed forced"]),
    ("breaker-told-to-wait", &["attempts east rate_limited", "breaker_transitions east open retry_after"]),
    ("drill-answered", &["responses primary none", "drill west ok", "drill north no_healthy_upstream"]),
    ("drill-not-begun", &["drill west skipped_not_replayable", "drill last-good miss", "drill last-good hit"]),
    ("drill-one-too-many", &["drill west skipped_overflow", "drill west ok", "drill north timeout"]),
    ("drill-reset", &["responses primary none", "drill west reset", "drill north no_healthy_upstream"]),
    ("duplicates", &["admission duplicate"]),
    ("events-do-not-come", &["responses static timeout", "answer 200 data: {\"confidence\":0.0}\n\n"]),
    ("events-end-before-the-first", &["attempts east reset", "answer 200 data: west\n\n"]),
    ("events-in-pieces", &["responses primary none", "answer 200 data: one\n\ndata: two\n\ndata: three\n\n"]),
    (
        "everything-by-route",
        &["admission duplicate", "drill west ok", "responses last-good invalid_output", "route_timeout"],
    ),
    (
        "everything-on",
        &[
            "admission duplicate",
            "responses primary none",
            "drill west invalid_output",
            "responses static reset",
            "answer 200 data: north\n\n",
            "responses secondary skipped_breaker_open",
            "responses static 5xx",
            "breaker_transitions east half_open backoff_elapsed",
        ],
    ),
    ("everything-watched", &["admission would_duplicate", "responses would_secondary invalid_output"]),
    ("failover", &["responses secondary connect"]),
    ("grpc-dead-region", &["attempts east connect", "responses static connect", "answer 200 "]),
    ("grpc-status-14", &["attempts east 5xx", "responses static 5xx", "answer 200 "]),
    ("judged-and-given-up", &["attempts east timeout"]),
    ("judged-and-refused", &["responses refusal invalid_output"]),
    ("last-good-watched", &["responses would_last_good 5xx"]),
    ("last-good", &["responses last-good 5xx", "responses last-good connect"]),
    ("max-share-exceeded", &["responses static 5xx", "responses primary none", "responses refusal 5xx"]),
    ("one-too-many", &["admission limited"]),
    (
        "overrides-of-every-kind",
        &[
            "responses static skipped_override",
            "attempts west skipped_override",
            "answer 200 north",
            "admission isolated",
            "admission limited",
            "responses secondary skipped_breaker_open",
            "responses would_secondary 5xx",
        ],
    ),
    ("overrides-that-are-none", &["responses static skipped_override"]),
    ("overrides-end", &["responses secondary skipped_override", "answer 200 west", "attempts east ok"]),
    ("static-answer", &["responses static 5xx"]),
    (
        "static-by-when",
        &[
            "answer 200 {\"confidence\":0.0,\"for\":\"acme\"}",
            "answer 200 data: no\n\n",
            "answer 503 later",
            "answer 200 {\"confidence\":0.0,\"for\":\"all\"}",
        ],
    ),
    ("strict-by-route", &["strict_bypassed body", "strict_bypassed incomplete", "attempts east client_error"]),
    ("strict-primary-answers", &["attempts east ok", "responses primary none", "answer 200 {\"from\": \"east\"}"]),
    (
        "strict-primary-fails",
        &["responses primary 5xx", "answer 500 east is ill", "responses secondary invalid_output"],
    ),
    ("strict-primary-refused", &["responses secondary no_healthy_upstream", "responses refusal no_healthy_upstream"]),
    ("strict-primary-resets", &["responses secondary reset", "answer 200 west", "responses static reset"]),
];

#[test]
fn an_input_reaches_what_its_name_says() {
    for (name, expected) in REACHED {
        // A panic in the filter is one inside a C function, which ends the process with the test's own words untold.
        panic::set_hook(Box::new(move |why| drop(writeln!(io::stderr(), "{name} is a finding, or misses: {why}"))));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/exchange").join(name);
        run(&fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        let facts = facts();
        for fact in expected {
            assert!(facts.iter().any(|it| it == fact), "{name} does not reach {fact:?}, but {facts:#?}");
        }
    }
    drop(panic::take_hook());
}

/// What was counted, as `attempts east ok`, and what clients got, as `answer 200 a body`.
fn facts() -> Vec<String> {
    host(|host| {
        let counted = host.metrics.iter().filter(|(name, value)| *value > 0 && name.ends_with("_total"));
        let answers = host.served.iter().filter_map(|client| {
            Some(format!("answer {} {}", client.headers.status()?, String::from_utf8_lossy(&client.body)))
        });
        counted.map(|(name, _)| words(name)).chain(answers).collect()
    })
}

/// A stat without its service and route, which are the same in every document.
fn words(stat: &str) -> String {
    let mut parts: Vec<_> = stat.split(";.;").skip(2).collect();
    let name = parts.pop().unwrap_or_default().trim_start_matches("helius_").trim_end_matches("_total");
    let labels = parts.into_iter().filter_map(|part| Some(part.split_once("=.=")?.1));
    std::iter::once(name).chain(labels).collect::<Vec<_>>().join(" ")
}
