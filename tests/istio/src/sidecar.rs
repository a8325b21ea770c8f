//! Where Istio would put a filter into the listeners of a sidecar, by its rules for `HTTP_FILTER` with `INSERT_BEFORE`.
//!
//! What does not match is not applied, and nobody says so. So the matches are tried on the listeners of a real sidecar, as its
//! Envoy has dumped them.

use serde_json::Value;

/// A chain of a listener that got the filter: the listener's name and port, and the names of its HTTP filters afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patched {
    /// The listener.
    pub listener: String,
    /// The port on which it listens.
    pub port: u64,
    /// The filters, in their order.
    pub filters: Vec<String>,
}

/// Applies a patch of an `EnvoyFilter` to a dump of listeners.
pub fn apply(patch: &Value, dump: &Value) -> Vec<Patched> {
    let text = |pointer: &str| patch.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let direction = match text("/match/context") {
        "SIDECAR_INBOUND" => "INBOUND",
        "SIDECAR_OUTBOUND" => "OUTBOUND",
        _ => return Vec::new(),
    };
    let wanted_port = patch.pointer("/match/listener/portNumber");
    let manager = text("/match/listener/filterChain/filter/name");
    let before = text("/match/listener/filterChain/filter/subFilter/name");
    let mut patched = Vec::new();
    for listener in listeners(dump).filter(|it| it["traffic_direction"] == direction) {
        let port = &listener["address"]["socket_address"]["port_value"];
        if direction == "OUTBOUND" && wanted_port.is_some_and(|it| it != port) {
            continue;
        }
        for chain in chains(listener) {
            let destination = &chain["filter_chain_match"]["destination_port"];
            if direction == "INBOUND" && wanted_port.is_some_and(|it| it != destination) {
                continue;
            }
            let network = chain["filters"].as_array().into_iter().flatten().filter(|it| it["name"] == manager);
            let filters = network.map(|it| names(&it["typed_config"]["http_filters"]));
            patched.extend(filters.filter_map(|mut filters| {
                let place = filters.iter().position(|it| it == before)?;
                filters.insert(place, text("/patch/value/name").to_owned());
                let listener = listener["name"].as_str().unwrap_or_default().to_owned();
                Some(Patched { listener, port: port.as_u64().unwrap_or_default(), filters })
            }));
        }
    }
    patched
}

fn listeners(dump: &Value) -> impl Iterator<Item = &Value> {
    let configs = dump["configs"].as_array().into_iter().flatten();
    let dynamic = configs.flat_map(|it| it["dynamic_listeners"].as_array().into_iter().flatten());
    dynamic.map(|it| &it["active_state"]["listener"])
}

fn chains(listener: &Value) -> impl Iterator<Item = &Value> {
    listener["filter_chains"].as_array().into_iter().flatten().chain(listener.get("default_filter_chain"))
}

fn names(filters: &Value) -> Vec<String> {
    let filters = filters.as_array().into_iter().flatten();
    filters.filter_map(|it| Some(it["name"].as_str()?.to_owned())).collect()
}
