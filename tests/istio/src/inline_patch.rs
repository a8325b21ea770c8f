//! The JSON patches that stand in a `kustomization.yaml` itself, such as that of a port.

use serde_json::Value;

use crate::{Manifest, read};

/// What a source says with the patches of these lists. Only `replace` is known: what another operation does is not seen here,
/// and told as a difference.
pub(crate) fn patched(lists: &[Manifest], source: &Manifest) -> Value {
    let mut value = source.value.clone();
    for (list, patch) in lists.iter().flat_map(|list| list.items("/patches").map(move |(_, patch)| (list, patch))) {
        let target = &patch["target"];
        if target["kind"] != source.kind() || target["name"] != source.name() {
            continue;
        }
        let operations = patch["patch"].as_str().and_then(|text| read(&list.file, text.as_bytes()).ok());
        for operation in operations.iter().flatten().flat_map(|it| it.value.as_array().into_iter().flatten()) {
            let place = operation["path"].as_str().and_then(|path| value.pointer_mut(path));
            if let Some(place) = place.filter(|_| operation["op"] == "replace") {
                place.clone_from(&operation["value"]);
            }
        }
    }
    value
}
