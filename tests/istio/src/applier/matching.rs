//! What a patch matches in a listener. A condition that is not written holds.

use serde_json::Value;

use super::patch::Patch;

/// In these the port of a patch is that for which a chain is, and not the listener's own.
const VIRTUAL: [&str; 2] = ["virtualInbound", "virtualOutbound"];

/// Whether it is one of the two to which iptables sends everything.
pub(crate) fn is_virtual(listener: &Value) -> bool {
    VIRTUAL.iter().any(|name| listener["name"] == *name)
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value[key].as_str().filter(|it| !it.is_empty())
}

fn port<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value.get(key).filter(|it| it.as_u64() != Some(0))
}

pub(super) fn listener(patch: &Patch, listener: &Value) -> bool {
    let Some(condition) = patch.condition("listener") else { return true };
    if text(condition, "name").is_some_and(|name| listener["name"] != name) {
        return false;
    }
    if !patch.applies_to("LISTENER") && is_virtual(listener) {
        return true;
    }
    port(condition, "portNumber").is_none_or(|it| listener["address"]["socket_address"]["port_value"] == *it)
}

pub(super) fn chain(patch: &Patch, listener: &Value, chain: &Value) -> bool {
    let Some(condition) = patch.condition("listener") else { return true };
    let chain_match = &chain["filter_chain_match"];
    let destination = &chain_match["destination_port"];
    if is_virtual(listener) && port(condition, "portNumber").is_some_and(|it| it != destination) {
        return false;
    }
    let wanted = &condition["filterChain"];
    let has =
        |list: &str, item: &str| chain_match[list].as_array().is_some_and(|list| list.iter().any(|it| it == item));
    text(wanted, "name").is_none_or(|name| chain["name"] == name)
        && text(wanted, "sni").is_none_or(|sni| has("server_names", sni))
        && text(wanted, "transportProtocol").is_none_or(|it| chain_match["transport_protocol"] == it)
        && text(wanted, "applicationProtocols")
            .is_none_or(|it| it.split(',').all(|it| has("application_protocols", it)))
        && port(wanted, "destinationPort").is_none_or(|it| it == destination)
}

/// The name of the listener filter, where a patch asks for one.
pub(super) fn listener_filter(patch: &Patch) -> Option<&str> {
    patch.condition("listener")?["listenerFilter"].as_str().filter(|it| !it.is_empty())
}

/// The name of the network filter, where a patch asks for one. One without a name is nobody's.
pub(super) fn network_filter(patch: &Patch) -> Option<&str> {
    let filter = patch.condition("listener")?["filterChain"].get("filter")?;
    Some(filter["name"].as_str().unwrap_or_default())
}

/// The name of the HTTP filter, where a patch asks for one.
pub(super) fn http_filter(patch: &Patch) -> Option<&str> {
    let filter = patch.condition("listener")?["filterChain"].get("filter")?.get("subFilter")?;
    Some(filter["name"].as_str().unwrap_or_default())
}
