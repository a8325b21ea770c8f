//! Answers and schemas that are made to take long: the work is bounded, and nobody waits.

use std::time::{Duration, Instant};

use helius_policy::output::Limits;

use crate::told::{told, told_by, told_within, validator};

/// Far more than any of these take, and far less than what is not bounded takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

fn bounded(schema: &str, body: &str, expected: &str) {
    let start = Instant::now();
    let said = told(schema, body);
    assert!(said.ends_with(expected), "{said}");
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
}

#[test]
fn deep_nesting_is_given_up() {
    let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
    let tree = r##"{"items": {"$ref": "#"}}"##;
    assert_eq!(told(tree, &nested(64)), "valid");
    bounded(tree, &nested(65), ": too_deep");
    bounded(tree, &"[".repeat(10_000_000), ": too_deep");
    let limits = Limits { depth: 3, ..Limits::default() };
    assert_eq!(told_within(limits, tree, &nested(3)), "valid");
    assert_eq!(told_within(limits, tree, &nested(4)), "/0/0/0: too_deep");
}

#[test]
fn calls_within_calls_are_given_up() {
    // Each level of the answer takes eight schemas for the same value.
    let links: Vec<_> =
        (1..8).map(|n| format!(r##""c{}": {{"allOf": [{{"$ref": "#/$defs/c{n}"}}]}}"##, n - 1)).collect();
    let schema = format!(
        r##"{{"items": {{"$ref": "#/$defs/c0"}}, "$defs": {{{}, "c7": {{"items": {{"$ref": "#/$defs/c0"}}}}}}}}"##,
        links.join(",")
    );
    let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
    bounded(&schema, &nested(20), "valid");
    bounded(&schema, &nested(64), ": too_deep");
}

#[test]
fn many_items_that_have_to_differ_are_sorted_and_not_compared_each_with_each() {
    let schema = r#"{"uniqueItems": true}"#;
    bounded(schema, &list((0..20_000).map(|n| n.to_string())), "valid");
    bounded(schema, &list((0..20_000).rev().map(|n| n.to_string())), "valid");
    bounded(schema, &list((0..20_000).map(|n| (n * 7_919 % 19_999).to_string())), "uniqueItems");
    bounded(schema, &list((0..100_000).map(|n| n.to_string())), "too_costly");
    // Equal for long, so that every comparison is dear.
    let long = |n: usize| format!("\"{}{n}\"", "x".repeat(10_000));
    bounded(schema, &list((0..25).map(long)), "valid");
    bounded(schema, &list((0..5_000).map(long)), "too_costly");
}

#[test]
fn an_object_of_many_keys_is_read_in_any_order() {
    let object = |keys: &mut dyn Iterator<Item = usize>| {
        format!("{{{}}}", keys.map(|n| format!("\"{n:06}\":0")).collect::<Vec<_>>().join(","))
    };
    for body in
        [object(&mut (0..20_000)), object(&mut (0..20_000).rev()), object(&mut (0..20_000).map(|n| n * 7_919 % 20_011))]
    {
        bounded(r#"{"type": "object"}"#, &body, "valid");
    }
}

#[test]
fn alternatives_that_multiply_are_given_up() {
    // Each level asks the next one twice: two to the power of 28.
    let fan = |keyword: &str, last: &str| {
        let two = |n: usize| format!(r##"[{{"$ref": "#/$defs/l{n}"}}, {{"$ref": "#/$defs/l{n}"}}]"##);
        let levels: Vec<_> = (0..28).map(|n| format!(r#""l{n}": {{"{keyword}": {}}}"#, two(n + 1))).collect();
        format!(r##"{{"$ref": "#/$defs/l0", "$defs": {{{}, "l28": {last}}}}}"##, levels.join(","))
    };
    bounded(&fan("allOf", "true"), "1", "too_costly");
    bounded(&fan("anyOf", "false"), "1", "too_costly");
    bounded(&fan("oneOf", "false"), "1", "too_costly");
    // The first of all that is broken breaks all, and the first of any that holds is enough.
    bounded(&fan("allOf", "false"), "1", "false");
    bounded(&fan("anyOf", "true"), "1", "valid");
    // Somebody asks what has been looked at, so all are asked.
    let asked = fan("anyOf", "true").replacen('{', r#"{"unevaluatedProperties": false, "#, 1);
    bounded(&asked, "{}", "too_costly");
}

#[test]
fn a_pattern_on_a_long_text_is_given_up_before_it_is_tried() {
    let text = |length: usize| format!("\"{}!\"", "a".repeat(length));
    let schema = r#"{"pattern": "^(([a-z])+.)+[A-Z]([a-z])+$"}"#;
    bounded(schema, &text(1_000), "pattern");
    bounded(schema, &text(100_000), "pattern");
    bounded(r#"{"pattern": "^(a?){400}a{400}$"}"#, &text(40_000), "too_costly");
    bounded(r#"{"pattern": "^(a?){400}a{400}$"}"#, &text(1_000), "pattern");
}

#[test]
fn a_long_list_of_values_is_paid_for() {
    let values = list((0..20_000).map(|n| n.to_string()));
    let schema = format!(r#"{{"items": {{"enum": {values}}}}}"#);
    bounded(&schema, &list((0..10).map(|n| n.to_string())), "valid");
    bounded(&schema, &list((0..10_000).map(|n| n.to_string())), "too_costly");
}

#[test]
fn a_limit_is_no_violation_that_an_alternative_could_hide() {
    let nothing = Limits { steps: 8, ..Limits::default() };
    // In each of them something else could decide.
    for schema in [
        r#"{"anyOf": [{"items": {"items": {"type": "integer"}}}, true]}"#,
        r#"{"oneOf": [{"items": {"items": {"type": "integer"}}}, false]}"#,
        r#"{"not": {"items": {"items": {"type": "integer"}}}}"#,
        r#"{"if": {"items": {"items": {"type": "integer"}}}, "else": true}"#,
        r#"{"contains": {"items": {"type": "integer"}}}"#,
        r#"{"propertyNames": {"maxLength": 1}}"#,
    ] {
        let body = if schema.contains("Names") { r#"{"a":1,"b":1,"c":1}"# } else { "[[1,1,1],[1,1,1],[1,1,1]]" };
        let said = told_within(nothing, schema, body);
        assert!(said.ends_with("too_costly"), "{schema}: {said}");
    }
}

#[test]
fn steps_are_those_of_what_is_looked_at() {
    let validator = |steps| helius_policy::output::Validator {
        limits: Limits { steps, ..Limits::default() },
        ..validator(r#"{"items": {"type": "integer"}}"#)
    };
    // Two for each schema that is asked of a value: one, and one for its keyword.
    assert_eq!(told_by(&validator(8), "[1, 2, 3]"), "valid");
    assert_eq!(told_by(&validator(7), "[1, 2, 3]"), "/2: too_costly");
    assert_eq!(told_by(&validator(0), "1"), "the whole answer: too_costly");
}
