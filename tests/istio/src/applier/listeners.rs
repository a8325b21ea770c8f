//! Patches of listeners, and of all that they hold.

use serde_json::Value;

use super::merge::merge;
use super::patch::Patch;
use super::{Context, list, matching};

/// The only network filter whose HTTP filters are patched, by its name.
const CONNECTION_MANAGER: &str = "envoy.filters.network.http_connection_manager";
/// Inbound, though it does not say so: what ends the tunnels (HBONE) that come in.
const TUNNEL_END: &str = "connect_terminate";
/// Outbound, though it does not say so.
const TUNNEL_BEGINNING: &str = "connect_originate";

/// Applies the patches of a context to its listeners; these are in the order in which Istio applies them.
pub(super) fn apply(patches: &[&Patch], context: Context, listeners: &mut Vec<Value>) {
    listeners.retain_mut(|listener| !is_of(context, listener) || keep_patched(patches, listener));
    for patch in to(patches, "LISTENER").filter(|it| it.is_added_in(context)) {
        listeners.push(patch.value().clone());
        patch.found_its_place();
    }
}

fn to<'a>(patches: &'a [&'a Patch], what: &'a str) -> impl Iterator<Item = &'a Patch> {
    patches.iter().copied().filter(move |it| it.applies_to(what))
}

fn is_of(context: Context, listener: &Value) -> bool {
    let (direction, also) = match context {
        Context::Inbound => ("INBOUND", TUNNEL_END),
        Context::Outbound => ("OUTBOUND", TUNNEL_BEGINNING),
    };
    listener["traffic_direction"] == direction || listener["name"] == also
}

/// Whether the listener is still there afterwards.
fn keep_patched(patches: &[&Patch], listener: &mut Value) -> bool {
    for patch in to(patches, "LISTENER").filter(|it| it.operation() != "ADD") {
        if !matching::listener(patch, listener) {
            continue;
        }
        patch.found_its_place();
        match patch.operation() {
            "REMOVE" => return false,
            "MERGE" => merge(listener, patch.value()),
            _ => {}
        }
    }
    let mut filters = taken(listener, "listener_filters");
    for patch in to(patches, "LISTENER_FILTER").filter(|it| matching::listener(it, listener)) {
        list::change(&mut filters, patch, matching::listener_filter(patch));
        // Unlike other filters, without a condition none of them is merged into.
        if let Some(wanted) = matching::listener_filter(patch) {
            list::merge_into(&mut filters, patch, Some(wanted));
        }
    }
    put_back(listener, "listener_filters", filters);
    patch_chains(patches, listener);
    true
}

fn patch_chains(patches: &[&Patch], listener: &mut Value) {
    let mut chains = taken(listener, "filter_chains");
    chains.retain_mut(|chain| keep_patched_chain(patches, listener, chain));
    for patch in to(patches, "FILTER_CHAIN").filter(|it| it.operation() == "ADD" && matching::listener(it, listener)) {
        chains.push(patch.value().clone());
        patch.found_its_place();
    }
    put_back(listener, "filter_chains", chains);
    let mut last = listener["default_filter_chain"].take();
    let is_kept = last.is_object() && keep_patched_chain(patches, listener, &mut last);
    match listener.as_object_mut() {
        Some(entries) if is_kept => drop(entries.insert("default_filter_chain".to_owned(), last)),
        Some(entries) => drop(entries.remove("default_filter_chain")),
        None => {}
    }
}

fn keep_patched_chain(patches: &[&Patch], listener: &Value, chain: &mut Value) -> bool {
    for patch in to(patches, "FILTER_CHAIN").filter(|it| it.operation() != "ADD") {
        if !is_met(patch, listener, chain) {
            continue;
        }
        patch.found_its_place();
        match patch.operation() {
            "REMOVE" => return false,
            "MERGE" => merge(chain, patch.value()),
            _ => {}
        }
    }
    let mut filters = taken(chain, "filters");
    let network: Vec<_> = to(patches, "NETWORK_FILTER").filter(|it| is_met(it, listener, chain)).collect();
    for patch in &network {
        list::change(&mut filters, patch, matching::network_filter(patch));
    }
    let http: Vec<_> = to(patches, "HTTP_FILTER").filter(|it| is_met(it, listener, chain)).collect();
    for filter in &mut filters {
        for patch in &network {
            list::merge_into(std::slice::from_mut(filter), patch, matching::network_filter(patch));
        }
        patch_http_filters(&http, filter);
    }
    put_back(chain, "filters", filters);
    true
}

fn is_met(patch: &Patch, listener: &Value, chain: &Value) -> bool {
    matching::listener(patch, listener) && matching::chain(patch, listener, chain)
}

fn patch_http_filters(patches: &[&Patch], manager: &mut Value) {
    if manager["name"] != CONNECTION_MANAGER || !manager["typed_config"].is_object() {
        return;
    }
    let is_meant = |it: &&&Patch| matching::network_filter(it).is_none_or(|name| manager["name"] == name);
    let patches: Vec<_> = patches.iter().filter(is_meant).collect();
    let mut filters = taken(&mut manager["typed_config"], "http_filters");
    for patch in &patches {
        list::change(&mut filters, patch, matching::http_filter(patch));
    }
    for patch in &patches {
        list::merge_into(&mut filters, patch, matching::http_filter(patch));
    }
    put_back(&mut manager["typed_config"], "http_filters", filters);
}

/// A list out of a message; empty where there is none.
fn taken(message: &mut Value, key: &str) -> Vec<Value> {
    match message.get_mut(key).map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

fn put_back(message: &mut Value, key: &str, items: Vec<Value>) {
    if let Some(entries) = message.as_object_mut() {
        if items.is_empty() {
            entries.remove(key);
        } else {
            entries.insert(key.to_owned(), items.into());
        }
    }
}
