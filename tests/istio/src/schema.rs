//! Istio's own schemas of its kinds, made strict.
//!
//! A cluster drops a field that its schema does not know, and says nothing: a slip of the pen then leaves a manifest that
//! applies and does less. So here what a schema does not know is refused, unless it says that it keeps the unknown.

use std::collections::BTreeMap;

use helius_policy::config::Node;
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::Manifest;

/// The schemas by `apiVersion` and kind.
#[derive(Debug)]
pub struct Schemas(BTreeMap<(String, String), Validator>);

impl Schemas {
    /// Reads them from Istio's custom resource definitions.
    ///
    /// # Errors
    ///
    /// Where the text is not YAML, or a schema none.
    pub fn read(definitions: &[u8]) -> Result<Self, String> {
        let mut schemas = BTreeMap::new();
        for node in Node::read_all(definitions).map_err(|error| error.to_string())? {
            let definition = serde_json::to_value(&node).map_err(|error| error.to_string())?;
            let spec = &definition["spec"];
            let kind = spec["names"]["kind"].as_str().unwrap_or_default();
            for version in spec["versions"].as_array().into_iter().flatten() {
                let group = spec["group"].as_str().unwrap_or_default();
                let api_version = format!("{group}/{}", version["name"].as_str().unwrap_or_default());
                let mut schema = version["schema"]["openAPIV3Schema"].clone();
                schema["properties"]["apiVersion"] = json!({ "type": "string" });
                schema["properties"]["kind"] = json!({ "type": "string" });
                schema["properties"]["metadata"] = metadata();
                close(&mut schema);
                let validator = jsonschema::draft202012::new(&schema)
                    .map_err(|error| format!("the schema of {api_version} {kind}: {error}"))?;
                schemas.insert((api_version, kind.to_owned()), validator);
            }
        }
        Ok(Self(schemas))
    }

    /// What is wrong with a manifest; nothing is known of kinds that are not Istio's.
    pub fn problems(&self, manifest: &Manifest) -> Vec<String> {
        let api_version = manifest.text("/apiVersion");
        if !api_version.contains("istio.io/") {
            return Vec::new();
        }
        let Some(schema) = self.0.get(&(api_version.to_owned(), manifest.kind().to_owned())) else {
            let place = manifest.place("/kind");
            return vec![format!("{place}: Istio has no such kind in {api_version}; write one that it has")];
        };
        let told = schema.iter_errors(&manifest.value).map(|error| {
            let place = manifest.place(&error.instance_path().to_string());
            format!("{place}: {error}; write what the schema of {api_version} knows")
        });
        told.collect()
    }
}

/// What our manifests say of themselves.
fn metadata() -> Value {
    let texts = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    json!({
        "type": "object",
        "required": ["name"],
        "properties": { "name": { "type": "string" }, "namespace": { "type": "string" }, "labels": texts, "annotations": texts },
    })
}

/// Refuses what is unknown to a schema, and to those of its parts. Alternatives (`oneOf` and the like) only say which known
/// fields go together, so they stay as they are.
fn close(schema: &mut Value) {
    let Some(parts) = schema.as_object_mut() else { return };
    let keeps_unknown = parts.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(true));
    if let Some(properties) = parts.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(close);
        if !keeps_unknown {
            parts.entry("additionalProperties").or_insert(json!(false));
        }
    }
    for part in ["items", "additionalProperties"] {
        parts.get_mut(part).into_iter().for_each(close);
    }
}
