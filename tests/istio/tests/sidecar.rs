//! The filters in a sidecar: whether Istio finds their place in its listeners, in those that are written down here and in those
//! of a real one; and whether the real Envoy takes what Istio hands to it unread.

use std::process::Command;

use helius_istio::applier::{Proxy, apply};
use helius_istio::{HttpChain, Manifest, Sidecar, plain_envoy, rendered, root};
use serde_json::{Value, json};

/// Of the time of the dump.
const ISTIO: &str = "1.20.0";

fn example(name: &str) -> Vec<Manifest> {
    rendered::example(&root(), name).unwrap()
}

/// The sidecar with the filters of an example.
fn patched(example: &[Manifest], mut sidecar: Sidecar) -> Sidecar {
    let problems = apply(example, &Proxy::of(example, ISTIO).unwrap(), &mut sidecar);
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
    sidecar
}

/// The chains that have a filter, which has to be right before the router, once.
fn with_filter(sidecar: &Sidecar, name: &str) -> Vec<HttpChain> {
    let has = |it: &HttpChain| it.filters.iter().any(|it| it == name);
    let chains: Vec<_> = sidecar.http_chains().into_iter().filter(has).collect();
    for it in &chains {
        assert_eq!(it.filters[it.filters.len() - 2..], [name, "envoy.filters.http.router"], "{it:?}");
        assert_eq!(it.filters.iter().filter(|it| *it == name).count(), 1, "{it:?}");
    }
    chains
}

#[test]
fn a_filter_on_what_comes_in_is_in_every_inbound_chain_that_takes_http() {
    for name in ["recommender", "recommender-mlflow", "telemetry-ingest"] {
        let expected = [
            vec!["virtualInbound"; 3],
            // With and without mTLS, the known port and the others; what ends the tunnels (HBONE), and what comes out of them.
            vec![
                "virtualInbound",
                "virtualInbound",
                "virtualInbound",
                "virtualInbound",
                "connect_terminate",
                "main_internal",
            ],
        ];
        for (sidecar, expected) in Sidecar::all().unwrap().into_iter().zip(expected) {
            let chains = with_filter(&patched(&example(name), sidecar), "helius-inbound");
            let listeners: Vec<_> = chains.iter().map(|it| it.listener.as_str()).collect();
            assert_eq!(listeners, expected);
        }
    }
}

#[test]
fn a_filter_on_what_is_called_is_on_that_port_alone() {
    for (name, port) in [("llm-router", 80), ("recommender-mlflow", 5000)] {
        for sidecar in Sidecar::all().unwrap() {
            let chains = with_filter(&patched(&example(name), sidecar), "helius-outbound");
            let listeners: Vec<_> = chains.into_iter().map(|it| (it.listener, it.port)).collect();
            assert_eq!(listeners, [(format!("0.0.0.0_{port}"), port)]);
        }
    }
}

#[test]
fn the_agents_cluster_is_there_once() {
    for sidecar in Sidecar::all().unwrap() {
        let sidecar = patched(&example("llm-router"), sidecar);
        let names: Vec<_> = sidecar.clusters.iter().map(|it| it["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["helius_agent"]);
    }
}

#[test]
fn a_match_that_finds_nothing_is_seen() {
    for (pointer, wrong) in [
        ("/match/context", json!("GATEWAY")),
        ("/match/listener/portNumber", json!(81)),
        ("/match/listener/filterChain/filter/name", json!("http_connection_manager")),
        ("/match/listener/filterChain/filter/subFilter/name", json!("router")),
        ("/match/proxy", json!({ "proxyVersion": "^1\\.19" })),
    ] {
        for mut sidecar in Sidecar::all().unwrap() {
            let mut manifests = example("llm-router");
            let filter = manifests.iter_mut().find(|it| it.name() == "helius-outbound").unwrap();
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            let parent = filter.value.pointer_mut(&format!("/spec/configPatches/0{parent}")).unwrap();
            parent[key] = wrong.clone();
            let proxy = Proxy::of(&manifests, ISTIO).unwrap();
            let problems = apply(&manifests, &proxy, &mut sidecar);
            // Istio gives such a proxy nothing, and means it.
            let is_meant = pointer == "/match/proxy";
            assert_eq!(problems.len(), usize::from(!is_meant), "{pointer}: {problems:?}");
            assert_eq!(with_filter(&sidecar, "helius-outbound"), [], "{pointer}");
            for problem in problems {
                assert!(
                    problem.contains("EnvoyFilter helius-outbound: spec.configPatches.0: finds no place"),
                    "{problem}"
                );
            }
        }
    }
}

#[test]
fn a_selector_that_no_pod_meets_is_seen() {
    let manifests = example("llm-router");
    let mut proxy = Proxy::of(&manifests, ISTIO).unwrap();
    proxy.labels.remove("helius");
    let problems = apply(&manifests, &proxy, &mut Sidecar::written().unwrap());
    assert!(problems[0].starts_with("no EnvoyFilter counts for the proxy of a pod with {"), "{problems:?}");
}

/// What Envoy says of the filters and clusters of an example, which it is given as Istio would.
fn envoys_word(filters: &[Value], clusters: &[Value]) -> Result<(), String> {
    let envoy = std::env::var("ENVOY").expect("no $ENVOY; run: scripts/with-envoy cargo test -p helius-istio");
    let mut http_filters = filters.to_vec();
    for filter in &mut http_filters {
        plain_envoy::mount(filter, &root().join("dist/helius.wasm"));
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
fn values(name: &str, of: &str) -> Vec<Value> {
    let manifests = example(name);
    let patches = manifests.iter().flat_map(|it| it.items("/spec/configPatches"));
    patches.filter(|(_, it)| it["applyTo"] == of).map(|(_, it)| it["patch"]["value"].clone()).collect()
}

#[test]
fn a_field_that_envoy_does_not_know_is_found() {
    envoys_word(&values("recommender", "HTTP_FILTER"), &values("recommender", "CLUSTER")).unwrap();
    let mut filters = values("recommender", "HTTP_FILTER");
    filters[0]["typed_config"]["config"]["allow_on_headers_stop"] = json!(true);
    let said = envoys_word(&filters, &values("recommender", "CLUSTER")).unwrap_err();
    assert!(said.contains("'allow_on_headers_stop'") && said.contains("unknown fields"), "{said}");
    let mut clusters = values("recommender", "CLUSTER");
    clusters[0]["connect_timout"] = json!("1s");
    let said = envoys_word(&values("recommender", "HTTP_FILTER"), &clusters).unwrap_err();
    assert!(said.contains("'connect_timout'") && said.contains("unknown fields"), "{said}");
}
