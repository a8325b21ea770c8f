//! The template of Istio's injector, which has to put the same agent into a pod as the component does.

use helius_policy::config::Node;
use serde_json::Value;

use crate::Manifest;

/// Where Istio's chart looks for the template.
pub const TEMPLATE: &str = "/sidecarInjectorWebhook/templates/helius";

/// What the template makes of a pod.
///
/// # Errors
///
/// Where it is not there, or not as plain as it has to be to be read here.
pub fn template(values: &Manifest) -> Result<Value, String> {
    let (place, text) = (values.place(TEMPLATE), values.text(TEMPLATE));
    if text.is_empty() {
        return Err(format!("{place}: there is no template; write one as text"));
    }
    if text.contains("{{") {
        return Err(format!("{place}: has something that Istio replaces, which nobody judges; write plain YAML"));
    }
    let node = Node::read(text.as_bytes()).map_err(|error| format!("{place}: {error}; mend the YAML"))?;
    serde_json::to_value(&node).map_err(|error| format!("{place}: {error}; mend the YAML"))
}

/// Every field in which the template and the component (a patch of a `Deployment`) would make different pods.
pub fn differences(values: &Manifest, component: &Manifest) -> Vec<String> {
    let template = match template(values) {
        Ok(template) => template,
        Err(problem) => return vec![problem],
    };
    let mut problems = Vec::new();
    let none = Value::Null;
    let spec = component.value.pointer("/spec/template/spec").unwrap_or(&none);
    compare(&template["spec"], spec, "spec", &mut |path, here, there| {
        let place = values.place(TEMPLATE);
        problems.push(format!("{place}: {path} is {here}, and {there} in {}; write the same in both", component.file));
    });
    // Istio's own template sees the pod as it was sent, so this would change nothing, or contradict the pod.
    for key in template.as_object().into_iter().flat_map(|it| it.keys()).filter(|key| *key != "spec") {
        problems.push(format!("{}: has {key}, which belongs into the pods; take it out", values.place(TEMPLATE)));
    }
    problems
}

/// Tells each place where two values differ.
fn compare(here: &Value, there: &Value, path: &str, tell: &mut impl FnMut(&str, &Value, &Value)) {
    match (here, there) {
        (Value::Object(one), Value::Object(other)) => {
            let more = other.keys().filter(|key| !one.contains_key(*key));
            for key in one.keys().chain(more) {
                // A kustomization gives the component's image its name; here it stands as it is.
                if key != "image" {
                    compare(&here[key], &there[key], &format!("{path}.{key}"), tell);
                }
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (here, there)) in one.iter().zip(other).enumerate() {
                compare(here, there, &format!("{path}[{index}]"), tell);
            }
        }
        _ if here == there => {}
        _ => tell(path, here, there),
    }
}
