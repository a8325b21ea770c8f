//! The manifests under `envoy/gateway`: what fits together, and what Envoy Gateway would not find.

use std::path::Path;

use helius_istio::envoy_gateway::{FOLDER, manifests, translate};
use helius_istio::{Manifest, configuration, kustomization, read, root};
use helius_policy::config::parse_duration;
use serde_json::{Value, json};

fn of<'a>(manifests: &'a [Manifest], kind: &str) -> &'a Manifest {
    manifests.iter().find(|it| it.kind() == kind).unwrap()
}

fn translated(manifests: &[Manifest]) -> Result<Value, String> {
    let translated = translate(manifests, Path::new("helius.wasm"), true)?;
    Ok(json!({ "listener": translated.listener, "clusters": translated.clusters }))
}

#[test]
fn the_folder_lists_what_it_has_and_its_document_is_good() {
    assert_eq!(kustomization::problems(&root(), FOLDER).unwrap(), Vec::<String>::new());
    let file = format!("{FOLDER}/filter.yaml");
    let text = std::fs::read(root().join(&file)).unwrap();
    assert_eq!(configuration::problems_of_file(&file, &text), Vec::<String>::new());
}

#[test]
fn the_ladder_has_what_it_needs() {
    let manifests = manifests().unwrap();
    let translated = translated(&manifests).unwrap();
    let manager = &translated["listener"]["default_filter_chain"]["filters"][0]["typed_config"];
    let config = &manager["http_filters"][0]["typed_config"]["config"];
    assert_eq!((&config["allow_on_headers_stop_iteration"], &config["fail_open"]), (&json!(true), &Value::Null));
    assert_eq!(config["failure_policy"], "FAIL_RELOAD");
    let document = &of(&manifests, "EnvoyExtensionPolicy").value["spec"]["wasm"][0]["config"];
    let upstream = &document["routes"][0]["upstream"];
    let clusters: Vec<_> = translated["clusters"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert!(clusters.contains(&&upstream["regions"][1]["cluster"]), "{clusters:?}");
    let [route, ladder] =
        [&of(&manifests, "HTTPRoute").value["spec"]["rules"][0]["timeouts"]["request"], &upstream["timeout"]];
    assert!(parse_duration(route.as_str().unwrap()) > parse_duration(ladder.as_str().unwrap()), "{route} {ladder}");
}

#[test]
fn the_labels_are_those_of_the_bootstrap() {
    let ours = of(&manifests().unwrap(), "EnvoyProxy").text("/spec/bootstrap/value").to_owned();
    let tags = |text: &[u8]| read("", text).unwrap().remove(0).value["stats_config"]["stats_tags"].clone();
    assert_eq!(tags(ours.as_bytes()), tags(&std::fs::read(root().join("envoy/bootstrap.yaml")).unwrap()));
}

#[test]
fn a_name_that_envoy_gateway_does_not_give_is_found() {
    for (kind, pointer, wrong, said) in [
        ("EnvoyExtensionPolicy", "/metadata/name", "filter", "finds nothing"),
        (
            "Gateway",
            "/spec/listeners/0/name",
            "https",
            "there is no type.googleapis.com/envoy.config.listener.v3.Listener",
        ),
        ("EnvoyPatchPolicy", "/spec/jsonPatches/1/operation/jsonPath", "..fail_close", "..fail_close finds nothing"),
    ] {
        let mut manifests = manifests().unwrap();
        let manifest = manifests.iter_mut().find(|it| it.kind() == kind).unwrap();
        *manifest.value.pointer_mut(pointer).unwrap() = json!(wrong);
        let problem = translated(&manifests).unwrap_err();
        assert!(problem.starts_with("envoy/gateway/ladder.yaml:") && problem.contains(said), "{problem}");
    }
}
