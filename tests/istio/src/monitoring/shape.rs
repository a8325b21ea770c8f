//! The kinds of prometheus-operator, as far as they are used here. Its own schemas are not at hand, so this is narrower than
//! they are: what is not written down here is refused, and whoever needs more of it adds it after a look at the operator's
//! reference.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Manifest;

/// What is wrong with a manifest of `monitoring.coreos.com/v1`.
pub fn problems(manifest: &Manifest) -> Vec<String> {
    let judged = match manifest.kind() {
        "PodMonitor" => read::<PodMonitor>(manifest),
        "PrometheusRule" => read::<PrometheusRule>(manifest),
        kind => Err(format!("nobody judges {kind}; add its shape to tests/istio/src/monitoring/shape.rs")),
    };
    judged.err().into_iter().map(|error| format!("{}: {error}", manifest.place(""))).collect()
}

fn read<T: for<'a> Deserialize<'a>>(manifest: &Manifest) -> Result<(), String> {
    let read = serde_json::from_value::<Object<T>>(manifest.value.clone());
    read.map(drop).map_err(|error| format!("{error}; write what {} has", manifest.kind()))
}

type Texts = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "a field says that it may be there")]
struct Object<T> {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: T,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "a field says that it may be there")]
struct Metadata {
    name: String,
    namespace: Option<String>,
    labels: Option<Texts>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "a field says that it may be there")]
struct PrometheusRule {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "a field says that it may be there")]
struct Group {
    name: String,
    interval: Option<String>,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "a field says that it may be there")]
struct Rule {
    alert: String,
    expr: String,
    r#for: Option<String>,
    labels: Texts,
    annotations: Texts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "a field says that it may be there")]
struct PodMonitor {
    namespace_selector: Namespaces,
    selector: Selector,
    pod_metrics_endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "a field says that it may be there")]
struct Namespaces {
    any: Option<bool>,
    match_names: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "a field says that it may be there")]
struct Selector {
    match_labels: Texts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "a field says that it may be there")]
struct Endpoint {
    port: String,
    path: Option<String>,
    interval: Option<String>,
    scrape_timeout: Option<String>,
}
