//! Whether each folder with a `kustomization.yaml` lists every file that it has, and nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::manifest::files;
use crate::{Manifest, read};

/// What a folder's list is called.
const LIST: &str = "kustomization.yaml";

/// Values for Istio's chart, which Helm reads and nobody applies.
const VALUES: &str = "istio/injection";

/// What is wrong with the folders below one, and with itself.
///
/// # Errors
///
/// Where a file cannot be read.
pub fn problems(root: &Path, folder: &str) -> Result<Vec<String>, String> {
    let paths = files(&root.join(folder)).map_err(|error| format!("{folder}: {error}"))?;
    let folders: BTreeSet<&Path> = paths.iter().filter_map(|path| path.parent()).collect();
    let mut problems = Vec::new();
    let mut used = BTreeSet::new();
    for path in &folders {
        let shown = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
        let there: BTreeSet<String> = paths
            .iter()
            .filter(|file| file.parent() == Some(path))
            .filter_map(|file| Some(file.file_name()?.to_string_lossy().into_owned()))
            .filter(|name| Path::new(name).extension().is_none_or(|it| it != "md"))
            .collect();
        if there.is_empty() || shown == VALUES {
            continue;
        }
        if !there.contains(LIST) {
            problems.push(format!("{shown}: has no {LIST}; write one that lists its files, or move them"));
            continue;
        }
        let file = format!("{shown}/{LIST}");
        let text = fs::read(root.join(&file)).map_err(|error| format!("{file}: {error}"))?;
        for list in read(&file, &text)? {
            judge(&list, path, &there, &mut used, &mut problems);
        }
    }
    let unused = folders.iter().filter(|path| path.parent().is_some_and(|it| it.ends_with("components")));
    for path in unused.filter(|path| path.canonicalize().is_ok_and(|path| !used.contains(&path))) {
        let shown = path.strip_prefix(root).unwrap_or(path).display();
        problems.push(format!("{shown}: nothing uses it, so nobody has rendered it; use it in one, or take it out"));
    }
    Ok(problems)
}

fn judge(
    list: &Manifest,
    folder: &Path,
    there: &BTreeSet<String>,
    used: &mut BTreeSet<std::path::PathBuf>,
    problems: &mut Vec<String>,
) {
    let mut listed = BTreeSet::from([LIST.to_owned()]);
    for (pointer, name) in named(list) {
        let path = folder.join(&name);
        if path.is_dir() && path.join(LIST).is_file() {
            used.extend(path.canonicalize());
        } else if !there.contains(&name) {
            problems.push(format!("{}: there is no {name}; mend the name, or write the file", list.place(&pointer)));
        }
        if !listed.insert(name.clone()) {
            problems.push(format!("{}: {name} is listed twice; take one out", list.place(&pointer)));
        }
    }
    for name in there.difference(&listed) {
        problems.push(format!("{}: {name} lies beside it and is not listed; list it, or remove it", list.file));
    }
}

/// All files and folders that a list names.
fn named(list: &Manifest) -> Vec<(String, String)> {
    let mut names = Vec::new();
    for key in ["/resources", "/components"] {
        names.extend(list.items(key).filter_map(|(at, item)| Some((at, item.as_str()?.to_owned()))));
    }
    let patches = list.items("/patches").filter_map(|(at, item)| Some((at, item["path"].as_str()?.to_owned())));
    names.extend(patches);
    for (at, generator) in list.items("/configMapGenerator") {
        let files = generator["files"].as_array().into_iter().flatten().filter_map(Value::as_str);
        // A file may be given another name in the ConfigMap: NAME=FILE.
        names.extend(files.map(|it| (at.clone(), it.rsplit('=').next().unwrap_or(it).to_owned())));
    }
    names
}
