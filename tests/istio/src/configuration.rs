//! What the filter and the agent are told: the filter's documents, the agent's flags and its overrides, each read by the
//! program's own reader.

use clap::{Args, Command};
use helius_agent::sidecar::{Settings, SidecarArgs};
use helius_agent::validate::check_text;
use helius_policy::overrides::Override;
use helius_policy::time::Timestamp;
use serde_json::Value;

use crate::Manifest;

/// 2026-01-31T11:00:00Z: the examples in the comments end an hour later.
const AN_HOUR_BEFORE: Timestamp = Timestamp::from_millis(1_769_857_200_000);

/// What the agent's reader says of a file, which has to hold a configuration of the filter.
pub fn problems_of_file(file: &str, text: &[u8]) -> Vec<String> {
    check_text(text).problems.iter().map(|problem| format!("{file}{problem}")).collect()
}

/// A document of the filter inside a manifest: where it stands, and what it says.
#[derive(Clone, Debug)]
pub struct Embedded {
    /// The JSON pointer.
    pub pointer: String,
    /// The document.
    pub document: Value,
}

/// The documents of the filter in an `EnvoyFilter` or a `WasmPlugin`.
pub fn embedded(manifest: &Manifest) -> Vec<Embedded> {
    if manifest.kind() == "WasmPlugin" {
        let pointer = "/spec/pluginConfig".to_owned();
        let document = manifest.value.pointer(&pointer).cloned();
        return document.map(|document| Embedded { pointer, document }).into_iter().collect();
    }
    let of_patch = |(patch, _): (String, &Value)| {
        let pointer = format!("{patch}/patch/value/typed_config/config/configuration/value");
        let text = manifest.value.pointer(&pointer)?.as_str()?;
        let document = crate::read(&manifest.file, text.as_bytes()).ok()?.into_iter().next()?.value;
        Some(Embedded { pointer, document })
    };
    manifest.items("/spec/configPatches").filter_map(of_patch).collect()
}

/// What is wrong with the flags of the agent in a `Deployment`, by the agent's own reader.
pub fn problems_of_agent(deployment: &Manifest) -> Vec<String> {
    let mut problems = Vec::new();
    for (pointer, container) in agents(deployment) {
        let place = deployment.place(&format!("{pointer}/args"));
        if let Err(error) = settings(container) {
            problems.push(format!("{place}: {error}"));
        }
        if container["args"][0] != "sidecar" {
            problems.push(format!("{place}: the first is not sidecar; write it first"));
        }
    }
    problems
}

/// The containers of a `Deployment` that run the agent, each with its pointer.
pub fn agents(deployment: &Manifest) -> impl Iterator<Item = (String, &Value)> {
    deployment.items("/spec/template/spec/initContainers").filter(|(_, it)| it["name"] == "helius-agent")
}

/// The settings that the agent would have in this container.
///
/// # Errors
///
/// What the agent would say, and end.
pub fn settings(container: &Value) -> Result<Settings, String> {
    let args: Vec<_> = container["args"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let command = SidecarArgs::augment_args(Command::new("sidecar"));
    // The first of clap's arguments is the name of the program, which here is the verb.
    let matches = command.clone().try_get_matches_from(args).map_err(|error| error.to_string())?;
    Settings::read(&command, &matches).map_err(|error| error.to_string())
}

/// What is wrong with a `ConfigMap` of overrides, and with the examples in its comments.
pub fn problems_of_overrides(manifest: &Manifest) -> Vec<String> {
    let text = manifest.text("/data/overrides.yaml");
    let place = manifest.place("/data/overrides.yaml");
    let mut problems = Vec::new();
    match Override::parse(text.as_bytes(), AN_HOUR_BEFORE) {
        Ok(overrides) if overrides.is_empty() => {}
        Ok(overrides) => problems.push(format!("{place}: switches {} things; ship it empty", overrides.len())),
        Err(error) => problems.push(format!("{place}: {error}")),
    }
    let examples = text.lines().filter_map(|line| line.strip_prefix('#')).filter(|line| line.starts_with("  - "));
    let listed: Vec<_> = std::iter::once("overrides:").chain(examples).collect();
    match Override::parse(listed.join("\n").as_bytes(), AN_HOUR_BEFORE) {
        Ok(overrides) if overrides.len() == 6 => {}
        Ok(overrides) => {
            problems.push(format!("{place}: {} examples in the comments; write one of each kind", overrides.len()));
        }
        Err(error) => problems.push(format!("{place}: an example in the comments: {error}")),
    }
    problems
}
