//! The agent that Istio's injector would put into pods: the same as the component's; and mistakes that are planted in it.

use std::fs;

use helius_istio::injection::{differences, template};
use helius_istio::{Manifest, read, rendered, root};
use serde_json::{Value, json};

const VALUES: &str = "istio/injection/istiod-values.yaml";
const COMPONENT: &str = "istio/components/agent/sidecar.yaml";

fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

fn manifest(file: &str, text: &str) -> Manifest {
    read(file, text.as_bytes()).unwrap().remove(0)
}

#[test]
fn the_template_injects_the_agent_of_the_component_field_by_field() {
    let problems = differences(&manifest(VALUES, &text(VALUES)), &manifest(COMPONENT, &text(COMPONENT)));
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn the_template_names_the_image_that_the_examples_name() {
    let of = |pod: &Value| pod.pointer("/initContainers/0/image").cloned().unwrap();
    let example = rendered::example(&root(), "recommender").unwrap();
    let deployment = example.iter().find(|it| it.kind() == "Deployment").unwrap();
    let injected = template(&manifest(VALUES, &text(VALUES))).unwrap();
    assert_eq!(of(&injected["spec"]), of(deployment.value.pointer("/spec/template/spec").unwrap()));
}

#[test]
fn a_template_that_has_gone_its_own_way_is_found() {
    let component = manifest(COMPONENT, &text(COMPONENT));
    for (right, wrong, said) in [
        (
            "--listen=127.0.0.1:9910",
            "--listen=127.0.0.1:9909",
            "spec.initContainers[0].args[1] is \"--listen=127.0.0.1:9909\"",
        ),
        ("              - --state-dir=/var/lib/helius\n", "", "spec.initContainers[0].args is ["),
        ("            restartPolicy: Always # makes", "            #", "spec.initContainers[0].restartPolicy is null"),
        (
            "limits: { memory: 32Mi }",
            "limits: { memory: 64Mi }",
            "spec.initContainers[0].resources.limits.memory is \"64Mi\"",
        ),
        (
            "runAsNonRoot: true",
            "runAsNonRoot: true\n              privileged: true",
            "securityContext.privileged is true, and null",
        ),
        ("optional: true }", "optional: false }", "spec.volumes[0].configMap.optional is false"),
        (
            "automountServiceAccountToken: false",
            "automountServiceAccountToken: true",
            "spec.automountServiceAccountToken is true",
        ),
        (
            "      spec:\n",
            "      metadata: { labels: { helius: enabled } }\n      spec:\n",
            "has metadata, which belongs into the pods",
        ),
        ("port: 9911 }", "port: {{ .Values.port }} }", "write plain YAML"),
        ("    helius: |", "    other: |", "there is no template"),
    ] {
        let values = text(VALUES);
        assert!(values.contains(right), "{right}");
        let problems = differences(&manifest(VALUES, &values.replace(right, wrong)), &component);
        let found = problems.iter().find(|it| it.contains(said));
        let Some(found) = found else { panic!("{wrong}: {said:?} is not among {problems:#?}") };
        assert!(found.starts_with(&format!("{VALUES}:")) && found.contains("; "), "{found}");
    }
}

#[test]
fn a_component_that_has_gone_on_is_found() {
    let values = manifest(VALUES, &text(VALUES));
    let mut component = manifest(COMPONENT, &text(COMPONENT));
    let container = component.value.pointer_mut("/spec/template/spec/initContainers/0").unwrap();
    container["env"] = json!([{ "name": "HELIUS_AGENT_LOG_LEVEL", "value": "debug" }]);
    let problems = differences(&values, &component);
    assert!(problems.iter().any(|it| it.contains("spec.initContainers[0].env is null, and [{")), "{problems:?}");
}

#[test]
fn the_readme_says_what_the_pods_have_to_say() {
    let component = manifest(COMPONENT, &text(COMPONENT));
    let readme = text("istio/README.md");
    // What the component writes into a pod and the template cannot.
    let annotations =
        component.value.pointer("/spec/template/metadata/annotations").and_then(Value::as_object).unwrap();
    for (key, value) in annotations {
        let line = format!("{key}: {value}");
        assert!(
            readme.contains(&line),
            "istio/README.md: does not say {line}; add it to the pods that ask for the template"
        );
    }
    assert!(readme.contains("inject.istio.io/templates: sidecar,helius"), "{readme}");
}
