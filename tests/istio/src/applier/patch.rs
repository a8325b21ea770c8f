//! One patch of an `EnvoyFilter`, and whether it has found its place.

use std::cell::Cell;

use serde_json::Value;

use super::{Context, Proxy};
use crate::Manifest;

/// What patches may be applied to.
const KNOWN: [&str; 6] = ["LISTENER", "LISTENER_FILTER", "FILTER_CHAIN", "NETWORK_FILTER", "HTTP_FILTER", "CLUSTER"];

/// One of `configPatches`.
#[derive(Debug)]
pub(super) struct Patch {
    place: String,
    said: Value,
    is_applied: Cell<bool>,
}

impl Patch {
    /// Those of a filter, in their order.
    pub(super) fn all(filter: &Manifest) -> Vec<Self> {
        let patch = |(pointer, patch): (String, &Value)| Self {
            place: filter.place(&pointer),
            said: patch.clone(),
            is_applied: Cell::new(false),
        };
        filter.items("/spec/configPatches").map(patch).collect()
    }

    fn text(&self, pointer: &str) -> &str {
        self.said.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn applies_to(&self, what: &str) -> bool {
        self.text("/applyTo") == what
    }

    pub(super) fn operation(&self) -> &str {
        self.text("/patch/operation")
    }

    /// What is put in, or merged.
    pub(super) fn value(&self) -> &Value {
        &self.said["patch"]["value"]
    }

    pub(super) fn name(&self) -> &str {
        self.text("/patch/value/name")
    }

    /// The condition on a listener or a cluster; nothing where there is none.
    pub(super) fn condition(&self, on: &str) -> Option<&Value> {
        self.said["match"].get(on)
    }

    /// Whether something is to be added only where it is said for which context, or in the outbound one.
    pub(super) fn is_added_in(&self, context: Context) -> bool {
        self.operation() == "ADD" && (self.text("/match/context") == context.name() || context == Context::Outbound)
    }

    pub(super) fn is_in(&self, context: Context) -> bool {
        matches!(self.text("/match/context"), "" | "ANY") || self.text("/match/context") == context.name()
    }

    /// Istio's `proxyVersion` is an expression that may match anywhere in the version, and `metadata` has to be equal.
    pub(super) fn is_for(&self, proxy: &Proxy) -> bool {
        let expression = self.text("/match/proxy/proxyVersion");
        let is_version = expression.is_empty()
            || regex_lite::Regex::new(expression).is_ok_and(|expression| expression.is_match(&proxy.istio_version));
        is_version && self.said.pointer("/match/proxy/metadata").is_none()
    }

    pub(super) fn found_its_place(&self) {
        self.is_applied.set(true);
    }

    pub(super) fn was_applied(&self) -> bool {
        self.is_applied.get()
    }

    /// What is said of one that found no place.
    pub(super) fn nowhere(&self) -> String {
        format!(
            "{}: finds no place in this sidecar, and Istio would say nothing; mend its match ({})",
            self.place, self.said["match"]
        )
    }

    /// What is said of one that this applier does not know how to apply.
    pub(super) fn unknown(&self) -> Option<String> {
        let what = self.text("/applyTo");
        if !KNOWN.contains(&what) {
            return Some(format!("{}: nobody here applies {what:?}; teach tests/istio/src/applier", self.place));
        }
        camel_case(self.value()).map(|key| {
            format!("{}: {key:?} in the value; write it in snake_case, which is compared with a dump", self.place)
        })
    }
}

/// The first key in camelCase; protobuf takes both spellings.
fn camel_case(value: &Value) -> Option<&str> {
    match value {
        Value::Object(entries) => entries.iter().find_map(|(key, value)| {
            let is_camel =
                key.chars().all(|it| it.is_ascii_alphanumeric()) && key.contains(|it: char| it.is_uppercase());
            if is_camel { Some(key.as_str()) } else { camel_case(value) }
        }),
        Value::Array(items) => items.iter().find_map(camel_case),
        _ => None,
    }
}
