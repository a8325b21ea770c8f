//! The example with two filters in one sidecar: that they do not get in each other's way, and that of `MLflow`'s API only what
//! reads is answered from memory.

use std::process::Command;

use helius_istio::{Manifest, configuration, rendered, root};
use helius_policy::config::{Config, Node};
use helius_policy::http::Headers;
use serde_json::{Value, json};

fn filters() -> Vec<Manifest> {
    let manifests = rendered::example(&root(), "recommender-mlflow").unwrap();
    manifests.into_iter().filter(|it| it.text("/spec/configPatches/0/applyTo") == "HTTP_FILTER").collect()
}

fn document(filter: &str) -> Value {
    let filter = filters().into_iter().find(|it| it.name() == filter).unwrap();
    configuration::embedded(&filter).remove(0).document
}

#[test]
fn two_filters_in_one_sidecar_have_names_of_their_own_and_one_vm() {
    let filters = filters();
    let all = |path: &str| -> Vec<Value> {
        let pointer = format!("/spec/configPatches/0{path}");
        filters.iter().map(|it| it.value.pointer(&pointer).cloned().unwrap_or_default()).collect()
    };
    assert_eq!(all("/match/context"), ["SIDECAR_INBOUND", "SIDECAR_OUTBOUND"]);
    assert_eq!(all("/match/listener/portNumber"), [Value::Null, json!(5000)]);
    assert_eq!(all("/patch/value/typed_config/config/name"), ["helius-inbound", "helius-outbound"]);
    assert_eq!(all("/patch/value/typed_config/config/vm_config/vm_id"), ["helius", "helius"]);
    // Two of one name would overwrite each other's gauge of a refused document.
    let services = ["helius-inbound", "helius-outbound"].map(|it| document(it)["service"].clone());
    assert_eq!(services, ["recommender", "recommender-mlflow"]);
}

#[test]
fn the_module_is_mounted_once_though_both_filters_bring_it() {
    let manifests = rendered::example(&root(), "recommender-mlflow").unwrap();
    let deployment = manifests.iter().find(|it| it.kind() == "Deployment").unwrap();
    let volumes = deployment.items("/spec/template/spec/volumes").filter(|(_, it)| it["name"] == "helius-module");
    assert_eq!(volumes.count(), 1);
}

/// The route that a request of `MLflow`'s client takes.
fn route(method: &str, path: &str) -> Option<String> {
    let config = Config::read(&Node::read(document("helius-outbound").to_string().as_bytes()).unwrap()).unwrap();
    let mut headers = Headers::default();
    headers.push(":method", method);
    headers.push(":path", format!("/api/2.0/{path}"));
    config.route_of(&headers).map(|(_, route)| route.name().to_owned())
}

#[test]
fn what_a_model_is_loaded_with_is_remembered() {
    for (method, path, expected) in [
        ("GET", "mlflow/registered-models/alias?name=reco&alias=champion", "model-version"),
        ("GET", "mlflow/model-versions/get?name=reco&version=3", "model-version"),
        ("GET", "mlflow/model-versions/get-download-uri?name=reco&version=3", "registry"),
        ("GET", "mlflow/model-versions/search?filter=name%3D%27reco%27", "registry"),
        ("GET", "mlflow/registered-models/get?name=reco", "registry"),
        ("GET", "mlflow/registered-models/search?max_results=100", "registry"),
        ("GET", "mlflow/registered-models/get-latest-versions?name=reco", "registry"),
        ("GET", "mlflow/logged-models/m-1", "registry"),
        ("GET", "mlflow/logged-models/m-1/artifacts/directories", "registry"),
        ("GET", "mlflow/runs/get?run_id=1", "registry"),
        ("GET", "mlflow/artifacts/list?run_id=1", "registry"),
        ("POST", "mlflow/registered-models/get-latest-versions", "latest-versions"),
        ("GET", "mlflow-artifacts/artifacts?path=1%2Fmodels", "artifacts"),
        ("GET", "mlflow-artifacts/artifacts/1/models/m-1/artifacts/MLmodel", "artifacts"),
    ] {
        assert_eq!(route(method, path).as_deref(), Some(expected), "{method} {path}");
    }
}

#[test]
fn what_changes_the_registry_is_never_sent_twice_nor_answered_from_memory() {
    let (models, versions) = ("mlflow/registered-models", "mlflow/model-versions");
    for (method, path) in [
        ("POST", format!("{models}/create")),
        ("POST", format!("{models}/rename")),
        ("PATCH", format!("{models}/update")),
        ("DELETE", format!("{models}/delete")),
        ("POST", format!("{models}/set-tag")),
        ("DELETE", format!("{models}/delete-tag")),
        // The same path as that of the read.
        ("POST", format!("{models}/alias")),
        ("DELETE", format!("{models}/alias")),
        ("POST", format!("{versions}/create")),
        ("PATCH", format!("{versions}/update")),
        ("DELETE", format!("{versions}/delete")),
        ("POST", format!("{versions}/transition-stage")),
        ("POST", format!("{versions}/set-tag")),
        ("POST", "mlflow/logged-models".to_owned()),
        ("PATCH", "mlflow/logged-models/m-1".to_owned()),
        ("DELETE", "mlflow/logged-models/m-1".to_owned()),
        ("POST", "mlflow/runs/create".to_owned()),
        ("POST", "mlflow/runs/log-batch".to_owned()),
        ("PUT", "mlflow-artifacts/artifacts/1/models/m-1/artifacts/MLmodel".to_owned()),
        ("DELETE", "mlflow-artifacts/artifacts/1/models/m-1".to_owned()),
        ("POST", "mlflow-artifacts/mpu/create/1/models/m-1".to_owned()),
        // A link that ends is no answer to keep.
        ("POST", "mlflow/artifacts/presigned-download-url".to_owned()),
    ] {
        assert_eq!(route(method, &path), None, "{method} {path}");
    }
}

#[test]
fn answers_of_mlflow_can_be_kept() {
    // MLflow 3 says so in every answer, also to clients that show no origin.
    let varies_by = json!({ "header": "origin" });
    for route in document("helius-outbound")["routes"].as_array().unwrap() {
        let key = route["fail_open"]["last_good"]["key"].as_array().unwrap();
        assert!(key.contains(&varies_by), "{}: no answer would be kept; add {varies_by} to its key", route["name"]);
    }
}

#[test]
fn nothing_is_made_up_about_a_model() {
    for route in document("helius-outbound")["routes"].as_array().unwrap() {
        for answer in route["fail_open"]["static"].as_array().into_iter().flatten() {
            assert_eq!(answer["status"], 503, "{}: MLflow's client would believe it", route["name"]);
        }
    }
}

#[test]
fn the_real_envoy_takes_both_filters() {
    let envoy = std::env::var("ENVOY").expect("no $ENVOY; run: scripts/with-envoy cargo test -p helius-istio");
    let of = "type.googleapis.com/envoy.extensions.filters";
    let listener = |filter: &Manifest| {
        let mut filter = filter.value.pointer("/spec/configPatches/0/patch/value").unwrap().clone();
        // The file that the pod mounts is the one that was built here.
        filter["typed_config"]["config"]["vm_config"]["code"]["local"]["filename"] =
            json!(root().join("dist/helius.wasm"));
        let router = json!({ "name": "envoy.filters.http.router", "typed_config": { "@type": format!("{of}.http.router.v3.Router") } });
        let manager = json!({
            "@type": format!("{of}.network.http_connection_manager.v3.HttpConnectionManager"),
            "stat_prefix": filter["name"],
            "route_config": { "name": "none" },
            "http_filters": [filter, router],
        });
        json!({
            "name": filter["name"],
            "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } },
            "filter_chains": [{ "filters": [{ "name": "envoy.filters.network.http_connection_manager", "typed_config": manager }] }],
        })
    };
    let listeners: Vec<_> = filters().iter().map(listener).collect();
    let cluster =
        json!({ "name": "helius_agent", "type": "STATIC", "load_assignment": { "cluster_name": "helius_agent" } });
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("envoy.json");
    let bootstrap = json!({ "static_resources": { "listeners": listeners, "clusters": [cluster] } });
    std::fs::write(&file, bootstrap.to_string()).unwrap();
    let mut command = Command::new(envoy);
    let output = command.args(["--mode", "validate", "--use-dynamic-base-id", "-c"]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
