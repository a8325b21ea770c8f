//! Whether what has to be there always is laid out so: each `Deployment` with replicas enough, in places of their own, with
//! nothing in a pod that the others have not, and never too few of them at once.

mod containers;
mod placing;

use serde_json::Value;

use crate::{Manifest, rights};

/// Fewer than so many that work leave no spare one.
const FEWEST: u64 = 2;

/// Everything that is wrong with the `Deployment`s of a layout, and with what surrounds them.
pub fn problems(layout: &[Manifest]) -> Vec<String> {
    let mut problems = rights::needless_tokens(layout);
    for deployment in layout.iter().filter(|it| it.kind() == "Deployment") {
        problems.extend(placing::problems(deployment));
        problems.extend(containers::problems(deployment));
        problems.extend(budget(layout, deployment));
        problems.extend(callers(layout, deployment));
    }
    problems
}

/// The pods of a `Deployment` that there are to be.
fn replicas(deployment: &Manifest) -> u64 {
    deployment.value.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1)
}

/// Maintenance leaves enough.
fn budget(layout: &[Manifest], deployment: &Manifest) -> Option<String> {
    let mut budgets = layout.iter().filter(|it| it.kind() == "PodDisruptionBudget");
    let budget = budgets.find(|it| deployment.has_pods_with(it.value.pointer("/spec/selector/matchLabels")));
    let Some(budget) = budget else {
        return Some(format!(
            "{}: no PodDisruptionBudget selects its pods; add one with minAvailable: {FEWEST}",
            deployment.place("")
        ));
    };
    let number = |path: &str| budget.value.pointer(path).and_then(Value::as_u64);
    let taken = number("/spec/maxUnavailable").map(|it| replicas(deployment).saturating_sub(it));
    let left = number("/spec/minAvailable").or(taken).unwrap_or_default();
    let place = budget.place("/spec");
    if left < FEWEST {
        return Some(format!("{place}: leaves {left} pods; write minAvailable: {FEWEST}"));
    }
    let is_stuck = left >= replicas(deployment);
    is_stuck.then(|| format!("{place}: lets none go, so no node can be drained; write minAvailable: {FEWEST}"))
}

/// Those who call it leave out a pod that fails, and others do not reach it at all.
fn callers(layout: &[Manifest], deployment: &Manifest) -> Vec<String> {
    let mut problems = Vec::new();
    let policy = |it: &&Manifest| {
        it.kind() == "NetworkPolicy" && deployment.has_pods_with(it.value.pointer("/spec/podSelector/matchLabels"))
    };
    if !layout.iter().any(|it| policy(&it)) {
        problems.push(format!("{}: no NetworkPolicy selects its pods; add one", deployment.place("")));
    }
    for service in layout.iter().filter(|it| it.kind() == "Service") {
        let is_http = service.items("/spec/ports").any(|(_, port)| port["appProtocol"] == "http");
        if !is_http || !deployment.has_pods_with(service.value.pointer("/spec/selector")) {
            continue;
        }
        let host = format!("{}.{}.svc.cluster.local", service.name(), service.text("/metadata/namespace"));
        let ejects = |it: &Manifest| {
            it.kind() == "DestinationRule"
                && it.text("/spec/host") == host
                && it.value.pointer("/spec/trafficPolicy/outlierDetection").is_some_and(Value::is_object)
        };
        if !layout.iter().any(ejects) {
            let place = service.place("");
            problems.push(format!(
                "{place}: nobody leaves out a pod that fails; add a DestinationRule for {host} with outlierDetection"
            ));
        }
    }
    problems
}
