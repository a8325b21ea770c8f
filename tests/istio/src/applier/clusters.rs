//! Patches of clusters.

use serde_json::Value;

use super::Context;
use super::merge::merge;
use super::patch::Patch;

/// Applies the patches of a context to its clusters.
pub(super) fn apply(patches: &[&Patch], context: Context, clusters: &mut Vec<Value>) {
    let patches: Vec<_> = patches.iter().filter(|it| it.applies_to("CLUSTER")).collect();
    clusters
        .retain_mut(|cluster| !is_of(context, cluster) || !patches.iter().any(|patch| is_removed_by(patch, cluster)));
    for patch in patches.iter().filter(|it| it.is_added_in(context)) {
        clusters.push(patch.value().clone());
        patch.found_its_place();
    }
}

/// Merges a patch into a cluster where it is meant; says whether it removes it.
fn is_removed_by(patch: &Patch, cluster: &mut Value) -> bool {
    if !is_meant(patch, cluster) {
        return false;
    }
    match patch.operation() {
        "REMOVE" => {
            patch.found_its_place();
            true
        }
        "MERGE" => {
            patch.found_its_place();
            // A patch with a transport socket changes that and nothing else.
            match patch.value().get("transport_socket") {
                Some(socket) if cluster["transport_socket"]["name"] == socket["name"] => {
                    merge(&mut cluster["transport_socket"], socket);
                }
                Some(socket) => cluster["transport_socket"] = socket.clone(),
                None => merge(cluster, patch.value()),
            }
            false
        }
        _ => false,
    }
}

fn is_of(context: Context, cluster: &Value) -> bool {
    let name = cluster["name"].as_str().unwrap_or_default();
    (context == Context::Inbound) == name.starts_with("inbound|")
}

/// Istio's own clusters are named by direction, port, subset and host.
fn is_meant(patch: &Patch, cluster: &Value) -> bool {
    let Some(condition) = patch.condition("cluster") else { return true };
    let name = cluster["name"].as_str().unwrap_or_default();
    if let Some(wanted) = condition["name"].as_str().filter(|it| !it.is_empty()) {
        return wanted == name;
    }
    let mut parts = name.split('|').skip(1);
    let mut is_equal = |wanted: Option<String>| {
        let part = parts.next();
        wanted.filter(|it| !it.is_empty()).is_none_or(|wanted| part == Some(&wanted))
    };
    let text = |key: &str| condition[key].as_str().map(str::to_owned);
    let port = condition["portNumber"].as_u64().filter(|it| *it != 0).map(|it| it.to_string());
    is_equal(port) & is_equal(text("subset")) & is_equal(text("service"))
}
