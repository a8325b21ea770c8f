//! The examples and layouts as `kubectl apply -k` sends them, committed in `tests/istio/golden`: what an operator may read without
//! kubectl, and what is judged as a whole. Whether they are still what the sources say is seen in two ways: everything that
//! a source says stands in them, and where there is a kubectl, it renders the same.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::inline_patch::patched;
use crate::{Manifest, all, read};

/// Where those are that are applied as they stand, each a folder in one of these.
const FOLDERS: [&str; 2] = ["istio/examples", "istio/high-availability"];

/// What stands in a source for a value that is put in when it is rendered.
const PLACEHOLDERS: [&str; 2] = ["replaced", "service: unnamed\nroutes: []\n"];

/// The names of all of them.
///
/// # Errors
///
/// Where a folder cannot be read.
pub fn names(root: &Path) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for folder in FOLDERS {
        let entries = fs::read_dir(root.join(folder)).map_err(|error| format!("{folder}: {error}"))?;
        names.extend(entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned())));
    }
    names.sort();
    Ok(names)
}

/// Where one of them lies.
pub fn folder(name: &str) -> String {
    let paths = FOLDERS.map(|it| format!("{it}/{name}"));
    let found = paths.iter().find(|it| crate::root().join(it).is_dir()).unwrap_or(&paths[0]);
    found.clone()
}

/// An example as it is committed.
///
/// # Errors
///
/// Where there is none, or it is not YAML.
pub fn example(root: &Path, name: &str) -> Result<Vec<Manifest>, String> {
    let file = format!("tests/istio/golden/{name}.yaml");
    let text = fs::read(root.join(&file)).map_err(|error| format!("{file}: {error}; {}", remedy(name)))?;
    read(&file, &text)
}

/// A folder, such as `istio/examples/recommender`, as kubectl renders it; nothing where there is no kubectl that can.
///
/// # Errors
///
/// What kubectl says against it.
pub fn by_kubectl(root: &Path, folder: &str) -> Result<Option<Vec<Manifest>>, String> {
    // 1.20 and older have a kustomize without components.
    let version = Command::new("kubectl").args(["version", "--client"]).output();
    if !version.is_ok_and(|it| String::from_utf8_lossy(&it.stdout).contains("Kustomize Version: v5")) {
        return Ok(None);
    }
    let output =
        Command::new("kubectl").arg("kustomize").arg(root.join(folder)).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("{folder}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    read(&format!("kubectl kustomize {folder}"), &output.stdout).map(Some)
}

/// How two renderings of an example differ.
pub fn differences(name: &str, committed: &[Manifest], rendered: &[Manifest]) -> Vec<String> {
    let same = |one: &Manifest, other: &Manifest| (one.kind(), one.name()) == (other.kind(), other.name());
    let mut problems = Vec::new();
    for it in rendered {
        match committed.iter().find(|other| same(it, other)) {
            Some(other) if other.value == it.value => {}
            Some(other) => problems.push(format!("{}: is stale; {}", other.place(""), remedy(name))),
            None => problems.push(format!("{}: is not in the committed one; {}", it.place(""), remedy(name))),
        }
    }
    let gone = committed.iter().filter(|it| !rendered.iter().any(|other| same(it, other)));
    problems.extend(gone.map(|it| format!("{}: is rendered no more; {}", it.place(""), remedy(name))));
    problems
}

/// What the sources of an example say, and its committed rendering does not.
///
/// # Errors
///
/// Where a source cannot be read.
pub fn missing(root: &Path, name: &str, committed: &[Manifest]) -> Result<Vec<String>, String> {
    let mut problems = Vec::new();
    let own = folder(name);
    let lists: Vec<_> = all(root, &own)?.into_iter().filter(|it| it.kind() == "Kustomization").collect();
    for folder in folders(root, &own)? {
        for source in all(root, &folder)? {
            if matches!(source.kind(), "" | "Kustomization" | "Component") {
                continue;
            }
            // A patch is for whatever Deployment there is.
            let is_meant =
                |it: &&Manifest| it.kind() == source.kind() && (it.name() == source.name() || source.name() == "any");
            match committed.iter().find(is_meant) {
                None => problems.push(format!("{}: is not rendered; {}", source.place(""), remedy(name))),
                Some(it) => {
                    if let Some(pointer) = lost(&patched(&lists, &source), &it.value, "") {
                        problems.push(format!(
                            "{}: is not so in {}; {}",
                            source.place(&pointer),
                            it.file,
                            remedy(name)
                        ));
                    }
                }
            }
        }
    }
    problems.extend(lists.iter().flat_map(|list| missing_policies(root, &own, list, name, committed)));
    Ok(problems)
}

/// A folder, and those of all components that it is put together from.
fn folders(root: &Path, folder: &str) -> Result<Vec<String>, String> {
    let mut folders = vec![folder.to_owned()];
    for list in all(root, folder)? {
        for path in list.items("/components").filter_map(|(_, path)| path.as_str()) {
            let name = path.rsplit('/').next().unwrap_or_default();
            folders.extend(self::folders(root, &format!("istio/components/{name}"))?);
        }
    }
    Ok(folders)
}

/// The documents of the filters have to be there letter for letter, each in the filter that its `ConfigMap` is named after.
fn missing_policies(root: &Path, own: &str, list: &Manifest, name: &str, committed: &[Manifest]) -> Vec<String> {
    let pointer = "/spec/configPatches/0/patch/value/typed_config/config/configuration/value";
    let mut problems = Vec::new();
    for (_, generator) in list.items("/configMapGenerator") {
        for file in generator["files"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let file = file.rsplit('=').next().unwrap_or(file);
            // That there is such a file is asked where the lists are judged.
            let Ok(policy) = fs::read_to_string(root.join(own).join(file)) else { continue };
            if !committed.iter().any(|it| generator["name"] == it.name() && it.text(pointer) == policy) {
                let golden = format!("tests/istio/golden/{name}.yaml");
                problems.push(format!("{own}/{file}: is not what {golden} has; {}", remedy(name)));
            }
        }
    }
    problems
}

/// The first thing that a source says and a rendering does not.
fn lost(source: &Value, rendered: &Value, pointer: &str) -> Option<String> {
    match (source, rendered) {
        (Value::Object(source), Value::Object(rendered)) => source.iter().find_map(|(key, value)| {
            let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
            // The overlay gives images their names, and a patch has no name of its own.
            if key == "image" || pointer == "/metadata/name" {
                return None;
            }
            rendered.get(key).map_or(Some(pointer.clone()), |it| lost(value, it, &pointer))
        }),
        // Lists of a patch are merged into others.
        (Value::Array(source), Value::Array(rendered)) => source.iter().enumerate().find_map(|(index, value)| {
            let pointer = format!("{pointer}/{index}");
            let is_there = rendered.iter().any(|it| lost(value, it, &pointer).is_none());
            (!is_there).then_some(pointer)
        }),
        _ => {
            let is_placeholder = source.as_str().is_some_and(|it| PLACEHOLDERS.contains(&it));
            (source != rendered && !is_placeholder).then(|| pointer.to_owned())
        }
    }
}

fn remedy(name: &str) -> String {
    format!("run: kubectl kustomize {} > tests/istio/golden/{name}.yaml", folder(name))
}
