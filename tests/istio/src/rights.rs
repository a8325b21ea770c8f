//! What each service account may do in Kubernetes, read from the manifests.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::Manifest;

/// Each service account, by its name, with what it may do, as `VERB GROUP/RESOURCE`. One that nothing is bound to may do
/// nothing.
pub fn table(manifests: &[Manifest]) -> BTreeMap<String, BTreeSet<String>> {
    let mut table = BTreeMap::new();
    for account in manifests.iter().filter(|it| it.kind() == "ServiceAccount") {
        table.entry(account.name().to_owned()).or_insert_with(BTreeSet::new);
    }
    for binding in manifests.iter().filter(|it| matches!(it.kind(), "RoleBinding" | "ClusterRoleBinding")) {
        let role = (binding.text("/roleRef/kind"), binding.text("/roleRef/name"));
        let granted: BTreeSet<_> =
            manifests.iter().filter(|it| (it.kind(), it.name()) == role).flat_map(rules).collect();
        for (_, subject) in binding.items("/subjects").filter(|(_, it)| it["kind"] == "ServiceAccount") {
            let name = subject["name"].as_str().unwrap_or_default().to_owned();
            table.entry(name).or_default().extend(granted.iter().cloned());
        }
    }
    table
}

/// Everything that gets a token that it has no use for.
pub fn needless_tokens(manifests: &[Manifest]) -> Vec<String> {
    let mounts = |it: &Manifest, pointer: &str| it.value.pointer(pointer) != Some(&Value::Bool(false));
    let pointer = |it: &Manifest| match it.kind() {
        "ServiceAccount" => Some("/automountServiceAccountToken"),
        "Deployment" => Some("/spec/template/spec/automountServiceAccountToken"),
        _ => None,
    };
    let found = manifests.iter().filter_map(|it| pointer(it).filter(|pointer| mounts(it, pointer)).map(|at| (it, at)));
    found.map(|(it, pointer)| format!("{}: mounts a token that nobody uses; write false", it.place(pointer))).collect()
}

fn rules(role: &Manifest) -> BTreeSet<String> {
    let mut granted = BTreeSet::new();
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    for (_, rule) in role.items("/rules") {
        for verb in texts(&rule["verbs"]) {
            for group in texts(&rule["apiGroups"]) {
                granted.extend(texts(&rule["resources"]).iter().map(|resource| format!("{verb} {group}/{resource}")));
            }
        }
    }
    granted
}
