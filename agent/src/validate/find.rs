//! The configurations in a file: the document itself, or what stands in a manifest where Envoy gets it from.
//!
//! | what | how it is known | where the document stands |
//! |---|---|---|
//! | the document itself | `service` or `routes` at its top | |
//! | `WasmPlugin` of Istio | `kind` | `spec.pluginConfig` |
//! | `EnvoyExtensionPolicy` of Envoy Gateway | `kind` | `spec.wasm[].config` |
//! | `EnvoyFilter`, a bootstrap, any piece of Envoy's configuration | a map with `vm_config` | `configuration` beside it, as text |
//!
//! A mesh may run plugins of others too. So where one of the plugins in a document is called after the filter, only such
//! ones count.

use helius_policy::config::{Config, ConfigError, Node, Value};
use serde_json::Value as Json;

use super::Problem;

/// What the filter is called, in the name of a plugin, its VM or its file.
const NAME: &str = "helius";

/// Where Envoy wants the text.
const STRING_VALUE: &str = "type.googleapis.com/google.protobuf.StringValue";

/// A configuration in a file.
#[derive(Debug)]
pub(super) struct Found<'a> {
    /// The node of it.
    node: &'a Node,
    /// How it stands there.
    how: Where,
    /// Whether it is called after the filter.
    is_named: bool,
}

/// How a configuration stands in a file.
#[derive(Clone, Debug)]
enum Where {
    /// As a part of the document, whose path begins so; nothing where it is the document.
    Section(String),
    /// As text in Envoy's wrapping.
    Text,
}

/// All of them in a document.
pub(super) fn configurations(document: &Node) -> Vec<Found<'_>> {
    if document.get("service").is_some() || document.get("routes").is_some() {
        return vec![Found { node: document, how: Where::Section(String::new()), is_named: true }];
    }
    let mut found = match document.get("kind").and_then(Node::text) {
        Some("WasmPlugin") => of_plugin(document).into_iter().collect(),
        Some("EnvoyExtensionPolicy") => of_extension_policy(document),
        _ => Vec::new(),
    };
    find_plugins(document, &mut found);
    if found.iter().any(|it| it.is_named) {
        found.retain(|it| it.is_named);
    }
    found
}

/// The one of Istio's `WasmPlugin`.
fn of_plugin(document: &Node) -> Option<Found<'_>> {
    let spec = document.get("spec")?;
    let is_named = says_name(document.get("metadata")) || says_name(spec.get("url"));
    Some(Found { node: spec.get("pluginConfig")?, how: Where::Section("spec.pluginConfig.".to_owned()), is_named })
}

/// Those of Envoy Gateway's `EnvoyExtensionPolicy`.
fn of_extension_policy(document: &Node) -> Vec<Found<'_>> {
    let Some(Value::List(plugins)) = document.get("spec").and_then(|spec| spec.get("wasm")).map(|it| &it.value) else {
        return Vec::new();
    };
    let found = plugins.iter().enumerate().filter_map(|(index, plugin)| {
        let is_named = ["name", "rootID", "code"].iter().any(|key| says_name(plugin.get(key)));
        let how = Where::Section(format!("spec.wasm[{index}].config."));
        Some(Found { node: plugin.get("config")?, how, is_named })
    });
    found.collect()
}

/// Plugins as Envoy has them, however deep they stand.
fn find_plugins<'a>(node: &'a Node, found: &mut Vec<Found<'a>>) {
    if let (Some(vm), Some(node_of_text)) = (node.get("vm_config"), node.get("configuration")) {
        let is_named = ["name", "root_id"].iter().any(|key| says_name(node.get(key))) || says_name(Some(vm));
        found.push(Found { node: node_of_text, how: Where::Text, is_named });
    }
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| find_plugins(item, found)),
        Value::Map(entries) => entries.iter().for_each(|(_, value)| find_plugins(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
    }
}

/// Whether any text in it has the filter's name.
fn says_name(node: Option<&Node>) -> bool {
    match node.map(|node| &node.value) {
        Some(Value::Text(text)) => text.contains(NAME),
        Some(Value::List(items)) => items.iter().any(|item| says_name(Some(item))),
        Some(Value::Map(entries)) => entries.iter().any(|(_, value)| says_name(Some(value))),
        _ => false,
    }
}

fn read(document: &Node) -> Result<(Config, Json), ConfigError> {
    let config = Config::read(document)?;
    // A document that was read can be written.
    Ok((config, serde_json::to_value(document).unwrap_or_default()))
}

impl Found<'_> {
    /// Reads it by the filter's rules, and hands over the document besides.
    pub(super) fn read(&self) -> Result<(Config, Json), Vec<Problem>> {
        match &self.how {
            Where::Section(path) => read(self.node).map_err(|error| Problem::all(&error, path, |line| line)),
            Where::Text => self.read_text(),
        }
    }

    fn read_text(&self) -> Result<(Config, Json), Vec<Problem>> {
        let wrapping = self.node.get("@type").and_then(Node::text);
        let value = self.node.get("value").filter(|_| wrapping == Some(STRING_VALUE));
        let Some((node, text)) = value.and_then(|node| Some((node, node.text()?))) else {
            return Err(vec![Problem::wrapped_wrongly(self.node, wrapping)]);
        };
        let read = Node::read(text.as_bytes()).and_then(|document| read(&document));
        read.map_err(|error: ConfigError| {
            // The lines of a literal text are lines of the file; of any other text only its beginning is known.
            Problem::all(&error, "", |line| match node.text_line {
                Some(first) => Some(first + line? - 1),
                None => node.line,
            })
        })
    }
}
