//! What a pod has of its own, which should be nothing, and what it is told of itself.

use serde_json::{Value, json};

use crate::Manifest;

/// The one volume of a pod that may be lost with it.
const SCRATCH: &str = "scratch";

/// Where a program is told its database.
const DATABASES: [&str; 2] = ["MLFLOW_BACKEND_STORE_URI", "GF_DATABASE_PASSWORD"];

/// What in the name of a variable says that its value is nobody's business.
const SECRETS: [&str; 4] = ["PASSWORD", "SECRET", "ACCESS_KEY", "STORE_URI"];

const POD: &str = "/spec/template/spec";

pub(super) fn problems(deployment: &Manifest) -> Vec<String> {
    let mut problems = state(deployment);
    for (at, container) in deployment.items(&format!("{POD}/containers")) {
        problems.extend(environment(deployment, &at, container));
        problems.extend(probes(deployment, &at, container));
        problems.extend(confinement(deployment, &at, container));
        problems.extend(end(deployment, &at, container));
    }
    problems
}

/// Nothing that has to outlive the pod is in it.
fn state(deployment: &Manifest) -> Vec<String> {
    let mut problems = Vec::new();
    for (at, volume) in deployment.items(&format!("{POD}/volumes")) {
        let place = deployment.place(&at);
        for kind in ["hostPath", "persistentVolumeClaim", "ephemeral"] {
            if !volume[kind].is_null() {
                problems.push(format!(
                    "{place}: {kind} ties what is in it to one pod or host; keep it in the database or the store"
                ));
            }
        }
        let scratch = &volume["emptyDir"];
        if !scratch.is_null() && volume["name"] != SCRATCH {
            problems.push(format!(
                "{place}: what is in it is lost with the pod; name it {SCRATCH} where that does no harm"
            ));
        }
        if !scratch.is_null() && !scratch["sizeLimit"].is_string() {
            problems.push(format!("{place}: may fill the host; write a sizeLimit"));
        }
    }
    problems
}

/// The database is named, and by a Secret, as is everything else that is one.
fn environment(deployment: &Manifest, at: &str, container: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let variables: Vec<_> = container["env"].as_array().into_iter().flatten().collect();
    let name = |it: &Value| it["name"].as_str().unwrap_or_default().to_owned();
    if !variables.iter().any(|it| DATABASES.contains(&name(it).as_str())) {
        let place = deployment.place(&format!("{at}/env"));
        problems
            .push(format!("{place}: names no database, so each pod has one of its own; write one of {DATABASES:?}"));
    }
    for (index, variable) in variables.iter().enumerate() {
        let is_secret = SECRETS.iter().any(|it| name(variable).contains(it));
        if is_secret && !variable.pointer("/valueFrom/secretKeyRef").is_some_and(Value::is_object) {
            let place = deployment.place(&format!("{at}/env/{index}"));
            problems
                .push(format!("{place}: {} is not from a Secret; write valueFrom and secretKeyRef", name(variable)));
        }
    }
    for (index, flag) in container["args"].as_array().into_iter().flatten().enumerate() {
        if flag.as_str().is_some_and(|it| it.contains("-store-uri")) {
            let place = deployment.place(&format!("{at}/args/{index}"));
            problems.push(format!(
                "{place}: everybody on the host can read it; write MLFLOW_BACKEND_STORE_URI from a Secret"
            ));
        }
    }
    problems
}

/// Each probe asks a port that there is.
fn probes(deployment: &Manifest, at: &str, container: &Value) -> Vec<String> {
    let ports: Vec<_> = container["ports"].as_array().into_iter().flatten().collect();
    let mut problems = Vec::new();
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let port = container.pointer(&format!("/{probe}/httpGet/port"));
        if !port.is_some_and(|port| ports.iter().any(|it| it["name"] == *port || it["containerPort"] == *port)) {
            let place = deployment.place(&format!("{at}/{probe}"));
            problems.push(format!("{place}: asks no port that the container has; write httpGet with one"));
        }
    }
    problems
}

/// What breaks into it finds little, and it takes no more than its share.
fn confinement(deployment: &Manifest, at: &str, container: &Value) -> Vec<String> {
    let wanted = [
        ("/securityContext/readOnlyRootFilesystem", json!(true)),
        ("/securityContext/allowPrivilegeEscalation", json!(false)),
        ("/securityContext/capabilities/drop", json!(["ALL"])),
    ];
    let wrong = wanted.into_iter().filter(|(path, value)| container.pointer(path) != Some(value));
    let mut problems: Vec<_> = wrong
        .map(|(path, value)| format!("{}: is not {value}; write it", deployment.place(&format!("{at}{path}"))))
        .collect();
    if deployment.value.pointer(&format!("{POD}/securityContext/runAsNonRoot")) != Some(&json!(true)) {
        let place = deployment.place(&format!("{POD}/securityContext/runAsNonRoot"));
        problems.push(format!("{place}: may run as root; write true"));
    }
    for path in ["/resources/requests/cpu", "/resources/requests/memory", "/resources/limits/memory"] {
        if container.pointer(path).is_none() {
            let place = deployment.place(&format!("{at}{path}"));
            problems.push(format!("{place}: is not said, so its neighbours decide; write it"));
        }
    }
    problems
}

/// It waits until nobody sends it anything any more, and has time left for what it was sent.
fn end(deployment: &Manifest, at: &str, container: &Value) -> Option<String> {
    let waits = container.pointer("/lifecycle/preStop/sleep/seconds").and_then(Value::as_u64).unwrap_or_default();
    let has = deployment.value.pointer(&format!("{POD}/terminationGracePeriodSeconds")).and_then(Value::as_u64);
    let is_good = waits > 0 && has.unwrap_or(30) > waits;
    (!is_good).then(|| {
        let place = deployment.place(&format!("{at}/lifecycle"));
        format!("{place}: ends while it is still sent requests; let preStop sleep, for less than terminationGracePeriodSeconds")
    })
}
