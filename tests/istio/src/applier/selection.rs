//! Which filters count for a proxy, and in which order they are applied.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::Manifest;

/// Where filters are written that count for the whole mesh.
pub const ROOT_NAMESPACE: &str = "istio-system";

/// The proxy of a pod, as Istio knows it.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's labels.
    pub labels: BTreeMap<String, String>,
    /// The version of Istio that it has.
    pub istio_version: String,
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy of a pod with {:?} in {}", self.labels, self.namespace)
    }
}

impl Proxy {
    /// That of the pods of the first `Deployment` in a rendered example.
    ///
    /// # Errors
    ///
    /// Where there is no `Deployment`.
    pub fn of(example: &[Manifest], istio_version: &str) -> Result<Self, String> {
        let deployment = example.iter().find(|it| it.kind() == "Deployment").ok_or("there is no Deployment")?;
        let labels = deployment.value.pointer("/spec/template/metadata/labels").and_then(Value::as_object);
        let labels = labels.into_iter().flatten().filter_map(|(key, it)| Some((key.clone(), it.as_str()?.to_owned())));
        Ok(Self {
            namespace: deployment.text("/metadata/namespace").to_owned(),
            labels: labels.collect(),
            istio_version: istio_version.to_owned(),
        })
    }
}

/// By priority; those of the root namespace before those of the pod's; the older ones first; then by name.
pub(super) fn select<'a>(filters: &'a [Manifest], proxy: &Proxy) -> Vec<&'a Manifest> {
    let mut selected: Vec<_> =
        filters.iter().filter(|it| it.kind() == "EnvoyFilter" && counts_for(it, proxy)).collect();
    selected.sort_by_key(|it| {
        (
            it.value.pointer("/spec/priority").and_then(Value::as_i64).unwrap_or_default(),
            namespace(it) != ROOT_NAMESPACE,
            it.text("/metadata/creationTimestamp"),
            it.name(),
        )
    });
    selected
}

fn namespace(filter: &Manifest) -> &str {
    filter.text("/metadata/namespace")
}

/// All its labels have to be the pod's; without labels it counts for every pod.
fn counts_for(filter: &Manifest, proxy: &Proxy) -> bool {
    let labels = filter.value.pointer("/spec/workloadSelector/labels").and_then(Value::as_object);
    let is_selected =
        labels.into_iter().flatten().all(|(key, it)| proxy.labels.get(key).map(String::as_str) == it.as_str());
    is_selected && [ROOT_NAMESPACE, &proxy.namespace].contains(&namespace(filter))
}
