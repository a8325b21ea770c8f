//! What Envoy Gateway makes of the manifests under `envoy/gateway` (development branch, August 2026, `internal/xds/translator`):
//! one listener, with the filter switched off but on the routes that a policy names, and then the patches.

use std::path::Path;

use json_patch::Patch;
use serde_json::{Value, json};
use serde_json_path::{JsonPath, NormalizedPath};

use crate::plain_envoy::mount;
use crate::{Manifest, all, root};

/// The folder.
pub const FOLDER: &str = "envoy/gateway";

/// The manifests, in the namespace that their list gives them.
///
/// # Errors
///
/// Where one cannot be read.
pub fn manifests() -> Result<Vec<Manifest>, String> {
    let mut manifests = all(&root(), FOLDER)?;
    let list = manifests.iter().find(|it| it.kind() == "Kustomization").ok_or(format!("{FOLDER}: has no list"))?;
    let namespace = list.value["namespace"].clone();
    for manifest in manifests.iter_mut().filter(|it| it.kind() != "Kustomization") {
        manifest.value["metadata"]["namespace"] = namespace.clone();
    }
    Ok(manifests)
}

/// What Envoy gets: one listener, with its routes in it, and clusters.
#[derive(Clone, Debug)]
pub struct Translated {
    /// The listener.
    pub listener: Value,
    /// The clusters.
    pub clusters: Vec<Value>,
}

/// The translation, with the module as a file.
///
/// # Errors
///
/// Where a patch finds no place, which Envoy Gateway says in the status of the policy.
pub fn translate(manifests: &[Manifest], module: &Path, is_patched: bool) -> Result<Translated, String> {
    let of = |kind: &str| manifests.iter().find(|it| it.kind() == kind).ok_or(format!("there is no {kind}"));
    let (gateway, route, policy) = (of("Gateway")?, of("HTTPRoute")?, of("EnvoyExtensionPolicy")?);
    let mut filter = filter(policy);
    mount(&mut filter, module);
    let mut translated = Translated {
        listener: json!({
            "name": listener_name(gateway),
            "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } },
            "default_filter_chain": { "filters": [manager(&filter, route)] },
        }),
        clusters: vec![json!({ "name": cluster_name(route), "type": "STATIC", "connect_timeout": "0.25s" })],
    };
    for patches in manifests.iter().filter(|it| is_patched && it.kind() == "EnvoyPatchPolicy") {
        for (pointer, patch) in patches.items("/spec/jsonPatches") {
            translated.patch(patch).map_err(|error| format!("{}: {error}", patches.place(&pointer)))?;
        }
    }
    Ok(translated)
}

impl Translated {
    fn patch(&mut self, patch: &Value) -> Result<(), String> {
        let (kind, name) = (patch["type"].as_str().unwrap_or_default(), &patch["name"]);
        let operation = &patch["operation"];
        let is_new = operation["op"] == "add" && operation["path"] == "" && operation["jsonPath"].is_null();
        match kind.rsplit('.').next().unwrap_or_default() {
            "Cluster" if is_new => self.clusters.push(operation["value"].clone()),
            "Listener" if self.listener["name"] == *name => change(&mut self.listener, operation)?,
            _ => return Err(format!("there is no {kind} {name}; write the name that Envoy Gateway gives it")),
        }
        Ok(())
    }
}

/// Applies an operation at every place that its `JSONPath` finds.
fn change(resource: &mut Value, operation: &Value) -> Result<(), String> {
    let expression = operation["jsonPath"].as_str().unwrap_or_default();
    // Envoy Gateway's reader takes an expression without its root.
    let rooted = if expression.starts_with('$') { expression.to_owned() } else { format!("${expression}") };
    let path = JsonPath::parse(&rooted).map_err(|error| error.to_string())?;
    let found: Vec<String> = path.query_located(resource).locations().map(NormalizedPath::to_json_pointer).collect();
    if found.is_empty() {
        return Err(format!("{expression} finds nothing; mend it"));
    }
    for pointer in found {
        let mut operation = operation.clone();
        operation["path"] = format!("{pointer}{}", operation["path"].as_str().unwrap_or_default()).into();
        let change: Patch = serde_json::from_value(json!([operation])).map_err(|error| error.to_string())?;
        json_patch::patch(resource, &change).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn manager(filter: &Value, route: &Manifest) -> Value {
    let of = "type.googleapis.com/envoy.extensions.filters";
    let is_on = json!({
        filter["name"].as_str().unwrap_or_default():
            { "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {} },
    });
    let action = json!({ "cluster": cluster_name(route), "timeout": route.text("/spec/rules/0/timeouts/request") });
    let routes = json!([{ "match": { "prefix": "/" }, "route": action, "typed_per_filter_config": is_on }]);
    let last = json!({ "name": "envoy.filters.http.router", "typed_config": { "@type": format!("{of}.http.router.v3.Router") } });
    json!({
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": format!("{of}.network.http_connection_manager.v3.HttpConnectionManager"),
            "stat_prefix": "http-80",
            "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": routes }] },
            "http_filters": [filter, last],
        },
    })
}

fn filter(policy: &Manifest) -> Value {
    let wasm = &policy.value["spec"]["wasm"][0];
    let name =
        format!("envoyextensionpolicy/{}/{}/wasm/0", policy.text("/metadata/namespace"), policy.text("/metadata/name"));
    json!({
        "name": format!("envoy.filters.http.wasm/{name}"),
        "disabled": true,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": wasm["name"],
                "root_id": wasm["rootID"],
                "fail_open": wasm["failOpen"],
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": wasm["config"].to_string(),
                },
                "vm_config": {
                    "vm_id": name,
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": crate::plain_envoy::MOUNTED_MODULE } },
                },
            },
        },
    })
}

fn listener_name(gateway: &Manifest) -> String {
    let (namespace, name) = (gateway.text("/metadata/namespace"), gateway.text("/metadata/name"));
    format!("{namespace}/{name}/{}", gateway.text("/spec/listeners/0/name"))
}

/// The cluster that a route's only rule has.
pub fn cluster_name(route: &Manifest) -> String {
    format!("httproute/{}/{}/rule/0", route.text("/metadata/namespace"), route.text("/metadata/name"))
}
