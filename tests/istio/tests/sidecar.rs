//! The filters in a sidecar: whether Istio finds their place in the listeners of a real one, and whether the real Envoy takes
//! what Istio hands to it unread.

use std::process::Command;

use helius_istio::data::published;
use helius_istio::sidecar::{Patched, apply};
use helius_istio::{rendered, root};
use serde_json::{Value, json};

/// The patches of an example: those of its listeners, and those of its clusters.
fn patches(example: &str, of: &str) -> Vec<Value> {
    let manifests = rendered::example(&root(), example).unwrap();
    let filters = manifests.iter().filter(|it| it.kind() == "EnvoyFilter");
    let patches =
        filters.flat_map(|it| it.items("/spec/configPatches").map(|(_, patch)| patch.clone()).collect::<Vec<_>>());
    patches.filter(|it| it["applyTo"] == of).collect()
}

fn applied(patch: &Value) -> Option<Vec<Patched>> {
    let dump: Value = serde_json::from_slice(&published("sidecar-listeners.json")?).unwrap();
    Some(apply(patch, &dump))
}

fn assert_before_router(patched: &[Patched], name: &str) {
    for it in patched {
        assert_eq!(it.filters[it.filters.len() - 2..], [name, "envoy.filters.http.router"], "{it:?}");
    }
}

#[test]
fn a_filter_on_what_comes_in_is_in_every_inbound_chain_that_takes_http() {
    for example in ["recommender", "telemetry-ingest"] {
        let Some(patched) = applied(&patches(example, "HTTP_FILTER")[0]) else { return };
        assert_before_router(&patched, "helius-inbound");
        let listeners: Vec<_> = patched.iter().map(|it| it.listener.as_str()).collect();
        // With and without mTLS, the known port and the others; and what comes through a tunnel (HBONE).
        let known = "virtualInbound";
        assert_eq!(listeners, [known, known, known, known, "main_internal"]);
    }
}

#[test]
fn a_filter_on_what_is_called_is_on_that_port_alone() {
    let Some(patched) = applied(&patches("llm-router", "HTTP_FILTER")[0]) else { return };
    assert_before_router(&patched, "helius-outbound");
    let listeners: Vec<_> = patched.iter().map(|it| (it.listener.as_str(), it.port)).collect();
    assert_eq!(listeners, [("0.0.0.0_80", 80)]);
}

#[test]
fn a_match_that_finds_nothing_is_seen() {
    let patch = &patches("llm-router", "HTTP_FILTER")[0];
    for (pointer, wrong) in [
        ("/match/context", json!("GATEWAY")),
        ("/match/listener/portNumber", json!(81)),
        ("/match/listener/filterChain/filter/name", json!("http_connection_manager")),
        ("/match/listener/filterChain/filter/subFilter/name", json!("router")),
    ] {
        let mut patch = patch.clone();
        *patch.pointer_mut(pointer).unwrap() = wrong;
        let Some(patched) = applied(&patch) else { return };
        assert_eq!(patched, [], "{pointer}");
    }
}

/// What Envoy says of the filters and clusters of an example, which it is given as Istio would.
fn envoys_word(filters: &[Value], clusters: &[Value]) -> Result<(), String> {
    let envoy = std::env::var("ENVOY").expect("no $ENVOY; run: scripts/with-envoy cargo test -p helius-istio");
    let mut http_filters = filters.to_vec();
    for filter in &mut http_filters {
        // The file that the pod mounts is the one that was built here.
        let file = filter.pointer_mut("/typed_config/config/vm_config/code/local/filename").unwrap();
        *file = json!(root().join("dist/helius.wasm"));
    }
    let of = "type.googleapis.com/envoy.extensions.filters";
    http_filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": { "@type": format!("{of}.http.router.v3.Router") },
    }));
    let manager = json!({
        "@type": format!("{of}.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "inbound",
        "route_config": { "name": "none" },
        "http_filters": http_filters,
    });
    let listener = json!({
        "name": "inbound",
        "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } },
        "filter_chains": [{ "filters": [{ "name": "envoy.filters.network.http_connection_manager", "typed_config": manager }] }],
    });
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("envoy.json");
    let bootstrap = json!({ "static_resources": { "listeners": [listener], "clusters": clusters } });
    std::fs::write(&file, bootstrap.to_string()).unwrap();
    let mut command = Command::new(envoy);
    let output = command.args(["--mode", "validate", "--use-dynamic-base-id", "-c"]).arg(&file).output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// The values of patches, which Istio's schema leaves untyped.
fn values(example: &str, of: &str) -> Vec<Value> {
    patches(example, of).iter().map(|it| it["patch"]["value"].clone()).collect()
}

#[test]
fn the_real_envoy_takes_the_filters_and_the_agents_cluster() {
    for example in ["llm-router", "recommender", "telemetry-ingest"] {
        let (filters, clusters) = (values(example, "HTTP_FILTER"), values(example, "CLUSTER"));
        assert_eq!((filters.len(), clusters.len()), (1, 1));
        if let Err(said) = envoys_word(&filters, &clusters) {
            panic!("tests/istio/golden/{example}.yaml: Envoy does not take it; mend the filter or the cluster\n{said}");
        }
    }
}

#[test]
fn a_field_that_envoy_does_not_know_is_found() {
    let mut filters = values("recommender", "HTTP_FILTER");
    filters[0]["typed_config"]["config"]["allow_on_headers_stop"] = json!(true);
    let said = envoys_word(&filters, &values("recommender", "CLUSTER")).unwrap_err();
    assert!(said.contains("'allow_on_headers_stop'") && said.contains("unknown fields"), "{said}");
    let mut clusters = values("recommender", "CLUSTER");
    clusters[0]["connect_timout"] = json!("1s");
    let said = envoys_word(&values("recommender", "HTTP_FILTER"), &clusters).unwrap_err();
    assert!(said.contains("'connect_timout'") && said.contains("unknown fields"), "{said}");
}
