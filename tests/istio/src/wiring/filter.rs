//! What must not be left out where the filter is put into a sidecar.

use serde_json::{Value, json};

use super::of;
use crate::Manifest;

/// What each filter has to have, from its `patch` on, and why.
fn must() -> [(&'static str, Value, &'static str); 6] {
    [
        ("/operation", json!("INSERT_BEFORE"), "it belongs before the router"),
        ("/value/typed_config/config/allow_on_headers_stop_iteration", json!(true), "without it no answer can be held"),
        ("/value/typed_config/config/failure_policy", json!("FAIL_RELOAD"), "without it a VM that died stays dead"),
        ("/value/typed_config/config/vm_config/vm_id", json!("helius"), "it names what workers and filters share"),
        (
            "/value/typed_config/config/configuration/@type",
            json!("type.googleapis.com/google.protobuf.StringValue"),
            "the filter reads text",
        ),
        (
            "/value/typed_config/@type",
            json!("type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"),
            "Istio skips a patch whose type it does not know",
        ),
    ]
}

pub(super) fn problems(example: &[Manifest]) -> Vec<String> {
    let mut problems = Vec::new();
    for filter in of(example, "EnvoyFilter") {
        for (pointer, it) in filter.items("/spec/configPatches").filter(|(_, it)| it["applyTo"] == "HTTP_FILTER") {
            for (path, value, why) in must() {
                if it["patch"].pointer(path) != Some(&value) {
                    let place = filter.place(&format!("{pointer}/patch{path}"));
                    problems.push(format!("{place}: is not {value}, and {why}; write it"));
                }
            }
            let before = "/match/listener/filterChain/filter/subFilter/name";
            if it.pointer(before) != Some(&json!("envoy.filters.http.router")) {
                let place = filter.place(&format!("{pointer}{before}"));
                problems.push(format!(
                    "{place}: is not the router, so Istio finds nothing; write envoy.filters.http.router"
                ));
            }
            if it["patch"]["value"]["name"] != it["patch"]["value"]["typed_config"]["config"]["name"] {
                let place = filter.place(&format!("{pointer}/patch/value/name"));
                problems.push(format!("{place}: is not the plugin's name; write the same, each filter its own"));
            }
            problems.extend(unknown_port(example, filter, &pointer, it));
        }
    }
    for plugin in of(example, "WasmPlugin").filter(|it| it.text("/spec/failStrategy") != "FAIL_OPEN") {
        let place = plugin.place("/spec/failStrategy");
        problems.push(format!("{place}: a module that cannot be fetched would deny everything; write FAIL_OPEN"));
    }
    problems
}

/// A filter on a port that is called by no route.
fn unknown_port(example: &[Manifest], filter: &Manifest, pointer: &str, patch: &Value) -> Option<String> {
    let port = patch.pointer("/match/listener/portNumber")?;
    let mut routes = of(example, "VirtualService").flat_map(|it| it.items("/spec/http"));
    let is_called = routes.any(|(_, route)| {
        let mut destinations = route["route"].as_array().into_iter().flatten();
        destinations.any(|it| it["destination"]["port"]["number"] == *port)
    });
    let place = filter.place(&format!("{pointer}/match/listener/portNumber"));
    (!is_called).then(|| format!("{place}: no VirtualService here calls port {port}; write one that is called"))
}
