//! Schemas that are refused: with the place, the keyword, the rule and what to write instead.
//!
//! `refused.txt` has a schema on a line, and on the next what is said about it.

use crate::told::refused;

const CASES: &str = include_str!("refused.txt");

#[test]
fn every_mistake_is_named_with_its_place() {
    let cases = CASES.split("\n\n").map(|case| case.trim().split_once('\n').unwrap());
    for (schema, message) in cases.clone() {
        assert_eq!(refused(schema), [message.trim()], "{schema}");
    }
    assert!(cases.count() >= 40);
    assert_eq!(refused(""), ["the schema is not JSON: it ends too early; write a JSON object"]);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let schema = r#"{"type": "strnig", "properties": {"a": {"maxLenght": 1}, "b": {"minimum": "0"}}, "additionalProperty": false}"#;
    let places: Vec<_> = refused(schema).iter().map(|it| it.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(places, ["/properties/a/maxLenght", "/properties/b/minimum", "/type", "/additionalProperty"]);
}

#[test]
fn a_schema_that_is_too_large_is_refused() {
    let long = format!(r#"{{"description": "{}"}}"#, "x".repeat(256 * 1024));
    assert_eq!(refused(&long), ["the schema is longer than 256 KiB; write a smaller one"]);
    let many = format!(r#"{{"allOf": [{}true]}}"#, "true,".repeat(4_095));
    assert_eq!(refused(&many), ["the schema holds more than 4096 schemas; write a smaller one"]);
    let deep = [r#"{"items":"#.repeat(101), "true".to_owned(), "}".repeat(101)].concat();
    assert!(
        refused(&deep)[0].ends_with("is nested too deep; nest at most 100 levels; put parts into $defs"),
        "{:?}",
        refused(&deep)
    );
    let patterns: Vec<_> = (0..11).map(|n| format!(r#"{{"pattern": "[a-z]{{1,1900}}{n}"}}"#)).collect();
    let heavy = format!(r#"{{"anyOf": [{}]}}"#, patterns.join(","));
    assert_eq!(
        refused(&heavy),
        [
            "the schema has patterns that expand to more than 20000 steps together; write fewer or shorter ones, or maxLength for a bound of the length"
        ]
    );
    let heavier: Vec<_> = (0..4_000).map(|n| format!(r#"{{"pattern": "a{{1900}}{n}"}}"#)).collect();
    assert_eq!(refused(&format!(r#"{{"anyOf": [{}]}}"#, heavier.join(","))), refused(&heavy));
    let under =
        format!(r#"{{"properties": {{"{}": {{"allOf": [{}true]}}}}}}"#, "k".repeat(100_000), "true,".repeat(4_000));
    assert_eq!(
        refused(&under),
        [format!(
            "/properties/{} stands too deep, or below keys that are too long; write shorter keys, or put parts into $defs",
            "k".repeat(288)
        )]
    );
    let unheard = format!(r#"{{"{}": 1}}"#, "k".repeat(100_000));
    assert!(refused(&unheard)[0].len() < 1_000);
    let nobody = format!("{{{}}}", (0..500).map(|n| format!("\"unheardOf{n}\": 1")).collect::<Vec<_>>().join(","));
    assert_eq!(refused(&nobody).len(), 100);
}

#[test]
fn a_chain_of_schemas_for_one_value_is_bounded() {
    let chain = |length: usize| {
        let links: Vec<_> = (1..length).map(|n| format!(r##""c{}": {{"$ref": "#/$defs/c{n}"}}"##, n - 1)).collect();
        format!(r##"{{"items": {{"$ref": "#/$defs/c0"}}, "$defs": {{{}, "c{}": {{}}}}}}"##, links.join(","), length - 1)
    };
    assert_eq!(refused(&chain(63)), [""; 0]);
    let said = refused(&chain(64));
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("begins a chain of more than 64 schemas for the same value"), "{said:?}");
}
