//! One document of a YAML file, with the lines in which its parts stand.

use std::path::{Path, PathBuf};
use std::{fs, io};

use helius_policy::config::{ConfigError, Node, Value as Written};
use serde_json::Value;

/// One document.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Its file, from the repository's root.
    pub file: String,
    /// What it says.
    pub value: Value,
    node: Node,
}

impl Manifest {
    /// Its kind; nothing where it has none, as a document of the filter.
    pub fn kind(&self) -> &str {
        self.text("/kind")
    }

    /// The name among others of its kind.
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// The text at a JSON pointer; nothing where there is none.
    pub fn text(&self, pointer: &str) -> &str {
        self.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The items of the list at a JSON pointer, each with its own pointer; none where there is no list.
    pub fn items(&self, pointer: &str) -> impl Iterator<Item = (String, &Value)> {
        let items = self.value.pointer(pointer).and_then(Value::as_array);
        let pointer = pointer.to_owned();
        items.into_iter().flatten().enumerate().map(move |(index, item)| (format!("{pointer}/{index}"), item))
    }

    /// Whether labels of a selector mean the pods of this `Deployment`; none at all mean nobody's here.
    pub fn has_pods_with(&self, wanted: Option<&Value>) -> bool {
        let labels = self.value.pointer("/spec/template/metadata/labels");
        let wanted = wanted.and_then(Value::as_object).filter(|it| !it.is_empty());
        wanted.is_some_and(|wanted| wanted.iter().all(|(key, it)| labels.and_then(|all| all.get(key)) == Some(it)))
    }

    /// Where something stands, as `file:line: kind name: path`. The line is that of the nearest part that there is.
    pub fn place(&self, pointer: &str) -> String {
        let mut node = &self.node;
        for step in pointer.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            let next = match &node.value {
                Written::List(items) => step.parse().ok().and_then(|index: usize| items.get(index)),
                _ => node.get(&step),
            };
            let Some(next) = next else { break };
            node = next;
        }
        let line = node.line.map(|line| format!(":{line}")).unwrap_or_default();
        let whole = format!("{}{line}: {} {}", self.file, self.kind(), self.name());
        let path = pointer.trim_start_matches('/').replace('/', ".").replace("~1", "/");
        if path.is_empty() { whole } else { format!("{whole}: {path}") }
    }
}

/// Reads the documents of a text; `file` is what they are called.
///
/// # Errors
///
/// Where it is not YAML, with the file.
pub fn read(file: &str, text: &[u8]) -> Result<Vec<Manifest>, String> {
    let nodes = Node::read_all(text).map_err(|error| match error {
        ConfigError::Empty => format!("{file}: is empty; write a manifest into it, or remove it"),
        error => format!("{file}: {error}; mend the YAML"),
    })?;
    let manifest = |node: Node| {
        let value = serde_json::to_value(&node).map_err(|error| format!("{file}: {error}"))?;
        Ok(Manifest { file: file.to_owned(), value, node })
    };
    nodes.into_iter().map(manifest).collect()
}

/// All documents of all YAML files in a folder and those below it, in the order of their names.
///
/// # Errors
///
/// Where a file cannot be read, or is not YAML.
pub fn all(root: &Path, folder: &str) -> Result<Vec<Manifest>, String> {
    let mut manifests = Vec::new();
    for path in files(&root.join(folder)).map_err(|error| format!("{folder}: {error}"))? {
        let file = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        if path.extension().is_some_and(|it| it == "yaml") {
            let text = fs::read(&path).map_err(|error| format!("{file}: {error}"))?;
            manifests.extend(read(&file, &text)?);
        }
    }
    Ok(manifests)
}

/// All files in a folder and those below it.
pub(crate) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
