//! A `WasmPlugin` as Istio writes it for Envoy (development branch, August 2026, `pilot/pkg/model/extensions.go`): what an
//! `EnvoyFilter` would say, without the fields for which a `WasmPlugin` has no words.

use serde_json::{Value, json};

use crate::{Manifest, read};

/// The HTTP filter. The module is a file here, as it is for Envoy when the sidecar's agent has fetched it.
pub fn filter(plugin: &Manifest) -> Value {
    let name = format!("{}.{}", plugin.text("/metadata/namespace"), plugin.text("/metadata/name"));
    let document = plugin.value["spec"]["pluginConfig"].to_string();
    let policy = match plugin.text("/spec/failStrategy") {
        "FAIL_OPEN" => "FAIL_OPEN",
        "FAIL_RELOAD" => "FAIL_RELOAD",
        _ => "FAIL_CLOSED",
    };
    json!({
        "name": name,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": name,
                "root_id": plugin.text("/spec/pluginName"),
                "configuration": { "@type": "type.googleapis.com/google.protobuf.StringValue", "value": document },
                "failure_policy": policy,
                "vm_config": {
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": crate::plain_envoy::MOUNTED_MODULE } },
                },
            },
        },
    })
}

/// The `EnvoyFilter` that puts it where Istio does, if the plugin has no phase and is meant for what comes in: before the
/// router.
///
/// # Errors
///
/// Where the plugin says something else.
pub fn as_envoy_filter(plugin: &Manifest) -> Result<Manifest, String> {
    let mode = plugin.text("/spec/match/0/mode");
    if mode != "SERVER" || plugin.value.pointer("/spec/phase").is_some() {
        return Err(format!("{}: nobody here places a plugin with this phase or mode", plugin.place("/spec")));
    }
    let filter = json!({
        "kind": "EnvoyFilter",
        "metadata": plugin.value["metadata"],
        "spec": {
            "workloadSelector": { "labels": plugin.value["spec"]["selector"]["matchLabels"] },
            "configPatches": [{
                "applyTo": "HTTP_FILTER",
                "match": {
                    "context": "SIDECAR_INBOUND",
                    "listener": { "filterChain": { "filter": {
                        "name": "envoy.filters.network.http_connection_manager",
                        "subFilter": { "name": "envoy.filters.http.router" },
                    } } },
                },
                "patch": { "operation": "INSERT_BEFORE", "value": filter(plugin) },
            }],
        },
    });
    Ok(read(&plugin.file, filter.to_string().as_bytes())?.remove(0))
}
