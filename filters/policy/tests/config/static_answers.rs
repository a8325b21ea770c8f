//! Static answers that are judged when the document is read: what is refused, and what is not.

use helius_policy::config::Config;

/// Its own properties say where an answer tells how sure it is.
const BY_SCHEMA: &str = "{ schema: { properties: { confidence: { type: number }, score: { type: number } } } }";
/// The same, and another place is told.
const TOLD: &str =
    "{ schema: { properties: { confidence: { type: number } } }, min_confidence: { pointer: /a/score, bound: 0.5 } }";
/// Nothing says where.
const NOWHERE: &str = "{ schema: { type: object } }";

/// What is said of a route's only static answer, behind its place; nothing where it is taken.
fn refusal(output: &str, entry: &str) -> Option<String> {
    let document = format!(
        "
service: router
routes:
  - name: assist
    match: {{ path: /assist }}
    upstream: {{ timeout: 2s, regions: [{{ name: east, via: route }}] }}
    output: {output}
    fail_open:
      static:
        - {entry}
"
    );
    let told = Config::parse(document.as_bytes()).err()?.to_string();
    Some(told.strip_prefix("line 10: routes[0].fail_open.static[0]").unwrap_or_else(|| panic!("{told}")).to_owned())
}

/// An entry whose body is exactly this text.
fn saying(json: &str) -> String {
    format!("{{ body: '{json}' }}")
}

fn sure_at(pointer: &str) -> String {
    format!(
        ".body{pointer}: is sure of something, and nobody has asked a model; write 0, or claims_confidence: true beside \
         the body"
    )
}

fn refused_by(rule: &str, pointer: &str) -> String {
    format!(".body{pointer}: is what the route's own output refuses, by {rule}; correct the body, or output")
}

#[test]
fn one_that_is_sure_of_something_is_refused_unless_it_claims_to_be() {
    for body in ["{ confidence: 0.9 }", "{ confidence: 1e-300 }", "{ confidence: -1 }"] {
        let without = refusal(BY_SCHEMA, &format!("{{ body: {body} }}"));
        assert_eq!(without, Some(sure_at("/confidence")), "{body}");
        let denying = refusal(BY_SCHEMA, &format!("{{ body: {body}, claims_confidence: false }}"));
        assert_eq!(denying, Some(sure_at("/confidence")), "{body}");
        assert_eq!(refusal(BY_SCHEMA, &format!("{{ body: {body}, claims_confidence: true }}")), None, "{body}");
    }
}

#[test]
fn one_that_claims_to_be_sure_is_judged_all_the_same() {
    let entry = "{ body: { confidence: high }, claims_confidence: true }";
    assert_eq!(refusal(BY_SCHEMA, entry), Some(refused_by("type", "/confidence")));
}

#[test]
fn nothing_is_nothing_however_it_is_written() {
    for zero in ["0", "0.0", "-0.0", "0e5", "-0E-5", "0.000e+99"] {
        assert_eq!(refusal(BY_SCHEMA, &saying(&format!(r#"{{"confidence": {zero}}}"#))), None, "{zero}");
    }
    assert_eq!(refusal(BY_SCHEMA, &saying(r#"{"confidence": 1e-5}"#)), Some(sure_at("/confidence")));
}

#[test]
fn where_it_says_how_sure_it_is_is_told_by_min_confidence_or_else_by_the_schema() {
    let both = "{ body: { confidence: 0.9, a: { score: 0.9 } } }";
    assert_eq!(refusal(TOLD, both), Some(sure_at("/a/score")));
    assert_eq!(refusal(TOLD, "{ body: { confidence: 0.9, a: { score: 0 } } }"), None);
    assert_eq!(refusal(BY_SCHEMA, both), Some(sure_at("/confidence")));
    assert_eq!(refusal(NOWHERE, both), None);
}

/// `min_confidence` refuses a region's answer for either.
#[test]
fn one_need_not_be_sure_nor_say_anything_of_it() {
    assert_eq!(refusal(TOLD, "{ body: { a: { score: 0 } } }"), None);
    for output in [TOLD, BY_SCHEMA] {
        assert_eq!(refusal(output, "{ body: {} }"), None, "{output}");
        assert_eq!(refusal(output, "{ body: { a: [] } }"), None, "{output}");
    }
}

#[test]
fn one_is_no_longer_than_an_answer_may_be() {
    let output = "{ schema: { type: object }, max_body: 11B }";
    assert_eq!(refusal(output, &saying(r#"{"a": 1234}"#)), None);
    assert_eq!(refusal(output, &saying(r#"{"a": 12345}"#)), Some(refused_by("max_body", "")));
}

#[test]
fn what_a_schema_cannot_say_is_asked_of_it_too() {
    let cases = [
        ("{ non_empty: /items }", r#"{"items": []}"#, r#"{"items": [1]}"#, "non_empty", "/items"),
        (
            "{ unique_ids: { list: /items, key: id } }",
            r#"{"items": [{"id": 1}, {"id": 1.0}]}"#,
            r#"{"items": [{"id": 1}, {"id": 2}]}"#,
            "unique_ids",
            "/items/1/id",
        ),
        ("{ finite_numbers: true }", r#"{"a": 1e309}"#, r#"{"a": 1e308}"#, "finite_numbers", "/a"),
    ];
    for (output, wrong, right, rule, pointer) in cases {
        assert_eq!(refusal(output, &saying(wrong)), Some(refused_by(rule, pointer)));
        assert_eq!(refusal(output, &saying(right)), None, "{output}");
    }
}

#[test]
fn only_a_good_answer_that_may_have_a_body_is_judged() {
    for status in [204, 205, 302, 304, 404, 503] {
        assert_eq!(refusal(NOWHERE, &format!("{{ status: {status} }}")), None, "{status}");
    }
    for status in [302, 404, 503] {
        assert_eq!(refusal(NOWHERE, &format!("{{ status: {status}, body: later }}")), None, "{status}");
    }
    for status in [200, 201, 206, 299] {
        let empty = refusal(NOWHERE, &format!("{{ status: {status} }}"));
        assert_eq!(empty, Some(refused_by("truncated", "")), "{status}");
    }
}
