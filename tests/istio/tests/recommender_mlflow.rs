//! The example with two filters in one sidecar: that they do not get in each other's way, and that of `MLflow`'s API only what
//! reads is answered from memory.

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
