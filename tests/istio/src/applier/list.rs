//! What a patch does to a list of filters, of whichever sort. All of them have names.

use serde_json::Value;

use super::merge::merge;
use super::patch::Patch;

/// Inserts, replaces or removes; `wanted` is the name of the filter that a patch asks for. Inserting acts at the first of that
/// name, and nowhere where there is none.
pub(super) fn change(filters: &mut Vec<Value>, patch: &Patch, wanted: Option<&str>) {
    let found = wanted.and_then(|wanted| filters.iter().position(|it| it["name"] == wanted));
    let value = || patch.value().clone();
    let before = filters.len();
    match (patch.operation(), wanted, found) {
        ("ADD", ..) | ("INSERT_AFTER", None, _) => filters.push(value()),
        ("INSERT_FIRST", ..) | ("INSERT_BEFORE", None, _) => filters.insert(0, value()),
        ("INSERT_AFTER", _, Some(at)) => filters.insert(at + 1, value()),
        ("INSERT_BEFORE", _, Some(at)) => filters.insert(at, value()),
        ("REPLACE", _, Some(at)) => {
            filters[at] = value();
            patch.found_its_place();
        }
        ("REMOVE", Some(wanted), _) => filters.retain(|it| it["name"] != wanted),
        _ => {}
    }
    if filters.len() != before {
        patch.found_its_place();
    }
}

/// Merges into each filter that a patch asks for; into all of them, where it asks for none. Only what has a typed
/// configuration is merged into.
pub(super) fn merge_into(filters: &mut [Value], patch: &Patch, wanted: Option<&str>) {
    if patch.operation() != "MERGE" {
        return;
    }
    for filter in filters.iter_mut().filter(|it| wanted.is_none_or(|wanted| it["name"] == wanted)) {
        if !filter["typed_config"].is_object() {
            continue;
        }
        patch.found_its_place();
        if !patch.name().is_empty() {
            filter["name"] = patch.name().into();
        }
        // Of two types nothing is made.
        let value = &patch.value()["typed_config"];
        if value["@type"] == filter["typed_config"]["@type"] {
            merge(&mut filter["typed_config"], value);
        }
    }
}
