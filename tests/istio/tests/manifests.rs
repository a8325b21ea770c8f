//! Every file under `istio/`, by itself: its kustomization, the schema of its kind, and what the filter and the agent are told.

use std::collections::BTreeSet;
use std::fs;

use helius_istio::data::published;
use helius_istio::{Manifest, Schemas, all, configuration, kubernetes, kustomization, read, rendered, rights, root};
use serde_json::Value;

/// Everything under `istio/`, and what becomes of it.
fn everything() -> Vec<Manifest> {
    let mut manifests = all(&root(), "istio").unwrap();
    for name in rendered::names(&root()).unwrap() {
        manifests.extend(rendered::example(&root(), &name).unwrap());
    }
    assert!(manifests.len() > 40, "only {} documents were found", manifests.len());
    manifests
}

fn assert_good(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn every_folder_lists_what_it_has_and_nothing_else() {
    assert_good(&kustomization::problems(&root(), "istio").unwrap());
}

#[test]
fn istios_kinds_have_the_shape_that_istio_gives_them() {
    let Some(text) = published("crds.yaml") else { return };
    let schemas = Schemas::read(&text).unwrap();
    let everything = everything();
    let problems: Vec<_> = everything.iter().flat_map(|it| schemas.problems(it)).collect();
    assert_good(&problems);
    let kinds = ["EnvoyFilter", "WasmPlugin", "ServiceEntry", "DestinationRule", "VirtualService"];
    let judged: BTreeSet<_> = everything.iter().map(Manifest::kind).filter(|kind| kinds.contains(kind)).collect();
    assert_eq!(judged.len(), kinds.len(), "{judged:?}");
}

#[test]
fn kubernetes_kinds_have_the_fields_that_kubernetes_knows() {
    let everything = everything();
    // Documents of the filter, of Prometheus and of Alertmanager have no kind.
    let problems: Vec<_> =
        everything.iter().filter(|it| !it.kind().is_empty()).flat_map(kubernetes::problems).collect();
    assert_good(&problems);
}

#[test]
fn every_document_of_the_filter_is_one_that_the_filter_takes() {
    let (mut problems, mut judged) = (Vec::new(), 0);
    let mut files: BTreeSet<String> =
        everything().into_iter().filter(|it| !configuration::embedded(it).is_empty()).map(|it| it.file).collect();
    let policies = all(&root(), "istio/examples").unwrap().into_iter().filter(|it| it.kind().is_empty());
    files.extend(policies.map(|it| it.file));
    for file in files {
        judged += 1;
        problems.extend(configuration::problems_of_file(&file, &fs::read(root().join(&file)).unwrap()));
    }
    assert_good(&problems);
    // Two bases, five policies, a plugin, and the five examples as they are rendered.
    assert_eq!(judged, 13);
}

#[test]
fn the_agent_takes_its_flags_and_its_overrides() {
    let everything = everything();
    let of = |kind| everything.iter().filter(move |it: &&Manifest| it.kind() == kind);
    assert_good(&of("Deployment").flat_map(configuration::problems_of_agent).collect::<Vec<_>>());
    let overrides: Vec<_> = of("ConfigMap").filter(|it| it.name() == "helius-overrides").collect();
    assert_eq!(overrides.len(), 5, "the component, and each example with an agent");
    assert_good(&overrides.into_iter().flat_map(configuration::problems_of_overrides).collect::<Vec<_>>());
}

#[test]
fn the_labels_are_those_of_the_bootstrap() {
    let bootstrap = read("envoy/bootstrap.yaml", &fs::read(root().join("envoy/bootstrap.yaml")).unwrap()).unwrap();
    let known: Vec<_> =
        bootstrap[0].items("/stats_config/stats_tags").filter_map(|(_, it)| it["tag_name"].as_str()).collect();
    let pointer = "/spec/template/metadata/annotations/sidecar.istio.io~1extraStatTags";
    let patches = everything().into_iter().filter(|it| it.kind() == "Deployment" && !it.text(pointer).is_empty());
    let mut seen = 0;
    for patch in patches {
        seen += 1;
        let said: Vec<_> = patch.text(pointer).split(',').collect();
        assert_eq!(said, known, "{}: are not the tags of envoy/bootstrap.yaml; write the same", patch.place(pointer));
    }
    assert_eq!(seen, 6, "the component, and each example");
}

/// What the code asks of Kubernetes' API: nothing. Who makes it ask writes here what, and grants as much.
const CALLS: [&str; 0] = [];

#[test]
fn every_service_account_may_do_what_the_code_does() {
    let everything = everything();
    let table = rights::table(&everything);
    assert!(table.len() >= 3, "{table:?}");
    for (account, may) in &table {
        let may: Vec<_> = may.iter().map(String::as_str).collect();
        assert_eq!(may, CALLS, "{account}: may do something else than the code does; mend its Role");
    }
    let applied: Vec<_> = everything.into_iter().filter(|it| it.file.starts_with("tests/istio/golden")).collect();
    let with_agent =
        applied.iter().filter(|it| it.kind() == "ServiceAccount" || configuration::agents(it).next().is_some());
    assert_good(&rights::needless_tokens(&with_agent.cloned().collect::<Vec<_>>()));
}

#[test]
fn the_code_asks_nothing_of_kubernetes() {
    let manifest = fs::read_to_string(root().join("agent/Cargo.toml")).unwrap();
    let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
    assert!(!dependencies.contains("kube") && !dependencies.contains("k8s"), "{dependencies}: then it needs rights");
    assert!(
        !dependencies.contains("rustls") && !dependencies.contains("tls"),
        "{dependencies}: Kubernetes' API speaks TLS"
    );
}

#[test]
fn every_kind_of_plugin_says_what_it_costs() {
    // A WasmPlugin has no field for two things, which has to stand where an operator reads it.
    let text = fs::read_to_string(root().join("istio/examples/telemetry-limits/plugin.yaml")).unwrap();
    assert!(text.contains("allow_on_headers_stop_iteration") && text.contains("vm_id"), "{text}");
    let manifest = read("plugin.yaml", text.as_bytes()).unwrap().remove(0);
    let document = &configuration::embedded(&manifest)[0].document;
    // What needs either must not be in one.
    for route in document["routes"].as_array().unwrap() {
        assert_eq!(route["upstream"], Value::Null, "its answers would have to be held");
        assert_eq!(route["admission"]["dedupe"], Value::Null, "its requests would have to be held");
    }
}

#[test]
fn the_readme_has_every_example_and_every_component() {
    let text = fs::read_to_string(root().join("istio/README.md")).unwrap();
    for folder in ["components", "examples", "high-availability"] {
        for entry in fs::read_dir(root().join("istio").join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(
                text.contains(&format!("`{name}`")),
                "istio/README.md: says nothing of {folder}/{name}; add a line"
            );
        }
    }
    // What is made by hand has the name that the pods mount, and the file the name that the filters read.
    assert!(text.contains("create configmap helius-module --from-file=dist/helius.wasm"), "{text}");
    assert!(text.contains("create secret generic helius-token --from-literal=token="), "{text}");
}
