//! Bytes of any kind, as an answer and as a schema: they are judged or refused, and never take the filter down.

use helius_policy::output::{Check, Limits, Pointer, Rule, Schema, Validator};
use proptest::prelude::*;

use crate::generated;

/// Text that looks like JSON, more or less.
const LIKE_JSON: &str = r#"([\[\]{},: \n]|"[a\\ué0]{0,4}"|"\\u[d0][8c0][03e]0"|-?[0-9]{1,3}(\.[0-9]{1,2})?([eE][+-]?[0-9]{1,3})?|true|false|null|nul|"a":|"b":){0,24}"#;

/// A whole validator: every check, and every keyword somewhere.
fn validator(seed: u64) -> Validator {
    let place = || Pointer::parse("/a").unwrap();
    let checks = vec![
        Check::FiniteNumbers,
        Check::MinConfidence { pointer: place(), bound: "0.5".to_owned() },
        Check::NonEmpty { pointer: place() },
        Check::UniqueIds { list: place(), key: "b".to_owned() },
    ];
    let schema = Schema::compile(&generated::document(&mut fastrand::Rng::with_seed(seed)).to_string()).ok();
    Validator { schema, checks, limits: Limits::default() }
}

fn judge(body: &[u8]) -> Option<Rule> {
    Validator::default().validate(body).err().map(|violation| violation.rule)
}

/// Whether another strict reader takes it for JSON; it stops at a number that is too large for it, so nobody knows.
fn is_json(text: &[u8]) -> Option<bool> {
    match serde_json::from_slice::<serde_json::Value>(text) {
        Ok(_) => Some(true),
        Err(error) if error.to_string().contains("out of range") => None,
        Err(_) => Some(false),
    }
}

/// Whether we do, or did but for what we are there to refuse.
fn is_json_here(text: &[u8]) -> Option<bool> {
    match judge(text) {
        None => Some(true),
        Some(Rule::DuplicateKey | Rule::TooDeep | Rule::HugeExponent) => None,
        Some(_) => Some(false),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn any_bytes_are_judged(bytes: Vec<u8>, seed: u64) {
        let _ = validator(seed).validate(&bytes);
    }

    #[test]
    fn any_text_like_json_is_judged(text in LIKE_JSON, seed: u64) {
        let _ = validator(seed).validate(text.as_bytes());
    }

    #[test]
    fn any_text_like_json_is_a_schema_or_refused_with_words(text in LIKE_JSON) {
        if let Err(problems) = Schema::compile(&text) {
            prop_assert!(!problems.is_empty() && problems.iter().all(|problem| !problem.to_string().is_empty()));
        }
    }

    #[test]
    fn two_readers_agree_on_what_is_json(text in LIKE_JSON) {
        if let (Some(ours), Some(theirs)) = (is_json_here(text.as_bytes()), is_json(text.as_bytes())) {
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn two_readers_agree_on_a_value_with_a_spoilt_spot(seed: u64, at: prop::sample::Index, byte: u8) {
        let value = generated::value(&mut fastrand::Rng::with_seed(seed), 4);
        let mut text = serde_json::to_vec_pretty(&value).unwrap();
        prop_assert_eq!(is_json_here(&text), Some(true));
        let at = at.index(text.len());
        text[at] = byte;
        if let (Some(ours), Some(theirs)) = (is_json_here(&text), is_json(&text)) {
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn a_beginning_of_a_value_is_truncated_or_a_shorter_value(seed: u64, end: prop::sample::Index) {
        let text = generated::value(&mut fastrand::Rng::with_seed(seed), 4).to_string();
        let beginning = &text.as_bytes()[..end.index(text.len())];
        let is_number = beginning.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e'));
        match judge(beginning) {
            None => prop_assert!(is_number && !beginning.is_empty()),
            Some(rule) => prop_assert_eq!(rule, Rule::Truncated),
        }
    }

    #[test]
    fn any_pattern_is_compiled_or_refused(pattern in r"([\\(){}\[\]|*+?^$.,<>=!:0-9a-z-]|\\[a-zA-Z0-9]){0,20}") {
        let schema = serde_json::json!({ "pattern": pattern }).to_string();
        if let Ok(schema) = Schema::compile(&schema) {
            let _ = Validator { schema: Some(schema), ..Validator::default() }.validate(br#""abc 123""#);
        }
    }
}
