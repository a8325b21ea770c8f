//! Labels, volumes, service accounts and ports of pods.

use serde_json::{Map, Value};

use super::of;
use crate::Manifest;

/// The one `ConfigMap` that is made by hand, because it is not text.
const MODULE: &str = "helius-module";

/// Where each kind says which pods it is about.
const SELECTORS: [(&str, &str); 6] = [
    ("EnvoyFilter", "/spec/workloadSelector/labels"),
    ("WasmPlugin", "/spec/selector/matchLabels"),
    ("NetworkPolicy", "/spec/podSelector/matchLabels"),
    ("PodDisruptionBudget", "/spec/selector/matchLabels"),
    ("Service", "/spec/selector"),
    ("Deployment", "/spec/selector/matchLabels"),
];

pub(super) fn problems(example: &[Manifest]) -> Vec<String> {
    let mut problems = Vec::new();
    let labels: Vec<&Value> =
        of(example, "Deployment").filter_map(|it| it.value.pointer("/spec/template/metadata/labels")).collect();
    for (kind, pointer) in SELECTORS {
        for manifest in of(example, kind) {
            let wanted = manifest.value.pointer(pointer);
            if !of(example, "Deployment").any(|it| it.has_pods_with(wanted)) {
                let place = manifest.place(pointer);
                problems.push(format!(
                    "{place}: selects no pod of the Deployment; write labels that its pods have: {labels:?}"
                ));
            }
        }
    }
    for deployment in of(example, "Deployment") {
        problems.extend(unknown_account(example, deployment));
        problems.extend(unknown_volumes(example, deployment));
        problems.extend(module(example, deployment));
        problems.extend(service_ports(example, deployment));
    }
    problems
}

fn unknown_account(example: &[Manifest], deployment: &Manifest) -> Option<String> {
    let pointer = "/spec/template/spec/serviceAccountName";
    let name = deployment.text(pointer);
    let is_there = of(example, "ServiceAccount").any(|it| it.name() == name);
    (!is_there).then(|| format!("{}: there is no ServiceAccount {name:?}; write its name", deployment.place(pointer)))
}

/// Volumes that nobody has, in mounts, and `ConfigMap`s that nobody makes, in volumes.
fn unknown_volumes(example: &[Manifest], deployment: &Manifest) -> Vec<String> {
    let mut problems = Vec::new();
    let pod = "/spec/template/spec";
    let volumes: Vec<_> = deployment.items(&format!("{pod}/volumes")).collect();
    let containers = ["containers", "initContainers"].map(|it| format!("{pod}/{it}"));
    for (at, container) in containers.iter().flat_map(|it| deployment.items(it)) {
        for (index, mount) in container["volumeMounts"].as_array().into_iter().flatten().enumerate() {
            if !volumes.iter().any(|(_, volume)| volume["name"] == mount["name"]) {
                let place = deployment.place(&format!("{at}/volumeMounts/{index}"));
                problems.push(format!("{place}: there is no volume {}; add it to the pod's volumes", mount["name"]));
            }
        }
    }
    for (at, volume) in &volumes {
        let Some(name) = volume["configMap"]["name"].as_str() else { continue };
        if name != MODULE && !of(example, "ConfigMap").any(|it| it.name() == name) {
            let place = deployment.place(&format!("{at}/configMap/name"));
            problems.push(format!("{place}: there is no ConfigMap {name:?}; write the name of one"));
        }
    }
    problems
}

/// The file of each filter has to lie in what Istio is asked to mount.
fn module(example: &[Manifest], deployment: &Manifest) -> Vec<String> {
    let mut problems = Vec::new();
    let pointer = "/spec/template/metadata/annotations/sidecar.istio.io~1userVolumeMount";
    let text = deployment.text(pointer);
    let mounts: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    let volumes: Vec<_> = deployment.items("/spec/template/spec/volumes").map(|(_, volume)| volume).collect();
    for name in mounts.keys().filter(|name| !volumes.iter().any(|it| it["name"].as_str() == Some(name))) {
        problems
            .push(format!("{}: there is no volume {name:?}; add it to the pod's volumes", deployment.place(pointer)));
    }
    let mut directories = mounts.values().filter_map(|it| it["mountPath"].as_str());
    let wanted = directories.next().map(|it| format!("{it}/helius.wasm")).unwrap_or_default();
    for filter in of(example, "EnvoyFilter") {
        for (at, _) in filter.items("/spec/configPatches").filter(|(_, it)| it["applyTo"] == "HTTP_FILTER") {
            let at = format!("{at}/patch/value/typed_config/config/vm_config/code/local/filename");
            if filter.text(&at) != wanted {
                let place = filter.place(&at);
                problems.push(format!(
                    "{place}: is not where {} mounts the module; write {wanted:?}",
                    deployment.place(pointer)
                ));
            }
        }
    }
    problems
}

fn service_ports(example: &[Manifest], deployment: &Manifest) -> Vec<String> {
    let ports: Vec<_> = deployment.items("/spec/template/spec/containers").map(|(_, it)| &it["ports"]).collect();
    let has = |port: &Value| {
        ports
            .iter()
            .any(|of| of.as_array().into_iter().flatten().any(|it| it["containerPort"] == *port || it["name"] == *port))
    };
    let mut problems = Vec::new();
    for service in of(example, "Service") {
        for (at, port) in service.items("/spec/ports").filter(|(_, port)| !has(&port["targetPort"])) {
            let place = service.place(&format!("{at}/targetPort"));
            problems.push(format!("{place}: the pods have no port {}; write one that they have", port["targetPort"]));
        }
    }
    problems
}
