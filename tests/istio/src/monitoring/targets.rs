//! Whether Prometheus finds the agents, by the operator's way and by its own: nothing says so where it finds none.

use serde_json::{Value, json};

use super::file;
use crate::Manifest;

/// What of the ways to the agents does not fit these pods, or each other. The manifests are those of the folder; the pods
/// are Deployments with an agent, and their `NetworkPolicies`.
pub fn problems(monitoring: &[Manifest], pods: &[Manifest]) -> Vec<String> {
    let files = ["pod-monitor.yaml", "scrape-config.yaml", "kustomization.yaml"].map(|name| file(monitoring, name));
    let [Some(monitor), Some(plain), Some(list)] = files else {
        return vec!["istio/monitoring: lacks pod-monitor.yaml, scrape-config.yaml or kustomization.yaml".to_owned()];
    };
    let mut problems = Vec::new();
    let port = monitor.text("/spec/podMetricsEndpoints/0/port");
    for pod in pods.iter().filter(|it| it.kind() == "Deployment") {
        problems.extend(labels_differ(monitor, pod));
        let mut containers = pod.items("/spec/template/spec/initContainers");
        if !containers.any(|(_, it)| it["ports"].as_array().into_iter().flatten().any(|it| it["name"] == port)) {
            let place = monitor.place("/spec/podMetricsEndpoints/0/port");
            problems.push(format!("{place}: no agent in {} has the port {port:?}; write its name", pod.file));
        }
    }
    if monitor.value.pointer("/spec/namespaceSelector") != Some(&json!({ "any": true })) {
        let place = monitor.place("/spec/namespaceSelector");
        problems.push(format!("{place}: agents are in any namespace; write any: true"));
    }
    problems.extend(same_way(monitor, plain, port));
    let namespace = list.text("/namespace");
    for policy in pods.iter().filter(|it| it.kind() == "NetworkPolicy") {
        let wanted = json!({ "kubernetes.io/metadata.name": namespace });
        let mut sources = policy.items("/spec/ingress").filter_map(|(_, it)| it["from"].as_array());
        if !sources.any(|from| from.iter().any(|it| it["namespaceSelector"]["matchLabels"] == wanted)) {
            let place = list.place("/namespace");
            problems
                .push(format!("{place}: {} does not let in {namespace:?}; write the one that it does", policy.file));
        }
    }
    problems
}

fn labels_differ(monitor: &Manifest, pod: &Manifest) -> Option<String> {
    let selector = "/spec/selector/matchLabels";
    let place = monitor.place(selector);
    let is_selected = pod.has_pods_with(monitor.value.pointer(selector));
    (!is_selected).then(|| format!("{place}: pods of {} are not selected; write their label", pod.file))
}

/// A plain Prometheus reads the same ports of the same pods, as often, under the name by which the alerts know the job.
fn same_way(monitor: &Manifest, plain: &Manifest, port: &str) -> Vec<String> {
    let job = "/scrape_configs/0";
    let endpoint = "/spec/podMetricsEndpoints/0";
    let mut problems = Vec::new();
    for (ours, theirs) in [
        ("/job_name".to_owned(), "/metadata/name".to_owned()),
        ("/scrape_interval".to_owned(), format!("{endpoint}/interval")),
        ("/scrape_timeout".to_owned(), format!("{endpoint}/scrapeTimeout")),
    ] {
        let (ours, wanted) = (format!("{job}{ours}"), monitor.text(&theirs));
        if plain.text(&ours) != wanted {
            problems.push(format!("{}: is not {wanted:?}, as in {}; write it", plain.place(&ours), monitor.file));
        }
    }
    let keeps = |source: &str, regex: &str| {
        let wanted = json!({ "action": "keep", "source_labels": [source], "regex": regex });
        plain.items(&format!("{job}/relabel_configs")).any(|(_, it)| *it == wanted)
    };
    let labels = monitor.value.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let mut wanted = vec![("__meta_kubernetes_pod_container_port_name".to_owned(), port)];
    for (name, value) in labels.into_iter().flatten() {
        wanted.push((format!("__meta_kubernetes_pod_label_{name}"), value.as_str().unwrap_or_default()));
    }
    for (source, regex) in wanted.into_iter().filter(|(source, regex)| !keeps(source, regex)) {
        let place = plain.place(&format!("{job}/relabel_configs"));
        problems.push(format!("{place}: does not keep {source} {regex:?}, as {} does; write it", monitor.file));
    }
    problems
}
