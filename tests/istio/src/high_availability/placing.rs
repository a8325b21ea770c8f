//! How many pods there are, where, and whether they can be replaced.

use serde_json::Value;

use super::{FEWEST, replicas};
use crate::Manifest;

pub(super) fn problems(deployment: &Manifest) -> Vec<String> {
    let mut problems = Vec::new();
    if replicas(deployment) <= FEWEST {
        let place = deployment.place("/spec/replicas");
        problems.push(format!("{place}: has no spare one; write {} or more", FEWEST + 1));
    }
    problems.extend(hosts(deployment));
    problems.extend(zones(deployment));
    problems.extend(rollout(deployment));
    problems
}

/// No two on one host.
fn hosts(deployment: &Manifest) -> Option<String> {
    let pointer = "/spec/template/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution";
    let mut terms = deployment.items(pointer);
    let is_kept = terms.any(|(_, term)| {
        term["topologyKey"] == "kubernetes.io/hostname"
            && deployment.has_pods_with(term.pointer("/labelSelector/matchLabels"))
    });
    (!is_kept).then(|| {
        let place = deployment.place(pointer);
        format!("{place}: two may be on one host; require anti-affinity to its own labels by kubernetes.io/hostname")
    })
}

/// Over all zones evenly, but for those that are lost.
fn zones(deployment: &Manifest) -> Option<String> {
    let pointer = "/spec/template/spec/topologySpreadConstraints";
    let mut constraints = deployment.items(pointer);
    let is_kept = constraints.any(|(_, it)| {
        it["topologyKey"] == "topology.kubernetes.io/zone"
            && it["maxSkew"] == 1
            && it["whenUnsatisfiable"] == "DoNotSchedule"
            && it["nodeTaintsPolicy"] == "Honor"
            && deployment.has_pods_with(it.pointer("/labelSelector/matchLabels"))
    });
    (!is_kept).then(|| {
        let place = deployment.place(pointer);
        format!(
            "{place}: one zone may get them all, or a lost one keeps its place; spread its own labels by \
             topology.kubernetes.io/zone with maxSkew: 1, DoNotSchedule and nodeTaintsPolicy: Honor"
        )
    })
}

/// With as many hosts as replicas a pod that comes first finds none, so one has to go first; and enough stay.
fn rollout(deployment: &Manifest) -> Vec<String> {
    let pointer = "/spec/strategy/rollingUpdate";
    let number = |key: &str| deployment.value.pointer(&format!("{pointer}/{key}")).and_then(Value::as_u64);
    let (gone, more) = (number("maxUnavailable"), number("maxSurge"));
    let mut problems = Vec::new();
    if gone.is_none_or(|it| it == 0) {
        let place = deployment.place(&format!("{pointer}/maxUnavailable"));
        problems.push(format!("{place}: an update waits for ever for a host that is free; write 1, and maxSurge: 0"));
    }
    if more != Some(0) {
        let place = deployment.place(&format!("{pointer}/maxSurge"));
        problems.push(format!("{place}: where each host has one, a further pod finds no place; write 0"));
    }
    let left = replicas(deployment).saturating_sub(gone.unwrap_or_default());
    if left < FEWEST {
        let place = deployment.place(&format!("{pointer}/maxUnavailable"));
        problems.push(format!("{place}: an update leaves {left} pods; leave {FEWEST}"));
    }
    problems
}
