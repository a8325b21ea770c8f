//! Whether what one part of a rendered example names is there in another.
//!
//! Nothing in a cluster asks this. A filter that calls a cluster which Envoy does not know fails over to nobody; one that
//! selects a label which no pod has protects nobody; both are applied without a word.

mod agent;
mod clusters;
mod filter;
mod pods;

use serde_json::Value;

use crate::Manifest;

/// Everything that does not match in a rendered example.
pub fn problems(example: &[Manifest]) -> Vec<String> {
    let mut problems = clusters::problems(example);
    problems.extend(filter::problems(example));
    problems.extend(pods::problems(example));
    problems.extend(agent::problems(example));
    problems.extend(example.iter().filter_map(left_over));
    problems
}

/// Those of one kind.
fn of<'a>(example: &'a [Manifest], kind: &'a str) -> impl Iterator<Item = &'a Manifest> {
    example.iter().filter(move |it| it.kind() == kind)
}

/// Placeholders that nothing was put in place of.
fn left_over(manifest: &Manifest) -> Option<String> {
    let pointer = find(&manifest.value, "", &|it| it == "replaced" || it.contains("service: unnamed"))?;
    let place = manifest.place(&pointer);
    Some(format!("{place}: is a placeholder still; add it to the replacements of its component"))
}

/// The pointer of the first text for which something holds.
fn find(value: &Value, pointer: &str, holds: &impl Fn(&str) -> bool) -> Option<String> {
    match value {
        Value::String(text) => holds(text).then(|| pointer.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(at, it)| find(it, &format!("{pointer}/{at}"), holds))
        }
        Value::Object(entries) => entries.iter().find_map(|(key, it)| find(it, &format!("{pointer}/{key}"), holds)),
        _ => None,
    }
}
