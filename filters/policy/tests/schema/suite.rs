//! The cases that the writers of JSON Schema have published for everybody who judges by it.

use std::path::PathBuf;

use helius_policy::output::{Schema, Validator};
use serde_json::Value;

/// What is not supported: the keyword, the group, and what is said about it.
const REFUSED: [(&str, &str, &str); 6] = [
    ("pattern", "pattern with Unicode property escape requires unicode mode", "/pattern uses \\p{...}"),
    ("patternProperties", "patternProperties with Unicode property escape", "uses \\p{...}"),
    ("ref", "remote ref, containing refs itself", "/$ref leads to https://json-schema.org/draft/2020-12/schema"),
    ("defs", "validate definition against metaschema", "/$ref leads to https://json-schema.org/draft/2020-12/schema"),
    ("unevaluatedProperties", "unevaluatedProperties with $dynamicRef", "/$dynamicRef is not supported"),
    ("unevaluatedItems", "unevaluatedItems with $dynamicRef", "/$dynamicRef is not supported"),
];

/// Where the cases lie on the machines that check this project; they are not a part of it.
fn published() -> Option<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/json-schema/draft2020-12.json");
    match std::fs::read(&path) {
        Ok(text) => Some(serde_json::from_slice(&text).unwrap()),
        Err(error) => {
            let is_ci = std::env::var("CI").is_ok_and(|it| it == "true");
            assert!(!is_ci, "the published cases are not at {}: {error}", path.display());
            eprintln!("SKIPPED: the published cases are not at {}: {error}", path.display());
            None
        }
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

#[test]
fn every_published_case_is_judged_as_published() {
    let Some(published) = published() else { return };
    let (mut judged, mut groups, mut wrong, mut refused) = (0, 0, Vec::new(), Vec::new());
    for (keyword, all) in published.as_object().unwrap() {
        for group in all.as_array().unwrap() {
            groups += 1;
            let title = text(group, "description");
            let schema = match Schema::compile(&group["schema"].to_string()) {
                Ok(schema) => schema,
                Err(problems) => {
                    let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
                    refused.push((keyword.clone(), title.to_owned(), said));
                    continue;
                }
            };
            let validator = Validator { schema: Some(schema), ..Validator::default() };
            for case in group["tests"].as_array().unwrap() {
                judged += 1;
                let outcome = validator.validate(case["data"].to_string().as_bytes());
                if outcome.is_ok() != case["valid"].as_bool().unwrap() {
                    wrong.push(format!("{keyword}: {title}: {}: {outcome:?}", text(case, "description")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (keyword, title, said) in &refused {
        let known = REFUSED.iter().find(|(k, t, _)| k == keyword && t == title);
        let (_, _, reason) = known.unwrap_or_else(|| panic!("refused: {keyword}: {title}: {said:?}"));
        assert!(said.iter().any(|it| it.contains(reason)), "{keyword}: {title}: {said:?}");
    }
    assert_eq!(refused.len(), REFUSED.len(), "{refused:?}");
    println!("{judged} cases of {groups} groups are judged, and {} groups are refused", refused.len());
    assert!(judged >= 703, "only {judged} cases");
}
