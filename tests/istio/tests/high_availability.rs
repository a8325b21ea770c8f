//! What has to be there always, as it is applied; and mistakes that are planted in it, each of which has to be found.

use helius_istio::{Manifest, high_availability, rendered, root};
use serde_json::{Value, json};

/// Playbooks restart the `Deployment`s of these names.
const LAYOUTS: [&str; 2] = ["grafana-core", "mlflow-tracker"];

fn layout(name: &str) -> Vec<Manifest> {
    rendered::example(&root(), name).unwrap()
}

#[test]
fn what_has_to_be_there_always_is_laid_out_so() {
    let mut folders: Vec<_> = std::fs::read_dir(root().join("istio/high-availability"))
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    assert_eq!(folders, LAYOUTS);
    for name in LAYOUTS {
        let manifests = layout(name);
        let deployments: Vec<_> = manifests.iter().filter(|it| it.kind() == "Deployment").map(Manifest::name).collect();
        assert_eq!(deployments, [name], "a playbook restarts it by this name");
        let problems = high_availability::problems(&manifests);
        assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
    }
}

/// A mistake: kind, JSON pointer, wrong value (null takes it out), and what is then said.
type Planted = (&'static str, &'static str, Value, &'static str);

/// Plants each mistake in each layout that has the place, and wants it found with its file and the remedy.
fn assert_found(layouts: &[&str], planted: &[Planted]) {
    for name in layouts {
        for (kind, pointer, wrong, said) in planted {
            let mut manifests = layout(name);
            let meant = manifests.iter_mut().filter(|it| it.kind() == *kind);
            let mut changed = 0;
            for place in meant.filter_map(|it| it.value.pointer_mut(pointer)) {
                place.clone_from(wrong);
                changed += 1;
            }
            assert!(changed > 0, "{name}: no {kind} has {pointer}");
            let problems = high_availability::problems(&manifests);
            let found = problems.iter().find(|it| it.contains(said));
            let Some(found) = found else { panic!("{name} {pointer} {wrong}: {said:?} is not among {problems:#?}") };
            assert!(found.starts_with(&format!("tests/istio/golden/{name}.yaml:")), "{found}: has no file");
            assert!(found.contains("; "), "{found}: has no remedy");
        }
    }
}

#[test]
fn pods_that_are_too_few_or_too_near_are_found() {
    let affinity = "/spec/template/spec/affinity/podAntiAffinity";
    let term = format!("{affinity}/requiredDuringSchedulingIgnoredDuringExecution/0").leak() as &str;
    let host = |path: &str| format!("{term}{path}").leak() as &str;
    let zone = |path: &str| format!("/spec/template/spec/topologySpreadConstraints/0{path}").leak() as &str;
    let (one_host, one_zone) = ("two may be on one host", "one zone may get them all");
    assert_found(
        &LAYOUTS,
        &[
            ("Deployment", "/spec/replicas", json!(2), "has no spare one"),
            ("Deployment", "/spec/replicas", Value::Null, "has no spare one"),
            ("Deployment", affinity, json!({ "preferredDuringSchedulingIgnoredDuringExecution": [] }), one_host),
            ("Deployment", host("/topologyKey"), json!("topology.kubernetes.io/zone"), one_host),
            ("Deployment", host("/labelSelector/matchLabels/app"), json!("other"), one_host),
            ("Deployment", host("/labelSelector/matchLabels"), json!({}), one_host),
            ("Deployment", zone("/topologyKey"), json!("kubernetes.io/hostname"), one_zone),
            ("Deployment", zone("/maxSkew"), json!(2), one_zone),
            ("Deployment", zone("/whenUnsatisfiable"), json!("ScheduleAnyway"), one_zone),
            ("Deployment", zone("/nodeTaintsPolicy"), Value::Null, "a lost one keeps its place"),
            ("Deployment", zone("/labelSelector/matchLabels/app"), json!("other"), one_zone),
        ],
    );
}

#[test]
fn an_update_that_cannot_go_on_and_one_that_goes_too_far_are_found() {
    let update = |key: &str| format!("/spec/strategy/rollingUpdate/{key}").leak() as &str;
    assert_found(
        &LAYOUTS,
        &[
            ("Deployment", update("maxUnavailable"), json!(0), "waits for ever"),
            // A share is rounded, and 25 % of three are none.
            ("Deployment", update("maxUnavailable"), json!("25%"), "waits for ever"),
            ("Deployment", "/spec/strategy", json!({ "type": "Recreate" }), "waits for ever"),
            ("Deployment", update("maxSurge"), json!(1), "finds no place"),
            ("Deployment", update("maxUnavailable"), json!(2), "an update leaves 1 pods"),
        ],
    );
}

#[test]
fn maintenance_that_takes_too_many_or_none_is_found() {
    assert_found(
        &LAYOUTS,
        &[
            ("PodDisruptionBudget", "/spec/minAvailable", json!(1), "leaves 1 pods"),
            ("PodDisruptionBudget", "/spec/minAvailable", Value::Null, "leaves 0 pods"),
            ("PodDisruptionBudget", "/spec", json!({ "maxUnavailable": 2 }), "no PodDisruptionBudget"),
            ("PodDisruptionBudget", "/spec/minAvailable", json!(3), "no node can be drained"),
            ("PodDisruptionBudget", "/spec/selector/matchLabels/app", json!("other"), "no PodDisruptionBudget"),
        ],
    );
}

#[test]
fn state_in_a_pod_and_a_database_that_is_not_secret_are_found() {
    let volume = |it: Value| ("Deployment", "/spec/template/spec/volumes/0", it);
    let plant = |it: Value, said: &'static str| {
        let (kind, pointer, wrong) = volume(it);
        (kind, pointer, wrong, said)
    };
    let container = "/spec/template/spec/containers/0";
    let env = |path: &str| format!("{container}/env{path}").leak() as &str;
    assert_found(
        &LAYOUTS,
        &[
            plant(json!({ "name": "data", "emptyDir": { "sizeLimit": "1Gi" } }), "lost with the pod"),
            plant(json!({ "name": "scratch", "emptyDir": {} }), "may fill the host"),
            plant(json!({ "name": "data", "persistentVolumeClaim": { "claimName": "data" } }), "ties what is in it"),
            plant(json!({ "name": "data", "hostPath": { "path": "/data" } }), "ties what is in it"),
            plant(json!({ "name": "data", "ephemeral": {} }), "ties what is in it"),
            ("Deployment", env(""), json!([]), "names no database"),
        ],
    );
    let in_plain = |name: &str| json!([{ "name": name, "value": "x" }]);
    assert_found(
        &["mlflow-tracker"],
        &[
            (
                "Deployment",
                env(""),
                in_plain("MLFLOW_BACKEND_STORE_URI"),
                "MLFLOW_BACKEND_STORE_URI is not from a Secret",
            ),
            ("Deployment", env(""), in_plain("AWS_SECRET_ACCESS_KEY"), "AWS_SECRET_ACCESS_KEY is not from a Secret"),
            (
                "Deployment",
                "/spec/template/spec/containers/0/args/0",
                json!("--backend-store-uri=sqlite:///mlflow.db"),
                "everybody on the host can read it",
            ),
        ],
    );
    assert_found(
        &["grafana-core"],
        &[("Deployment", env(""), in_plain("GF_DATABASE_PASSWORD"), "GF_DATABASE_PASSWORD is not from a Secret")],
    );
}

#[test]
fn a_container_that_says_too_little_or_may_too_much_is_found() {
    let container = |path: &str| format!("/spec/template/spec/containers/0{path}").leak() as &str;
    let no_port = "asks no port that the container has";
    assert_found(
        &LAYOUTS,
        &[
            ("Deployment", container("/readinessProbe"), Value::Null, "readinessProbe: asks no port"),
            ("Deployment", container("/livenessProbe/httpGet/port"), json!(1), no_port),
            ("Deployment", container("/startupProbe/httpGet/port"), json!("metrics"), no_port),
            ("Deployment", container("/securityContext/readOnlyRootFilesystem"), json!(false), "is not true"),
            ("Deployment", container("/securityContext/capabilities"), Value::Null, "is not [\"ALL\"]"),
            ("Deployment", "/spec/template/spec/securityContext/runAsNonRoot", json!(false), "may run as root"),
            ("Deployment", container("/resources/limits"), json!({}), "its neighbours decide"),
            ("Deployment", container("/lifecycle"), Value::Null, "still sent requests"),
            ("Deployment", "/spec/template/spec/terminationGracePeriodSeconds", json!(5), "still sent requests"),
            ("Deployment", "/spec/template/spec/automountServiceAccountToken", Value::Null, "mounts a token"),
            ("ServiceAccount", "/automountServiceAccountToken", json!(true), "mounts a token"),
        ],
    );
}

#[test]
fn callers_that_keep_asking_a_pod_that_fails_are_found() {
    assert_found(
        &LAYOUTS,
        &[
            (
                "DestinationRule",
                "/spec/trafficPolicy/outlierDetection",
                Value::Null,
                "nobody leaves out a pod that fails",
            ),
            ("DestinationRule", "/spec/host", json!("other.mlops.svc.cluster.local"), "nobody leaves out"),
            ("NetworkPolicy", "/spec/podSelector/matchLabels", json!({}), "no NetworkPolicy"),
        ],
    );
}
