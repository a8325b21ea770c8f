//! Mistakes that are planted, each of which has to be found: the judgement says the place, and what to do.

use std::fs;
use std::path::Path;

use helius_istio::data::published;
use helius_istio::{Manifest, Schemas, configuration, kubernetes, kustomization, read, rendered, rights, root, wiring};
use serde_json::{Value, json};

/// A part of an example that is made wrong: the example, kind and name, the JSON pointer, the wrong value, and what is then
/// said.
type Planted = (&'static str, &'static str, &'static str, Value, &'static str);

/// The example with one value in it changed, or added.
fn with(example: &str, kind: &str, pointer: &str, wrong: &Value) -> Vec<Manifest> {
    let mut manifests = rendered::example(&root(), example).unwrap();
    let mut changed = 0;
    for manifest in manifests.iter_mut().filter(|it| it.kind() == kind) {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let key = key.replace("~1", "/");
        match manifest.value.pointer_mut(parent) {
            Some(Value::Object(entries)) => {
                entries.insert(key, wrong.clone());
                changed += 1;
            }
            Some(Value::Array(items)) => {
                items[key.parse::<usize>().unwrap()] = wrong.clone();
                changed += 1;
            }
            _ => {}
        }
    }
    assert!(changed > 0, "{example}: no {kind} has {pointer}");
    manifests
}

/// Plants each, and wants it found by name and by place.
fn assert_found(planted: &[Planted], judge: impl Fn(&[Manifest]) -> Vec<String>) {
    for (example, kind, pointer, wrong, said) in planted {
        let good = judge(&rendered::example(&root(), example).unwrap());
        assert!(good.is_empty(), "{good:?}");
        let problems = judge(&with(example, kind, pointer, wrong));
        let found = problems.iter().find(|it| it.contains(said));
        let Some(found) = found else { panic!("{pointer} {wrong}: {said:?} is not among {problems:#?}") };
        assert!(found.starts_with("tests/istio/golden/"), "{found}: has no file");
        assert!(found.contains("; "), "{found}: has no remedy");
    }
}

#[test]
fn a_name_that_nothing_has_is_found() {
    let policy = "/spec/configPatches/0/patch/value/typed_config/config/configuration/value";
    let document = |agent: &str, west: &str, authority: &str, timeout: &str| {
        json!(format!(
            "service: r\nagent: {{ cluster: {agent} }}\nroutes: [{{ name: a, match: {{ path: /a }}, upstream: {{ timeout: {timeout}, \
             regions: [{{ name: e, via: route }}, {{ name: w, cluster: {west}, authority: {authority} }}] }} }}]\n"
        ))
    };
    let west = "\"outbound|443||llm-assistant.us-west-2.mesh\"";
    let host = "llm-assistant.us-west-2.mesh";
    assert_found(
        &[
            (
                "llm-router",
                "EnvoyFilter",
                policy,
                document("helius", west, host, "5s"),
                "nothing here makes the cluster \"helius\"",
            ),
            (
                "llm-router",
                "EnvoyFilter",
                policy,
                document("helius_agent", "\"outbound|80||llm-assistant.us-west-2.mesh\"", host, "5s"),
                "routes[0].upstream.regions[1].cluster: nothing here makes the cluster \"outbound|80||",
            ),
            (
                "llm-router",
                "EnvoyFilter",
                policy,
                document("helius_agent", west, "west.mesh", "5s"),
                "is a host of no ServiceEntry",
            ),
            (
                "llm-router",
                "EnvoyFilter",
                policy,
                document("helius_agent", west, host, "8s"),
                "is not longer than the ladder",
            ),
            ("llm-router", "ServiceEntry", "/spec/hosts/0", json!("west.mesh"), "nothing here makes the cluster"),
            ("llm-router", "ServiceEntry", "/spec/ports/0/number", json!(8443), "nothing here makes the cluster"),
            ("llm-router", "DestinationRule", "/spec/host", json!("west.mesh"), "nothing here is called \"west.mesh\""),
            ("llm-router", "DestinationRule", "/spec/trafficPolicy/tls/mode", json!("DISABLE"), "without mTLS"),
        ],
        wiring::problems,
    );
}

#[test]
fn a_filter_that_lacks_something_is_found() {
    let patch = |path: &str| format!("/spec/configPatches/0{path}").leak() as &str;
    let config = |path: &str| patch(&format!("/patch/value/typed_config/config{path}"));
    assert_found(
        &[
            ("recommender", "EnvoyFilter", config("/allow_on_headers_stop_iteration"), json!(false), "is not true"),
            ("recommender", "EnvoyFilter", config("/failure_policy"), json!("FAIL_CLOSED"), "is not \"FAIL_RELOAD\""),
            ("recommender", "EnvoyFilter", config("/vm_config/vm_id"), json!(""), "is not \"helius\""),
            ("recommender", "EnvoyFilter", config("/configuration/@type"), json!("Struct"), "the filter reads text"),
            ("recommender", "EnvoyFilter", config("/name"), json!("helius"), "is not the plugin's name"),
            (
                "recommender",
                "EnvoyFilter",
                config("/vm_config/code/local/filename"),
                json!("/x.wasm"),
                "mounts the module",
            ),
            ("recommender", "EnvoyFilter", patch("/patch/operation"), json!("ADD"), "is not \"INSERT_BEFORE\""),
            ("recommender", "EnvoyFilter", patch("/patch/value/typed_config/@type"), json!("Wasm"), "does not know"),
            (
                "recommender",
                "EnvoyFilter",
                patch("/match/listener/filterChain/filter/subFilter/name"),
                json!("router"),
                "is not the router",
            ),
            ("llm-router", "EnvoyFilter", patch("/match/listener/portNumber"), json!(8080), "calls port 8080"),
            ("telemetry-limits", "WasmPlugin", "/spec/failStrategy", json!("FAIL_CLOSE"), "would deny everything"),
            (
                "recommender",
                "EnvoyFilter",
                "/spec/workloadSelector/labels/app",
                json!("replaced"),
                "is a placeholder still",
            ),
        ],
        wiring::problems,
    );
}

#[test]
fn pods_that_do_not_fit_are_found() {
    let pod = |path: &str| format!("/spec/template{path}").leak() as &str;
    let mount = json!("{\"module\": {\"mountPath\": \"/etc/helius/module\"}}");
    let annotation = pod("/metadata/annotations/sidecar.istio.io~1userVolumeMount");
    assert_found(
        &[
            ("recommender", "EnvoyFilter", "/spec/workloadSelector/labels/app", json!("other"), "selects no pod"),
            ("recommender", "NetworkPolicy", "/spec/podSelector/matchLabels", json!({}), "selects no pod"),
            ("recommender", "PodDisruptionBudget", "/spec/selector/matchLabels/helius", json!("on"), "selects no pod"),
            ("telemetry-limits", "WasmPlugin", "/spec/selector/matchLabels/app", json!("other"), "selects no pod"),
            ("recommender", "Service", "/spec/selector/app", json!("other"), "selects no pod"),
            ("recommender", "Service", "/spec/ports/0/targetPort", json!(8081), "the pods have no port 8081"),
            (
                "recommender",
                "Deployment",
                pod("/spec/serviceAccountName"),
                json!("other"),
                "there is no ServiceAccount",
            ),
            ("recommender", "Deployment", pod("/spec/volumes/0/name"), json!("other"), "there is no volume"),
            (
                "recommender",
                "Deployment",
                pod("/spec/volumes/0/configMap/name"),
                json!("x"),
                "there is no ConfigMap \"x\"",
            ),
            ("recommender", "Deployment", annotation, mount, "there is no volume \"module\""),
        ],
        wiring::problems,
    );
}

#[test]
fn an_agent_that_does_not_fit_is_found() {
    let agent = |path: &str| format!("/spec/template/spec/initContainers/0{path}").leak() as &str;
    let excluded = "/spec/template/metadata/annotations/traffic.sidecar.istio.io~1excludeInboundPorts";
    let socket =
        "/spec/configPatches/0/patch/value/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address";
    let port = format!("{socket}/port_value").leak() as &str;
    let address = format!("{socket}/address").leak() as &str;
    assert_found(
        &[
            ("recommender", "EnvoyFilter", port, json!(9911), "the agent's API is on port 9910"),
            ("recommender", "EnvoyFilter", address, json!("10.0.0.1"), "on 127.0.0.1 alone"),
            (
                "recommender",
                "Deployment",
                agent("/args/1"),
                json!("--listen=127.0.0.1:9999"),
                "the agent's API is on port 9999",
            ),
            ("recommender", "Deployment", agent("/ports/0/containerPort"), json!(1), "metrics are on port 9911"),
            ("recommender", "Deployment", agent("/livenessProbe/httpGet/port"), json!(1), "metrics are on port 9911"),
            ("recommender", "Deployment", excluded, json!("9910"), "metrics are on port 9911"),
            ("recommender", "Deployment", agent("/args/4"), json!("--app-probe=tcp://127.0.0.1:80"), "asks port 80"),
            (
                "recommender",
                "Deployment",
                agent("/args/5"),
                json!("--overrides-file=/etc/helius/o.yaml"),
                "nothing is mounted",
            ),
            (
                "recommender",
                "Deployment",
                agent("/args/5"),
                json!("--overrides-file=/etc/helius/overrides/o.yaml"),
                "has no o.yaml",
            ),
            (
                "recommender",
                "NetworkPolicy",
                "/spec/ingress/1/from",
                json!([{ "podSelector": {} }]),
                "metrics to others",
            ),
            ("recommender", "NetworkPolicy", "/spec/ingress/1/ports/0/port", json!(1), "nobody may read"),
            ("recommender", "NetworkPolicy", "/spec/ingress/0/ports/0/port", json!(1), "8080 is closed to everybody"),
            // One without ports opens all of them.
            ("recommender", "NetworkPolicy", "/spec/ingress/0/ports", Value::Null, "metrics to others"),
        ],
        wiring::problems,
    );
    assert_found(
        &[
            ("recommender", "Deployment", agent("/args/1"), json!("--listen=0.0.0.0:9910"), "listen"),
            ("recommender", "Deployment", agent("/args/1"), json!("--lisen=127.0.0.1:9910"), "unexpected argument"),
        ],
        |example| example.iter().flat_map(configuration::problems_of_agent).map(|it| it + "; ").collect(),
    );
}

#[test]
fn a_field_that_nobody_knows_is_found() {
    let kubernetes = |example: &[Manifest]| example.iter().flat_map(kubernetes::problems).collect();
    let container = |path: &str| format!("/spec/template/spec/initContainers/0{path}").leak() as &str;
    assert_found(
        &[
            (
                "recommender",
                "Deployment",
                container("/restartpolicy"),
                json!("Always"),
                "restartpolicy: Deployment has no such",
            ),
            ("recommender", "Deployment", container("/securityContext/privilged"), json!(false), "privilged"),
            ("recommender", "Deployment", container("/ports"), json!("9911"), "invalid type"),
            ("recommender", "NetworkPolicy", "/spec/ingres", json!([]), "ingres: NetworkPolicy has no such field"),
            ("recommender", "Service", "/kind", json!("Ingress"), "nobody judges Ingress"),
        ],
        kubernetes,
    );
}

#[test]
fn a_field_that_istio_does_not_know_is_found() {
    let Some(text) = published("crds.yaml") else { return };
    let schemas = Schemas::read(&text).unwrap();
    let patch = |path: &str| format!("/spec/configPatches/0{path}").leak() as &str;
    assert_found(
        &[
            ("recommender", "EnvoyFilter", patch("/applyto"), json!("CLUSTER"), "applyto"),
            ("recommender", "EnvoyFilter", patch("/match/context"), json!("INBOUND"), "INBOUND"),
            ("recommender", "EnvoyFilter", patch("/match/listener/port"), json!(80), "port"),
            ("llm-router", "ServiceEntry", "/spec/ports/0/targetport", json!(80), "targetport"),
            (
                "llm-router",
                "DestinationRule",
                "/spec/trafficPolicy/outlierDetection/consecutive5xx",
                json!(5),
                "consecutive5xx",
            ),
            ("llm-router", "DestinationRule", "/spec/trafficPolicy/tls/mode", json!("MTLS"), "MTLS"),
            ("telemetry-limits", "WasmPlugin", "/spec/vmId", json!("helius"), "vmId"),
            ("telemetry-limits", "WasmPlugin", "/apiVersion", json!("extensions.istio.io/v1"), "has no such kind"),
        ],
        |example| example.iter().flat_map(|it| schemas.problems(it)).collect(),
    );
}

#[test]
fn a_document_that_the_filter_refuses_is_found() {
    let file = "istio/examples/llm-router/policy.yaml";
    let text = fs::read_to_string(root().join(file)).unwrap();
    let wrong = text.replace("timeout: 5s #", "timeout: 5 s #");
    let problems = configuration::problems_of_file(file, wrong.as_bytes());
    assert!(problems[0].starts_with(&format!("{file}:8: routes[0].upstream.timeout: ")), "{problems:?}");
    // Also inside of a manifest.
    let file = "tests/istio/golden/llm-router.yaml";
    let text = fs::read_to_string(root().join(file)).unwrap();
    let problems =
        configuration::problems_of_file(file, text.replace("mode: enforce #", "mode: enforced #").as_bytes());
    assert!(problems[0].contains(": mode: "), "{problems:?}");
}

#[test]
fn overrides_that_the_agent_refuses_are_found() {
    let file = "istio/components/agent/overrides.yaml";
    let text = fs::read_to_string(root().join(file)).unwrap();
    for (right, wrong) in [
        ("overrides: []", "overides: []"),
        ("override: drain, region: us-east-1", "override: drain"),
        ("#  - { override: shadow", "# { override: shadow"),
    ] {
        let manifest = read(file, text.replace(right, wrong).as_bytes()).unwrap().remove(0);
        let problems = configuration::problems_of_overrides(&manifest);
        assert!(problems.first().is_some_and(|it| it.starts_with(file)), "{wrong}: {problems:?}");
    }
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let there = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &there);
        } else {
            fs::copy(&path, &there).unwrap();
        }
    }
}

/// What is done to the folder `istio` in a directory, how, and what is then said.
type Change = (&'static str, fn(&Path), &'static str);

#[test]
fn a_file_that_is_not_listed_is_found_and_one_that_is_not_there() {
    let changes: [Change; 5] = [
        (
            "a file more",
            |it| fs::write(it.join("istio/components/agent/role.yaml"), "").unwrap(),
            "role.yaml lies beside it and is not listed",
        ),
        (
            "a file less",
            |it| fs::remove_file(it.join("istio/components/agent/cluster.yaml")).unwrap(),
            "there is no cluster.yaml",
        ),
        (
            "a patch less",
            |it| fs::remove_file(it.join("istio/components/stats-tags/pod.yaml")).unwrap(),
            "there is no pod.yaml",
        ),
        (
            "a folder without a list",
            |it| fs::remove_file(it.join("istio/examples/recommender/kustomization.yaml")).unwrap(),
            "has no kustomization.yaml",
        ),
        (
            "a component that nobody uses",
            |it| copy(&it.join("istio/components/stats-tags"), &it.join("istio/components/other")),
            "istio/components/other: nothing uses it",
        ),
    ];
    for (what, plant, said) in changes {
        let directory = tempfile::tempdir().unwrap();
        copy(&root().join("istio"), &directory.path().join("istio"));
        assert_eq!(kustomization::problems(directory.path(), "istio").unwrap(), [""; 0], "{what}");
        plant(directory.path());
        let problems = kustomization::problems(directory.path(), "istio").unwrap();
        assert!(problems.iter().any(|it| it.starts_with("istio/") && it.contains(said)), "{what}: {problems:?}");
    }
}

#[test]
fn a_source_that_has_gone_on_is_found() {
    let mlflow = "recommender-mlflow";
    for (name, file, right, wrong) in [
        ("llm-router", "istio/examples/llm-router/policy.yaml", "timeout: 5s", "timeout: 6s"),
        ("llm-router", "istio/examples/llm-router/region-us-west-2.yaml", "number: 443", "number: 444"),
        (
            "llm-router",
            "istio/components/agent/sidecar.yaml",
            "memory: 32Mi }\n          sec",
            "memory: 64Mi }\n          sec",
        ),
        ("llm-router", "istio/components/agent/cluster.yaml", "port_value: 9910", "port_value: 9909"),
        ("llm-router", "istio/components/filter-outbound/filter.yaml", "portNumber: 80", "portNumber: 81"),
        // Each of two documents, and what a patch in the list itself says.
        (mlflow, "istio/examples/recommender-mlflow/inbound.yaml", "timeout: 2s", "timeout: 3s"),
        (mlflow, "istio/examples/recommender-mlflow/outbound.yaml", "timeout: 6s", "timeout: 7s"),
        (mlflow, "istio/components/filter-outbound/filter.yaml", "operation: INSERT_BEFORE", "operation: ADD"),
    ] {
        let committed = rendered::example(&root(), name).unwrap();
        let problems = after(name, &committed, file, right, wrong);
        assert!(
            problems.iter().any(|it| it.starts_with(file) && it.contains("; run: kubectl")),
            "{file}: {problems:?}"
        );
    }
    let list = "istio/examples/recommender-mlflow/kustomization.yaml";
    let committed = rendered::example(&root(), mlflow).unwrap();
    let problems = after(mlflow, &committed, list, "value: 5000", "value: 5001");
    assert!(problems.iter().any(|it| it.starts_with("istio/components/filter-outbound/filter.yaml")), "{problems:?}");
}

/// What is missing from a rendering when one text in one file has changed since.
fn after(name: &str, committed: &[Manifest], file: &str, right: &str, wrong: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    copy(&root().join("istio"), &directory.path().join("istio"));
    assert_eq!(rendered::missing(directory.path(), name, committed).unwrap(), [""; 0]);
    let text = fs::read_to_string(root().join(file)).unwrap();
    assert!(text.contains(right), "{file}: {right}");
    fs::write(directory.path().join(file), text.replace(right, wrong)).unwrap();
    rendered::missing(directory.path(), name, committed).unwrap()
}

#[test]
fn a_rendering_that_differs_is_found() {
    let committed = rendered::example(&root(), "recommender").unwrap();
    assert_eq!(rendered::differences("recommender", &committed, &committed), [""; 0]);
    let other = with("recommender", "Service", "/spec/ports/0/port", &json!(81));
    assert!(rendered::differences("recommender", &committed, &other)[0].contains("Service recommender: is stale"));
    assert!(
        rendered::differences("recommender", &committed[1..], &committed)[0].contains("is not in the committed one")
    );
    assert!(rendered::differences("recommender", &committed, &committed[1..])[0].contains("is rendered no more"));
}

#[test]
fn rights_that_somebody_grants_are_found() {
    let text = "
apiVersion: v1
kind: ServiceAccount
metadata: { name: recommender }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: reader }
rules: [{ apiGroups: [\"\"], resources: [configmaps], verbs: [get, watch] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: reader }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader }
subjects: [{ kind: ServiceAccount, name: recommender }]
";
    let manifests = read("rights.yaml", text.as_bytes()).unwrap();
    let table = rights::table(&manifests);
    let may: Vec<_> = table["recommender"].iter().map(String::as_str).collect();
    assert_eq!(may, ["get /configmaps", "watch /configmaps"]);
    let tokens = rights::needless_tokens(&manifests);
    assert!(
        tokens[0].starts_with("rights.yaml:2: ServiceAccount recommender: automountServiceAccountToken: mounts"),
        "{tokens:?}"
    );
    assert!(kubernetes::problems(&manifests[1])[0].contains("nobody judges Role"));
}
