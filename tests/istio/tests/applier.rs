//! The rules by which Istio applies `EnvoyFilter`s, each on the small sidecar.

use helius_istio::applier::{Proxy, ROOT_NAMESPACE, apply};
use helius_istio::{Manifest, Sidecar, read};
use serde_json::{Value, json};

const MANAGER: &str = "envoy.filters.network.http_connection_manager";

fn proxy() -> Proxy {
    let labels = [("app".to_owned(), "router".to_owned())].into();
    Proxy { namespace: "ai".to_owned(), labels, istio_version: "1.24.3".to_owned() }
}

/// A filter of the pod's namespace with these patches.
fn filter(name: &str, patches: &Value) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter",
        "metadata": { "name": name, "namespace": "ai" },
        "spec": { "configPatches": patches },
    })
}

fn manifests(filters: &[Value]) -> Vec<Manifest> {
    filters.iter().flat_map(|it| read("filters.yaml", it.to_string().as_bytes()).unwrap()).collect()
}

/// A patch of the HTTP filters of the outbound listener, by an operation, at a filter.
fn http(operation: &str, at: Option<&str>, name: &str) -> Value {
    let sub_filter = at.map(|name| json!({ "name": name }));
    let mut found = json!({ "name": MANAGER });
    if let Some(sub_filter) = sub_filter {
        found["subFilter"] = sub_filter;
    }
    json!({
        "applyTo": "HTTP_FILTER",
        "match": { "context": "SIDECAR_OUTBOUND", "listener": { "filterChain": { "filter": found } } },
        "patch": { "operation": operation, "value": { "name": name } },
    })
}

/// The HTTP filters of the outbound listener, but for Istio's own, after filters were applied; and what was said.
fn applied(filters: &[Value]) -> (Vec<String>, Vec<String>) {
    let mut sidecar = Sidecar::written().unwrap();
    let problems = apply(&manifests(filters), &proxy(), &mut sidecar);
    let chain = sidecar.http_chains().into_iter().find(|it| it.listener == "0.0.0.0_80").unwrap();
    let short = |name: &String| name.trim_start_matches("envoy.filters.http.").to_owned();
    (chain.filters.iter().filter(|it| !it.starts_with("istio.")).map(short).collect(), problems)
}

fn assert_filters(filters: &[Value], expected: &str) {
    let (names, problems) = applied(filters);
    assert_eq!((names.join(" ").as_str(), problems), (expected, Vec::new()));
}

#[test]
fn each_operation_finds_its_place() {
    let cors = Some("envoy.filters.http.cors");
    for (operation, at, expected) in [
        ("ADD", cors, "grpc_stats fault cors router new"),
        ("INSERT_FIRST", cors, "new grpc_stats fault cors router"),
        ("INSERT_BEFORE", cors, "grpc_stats fault new cors router"),
        ("INSERT_BEFORE", None, "new grpc_stats fault cors router"),
        ("INSERT_AFTER", cors, "grpc_stats fault cors new router"),
        ("INSERT_AFTER", None, "grpc_stats fault cors router new"),
        ("REPLACE", cors, "grpc_stats fault new router"),
        ("REMOVE", cors, "grpc_stats fault router"),
    ] {
        assert_filters(&[filter("f", &json!([http(operation, at, "new")]))], expected);
    }
}

#[test]
fn what_istio_would_pass_over_in_silence_is_said() {
    for operation in ["INSERT_BEFORE", "INSERT_AFTER", "REPLACE", "REMOVE"] {
        let (names, problems) = applied(&[filter("f", &json!([http(operation, Some("envoy.router"), "new")]))]);
        assert_eq!(names.join(" "), "grpc_stats fault cors router");
        assert!(
            problems[0].starts_with("filters.yaml: EnvoyFilter f: spec.configPatches.0: finds no place"),
            "{problems:?}"
        );
    }
    // Replacing and removing need to be told what.
    for operation in ["REPLACE", "REMOVE"] {
        assert_eq!(applied(&[filter("f", &json!([http(operation, None, "new")]))]).1.len(), 1, "{operation}");
    }
}

#[test]
fn filters_count_by_priority_then_the_meshs_then_by_age_then_by_name() {
    let before_router = |name: &str| json!([http("INSERT_BEFORE", Some("envoy.filters.http.router"), name)]);
    let of = |name: &str, edit: &dyn Fn(&mut Value)| {
        let mut filter = filter(name, &before_router(name));
        edit(&mut filter);
        filter
    };
    let filters = [
        of("b", &|_| {}),
        of("a", &|_| {}),
        of("late", &|it| it["spec"]["priority"] = json!(1)),
        of("early", &|it| it["spec"]["priority"] = json!(-1)),
        of("mesh", &|it| it["metadata"]["namespace"] = json!(ROOT_NAMESPACE)),
        of("new", &|it| it["metadata"]["creationTimestamp"] = json!("2026-11-02T00:00:00Z")),
        of("old", &|it| it["metadata"]["creationTimestamp"] = json!("2026-11-01T00:00:00Z")),
        of("other", &|it| it["metadata"]["namespace"] = json!("other")),
        of("others", &|it| it["spec"]["workloadSelector"] = json!({ "labels": { "app": "other" } })),
        of("ours", &|it| it["spec"]["workloadSelector"] = json!({ "labels": { "app": "router" } })),
    ];
    // Each stands before the router, so the last one is next to it.
    assert_filters(&filters, "grpc_stats fault cors early mesh a b ours old new late router");
}

#[test]
fn what_is_merged_is_merged_as_protobuf_does() {
    let mut patch = http("MERGE", Some("envoy.filters.http.fault"), "");
    let of_type = |kind: &str, rest: Value| {
        let mut config = json!({ "@type": format!("type.googleapis.com/envoy.extensions.filters.http.{kind}") });
        config.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        json!({ "typed_config": config })
    };
    let mut sidecar = Sidecar::written().unwrap();
    for value in [
        of_type(
            "fault.v3.HTTPFault",
            json!({ "headers": [{ "name": "a" }], "max_active_faults": 7, "abort": { "http_status": 503 } }),
        ),
        of_type(
            "fault.v3.HTTPFault",
            json!({ "headers": [{ "name": "b" }], "max_active_faults": 0, "abort": { "grpc_status": 14 } }),
        ),
        of_type("cors.v3.Cors", json!({ "max_active_faults": 9 })),
    ] {
        patch["patch"]["value"] = value;
        assert_eq!(apply(&manifests(&[filter("f", &json!([patch]))]), &proxy(), &mut sidecar), Vec::<String>::new());
    }
    let chain = &sidecar.listeners[1]["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"];
    let fault = chain.as_array().unwrap().iter().find(|it| it["name"] == "envoy.filters.http.fault").unwrap();
    let expected = of_type(
        "fault.v3.HTTPFault",
        json!({ "headers": [{ "name": "a" }, { "name": "b" }], "max_active_faults": 7, "abort": { "http_status": 503, "grpc_status": 14 } }),
    );
    assert_eq!(fault["typed_config"], expected["typed_config"]);
}

#[test]
fn a_port_is_that_of_the_chain_where_the_listener_is_virtual() {
    let inbound = |port: u64| {
        let mut patch = http("INSERT_BEFORE", Some("envoy.filters.http.router"), "new");
        patch["match"]["context"] = json!("SIDECAR_INBOUND");
        patch["match"]["listener"]["portNumber"] = json!(port);
        let mut sidecar = Sidecar::written().unwrap();
        let problems = apply(&manifests(&[filter("f", &json!([patch]))]), &proxy(), &mut sidecar);
        let chains = sidecar.http_chains().into_iter().filter(|it| it.filters.iter().any(|it| it == "new"));
        (chains.map(|it| it.port).collect::<Vec<_>>(), problems.len())
    };
    // With mTLS and without; never the chain for all other ports.
    assert_eq!(inbound(8080), (vec![8080, 8080], 0));
    assert_eq!(inbound(15006), (Vec::new(), 1));
}

#[test]
fn a_version_is_matched_anywhere_in_it() {
    for (expression, is_applied) in [("1\\.24", true), ("^1\\.24\\.3$", true), ("^1\\.2$", false), ("4\\.3", true)] {
        let mut patch = http("ADD", None, "new");
        patch["match"]["proxy"] = json!({ "proxyVersion": expression });
        assert_eq!(applied(&[filter("f", &json!([patch]))]).0.contains(&"new".to_owned()), is_applied, "{expression}");
    }
}

#[test]
fn listeners_chains_and_clusters_come_and_go() {
    let patch = |what: &str, operation: &str, condition: Value, value: Value| json!({ "applyTo": what, "match": condition, "patch": { "operation": operation, "value": value } });
    let outbound = |listener: Value| json!({ "context": "SIDECAR_OUTBOUND", "listener": listener });
    let cluster = |name: &str| json!({ "context": "ANY", "cluster": { "name": name } });
    let mut sidecar = Sidecar::written().unwrap();
    sidecar.clusters = ["outbound|80||a", "outbound|81||a", "inbound|8080||"].map(|it| json!({ "name": it })).to_vec();
    let patches = json!([
        patch("LISTENER", "REMOVE", outbound(json!({ "name": "virtualOutbound" })), Value::Null),
        patch("LISTENER", "ADD", json!({ "context": "ANY" }), json!({ "name": "mine" })),
        patch(
            "LISTENER",
            "MERGE",
            outbound(json!({ "portNumber": 80 })),
            json!({ "per_connection_buffer_limit_bytes": 1 })
        ),
        patch(
            "LISTENER_FILTER",
            "REMOVE",
            outbound(json!({ "listenerFilter": "envoy.filters.listener.tls_inspector" })),
            Value::Null
        ),
        patch(
            "FILTER_CHAIN",
            "REMOVE",
            outbound(json!({ "filterChain": { "name": "PassthroughFilterChain" } })),
            Value::Null
        ),
        patch("CLUSTER", "ADD", json!({ "context": "ANY" }), json!({ "name": "mine" })),
        patch("CLUSTER", "REMOVE", cluster("outbound|81||a"), Value::Null),
        patch(
            "CLUSTER",
            "MERGE",
            json!({ "cluster": { "portNumber": 80, "service": "a" } }),
            json!({ "connect_timeout": "1s" })
        ),
    ]);
    assert_eq!(apply(&manifests(&[filter("f", &patches)]), &proxy(), &mut sidecar), Vec::<String>::new());
    let names: Vec<_> = sidecar.listeners.iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["0.0.0.0_80", "virtualInbound", "0.0.0.0_5000", "mine"]);
    let listener = &sidecar.listeners[0];
    assert_eq!(listener["per_connection_buffer_limit_bytes"], 1);
    assert_eq!(listener["listener_filters"].as_array().unwrap().len(), 1);
    assert_eq!(listener["default_filter_chain"], Value::Null);
    let expected = json!([{ "name": "outbound|80||a", "connect_timeout": "1s" }, { "name": "inbound|8080||" }, { "name": "mine" }]);
    assert_eq!(Value::from(sidecar.clusters), expected);
}

#[test]
fn what_the_applier_does_not_know_is_refused() {
    let mut routed = http("MERGE", None, "");
    routed["applyTo"] = json!("HTTP_ROUTE");
    let mut camel = http("ADD", None, "new");
    camel["patch"]["value"]["typedConfig"] = json!({});
    let (names, problems) = applied(&[filter("f", &json!([routed, camel, http("ADD", None, "good")]))]);
    assert!(!names.contains(&"good".to_owned()), "{names:?}");
    assert!(problems[0].contains("configPatches.0: nobody here applies \"HTTP_ROUTE\""), "{problems:?}");
    assert!(
        problems[1].contains("configPatches.1: \"typedConfig\" in the value; write it in snake_case"),
        "{problems:?}"
    );
}
