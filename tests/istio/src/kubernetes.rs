//! Kubernetes' own kinds, as far as their types say: shapes, and fields that there are. Those of prometheus-operator are
//! judged in [`monitoring`].

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde_json::Value;

use crate::{Manifest, monitoring};

/// What is wrong with a manifest; nothing is said of Istio's kinds, and of kustomize's.
pub fn problems(manifest: &Manifest) -> Vec<String> {
    let again = match (manifest.text("/apiVersion"), manifest.kind()) {
        ("apps/v1", "Deployment") => again::<Deployment>(manifest),
        ("v1", "ConfigMap") => again::<ConfigMap>(manifest),
        ("v1", "Namespace") => again::<Namespace>(manifest),
        ("v1", "Service") => again::<Service>(manifest),
        ("v1", "ServiceAccount") => again::<ServiceAccount>(manifest),
        ("networking.k8s.io/v1", "NetworkPolicy") => again::<NetworkPolicy>(manifest),
        ("policy/v1", "PodDisruptionBudget") => again::<PodDisruptionBudget>(manifest),
        ("monitoring.coreos.com/v1", _) => return monitoring::problems_of_shape(manifest),
        (api_version, _)
            if api_version.contains("istio.io/") || api_version.starts_with("kustomize.config.k8s.io/") =>
        {
            return Vec::new();
        }
        (api_version, kind) => {
            let place = manifest.place("/kind");
            return vec![format!(
                "{place}: nobody judges {kind} of {api_version:?}; add its type to tests/istio/src/kubernetes.rs"
            )];
        }
    };
    match again {
        Ok(again) => {
            let mut lost = Vec::new();
            find_lost(&manifest.value, &again, "", &mut lost);
            let told = lost.iter().map(|pointer| {
                let kind = manifest.kind();
                format!("{}: {kind} has no such field; take it out, or mend its name", manifest.place(pointer))
            });
            told.collect()
        }
        Err(error) => vec![format!("{}: {error}; write what {} has", manifest.place(""), manifest.kind())],
    }
}

/// What its type keeps of it: a field that the type does not know is gone.
fn again<T: serde::de::DeserializeOwned + serde::Serialize>(manifest: &Manifest) -> serde_json::Result<Value> {
    serde_json::to_value(serde_json::from_value::<T>(manifest.value.clone())?)
}

fn find_lost(written: &Value, kept: &Value, pointer: &str, lost: &mut Vec<String>) {
    match (written, kept) {
        (Value::Object(written), Value::Object(kept)) => {
            for (key, value) in written {
                let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                match kept.get(key) {
                    Some(kept) => find_lost(value, kept, &pointer, lost),
                    None => lost.push(pointer),
                }
            }
        }
        (Value::Array(written), Value::Array(kept)) => {
            for (index, (written, kept)) in written.iter().zip(kept).enumerate() {
                find_lost(written, kept, &format!("{pointer}/{index}"), lost);
            }
        }
        _ => {}
    }
}
