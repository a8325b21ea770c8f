//! What watches the agents, `istio/monitoring`: whether its parts say the same, and fit the pods that they are for.
//!
//! What Prometheus, promtool, amtool and Alertmanager think of the files is asked in `tests/e2e/tests/monitoring`.

mod dashboard;
mod shape;
mod targets;

use serde_json::Value;

pub use dashboard::problems as problems_of_dashboard;
pub use shape::problems as problems_of_shape;
pub use targets::problems as problems_of_targets;

use crate::Manifest;

/// The folder.
pub const FOLDER: &str = "istio/monitoring";

/// The group whose rules are the platform's: how long they wait is the platform's too.
const PLATFORM: &str = "platform";

/// The document of one of its files.
pub fn file<'a>(manifests: &'a [Manifest], name: &str) -> Option<&'a Manifest> {
    manifests.iter().find(|it| it.file.strip_suffix(name).is_some_and(|folder| folder.ends_with("monitoring/")))
}

/// What an operator's Prometheus and a plain one would be told differently.
pub fn problems_of_copy(rules: &Manifest, copy: &Manifest) -> Vec<String> {
    let groups = (rules.value.pointer("/groups"), copy.value.pointer("/spec/groups"));
    let (Some(Value::Array(groups)), Some(Value::Array(copied))) = groups else {
        return vec![format!("{}: has no groups, or {} has none; write them", copy.place(""), rules.file)];
    };
    let index = (0..groups.len().max(copied.len())).find(|at| groups.get(*at) != copied.get(*at));
    let told = index.map(|at| {
        format!(
            "{}: is not what {} says; write its groups there, two columns further to the right",
            copy.place(&format!("/spec/groups/{at}")),
            rules.file
        )
    });
    told.into_iter().collect()
}

/// Rules that do not say what whoever is woken needs to know.
pub fn problems_of_rules(rules: &Manifest) -> Vec<String> {
    let mut problems = Vec::new();
    for (group_at, group) in rules.items("/groups") {
        for (index, rule) in group["rules"].as_array().into_iter().flatten().enumerate() {
            let place = |path: &str| rules.place(&format!("{group_at}/rules/{index}{path}"));
            let says = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
            if !matches!(rule["labels"]["severity"].as_str(), Some("page" | "ticket")) {
                problems.push(format!("{}: has no severity that is routed; write page or ticket", place("/labels")));
            }
            for key in ["summary", "description"] {
                if !says(&rule["annotations"][key]) {
                    problems.push(format!("{}: has no {key}; write one", place("/annotations")));
                }
            }
            if group["name"] != PLATFORM && !says(&rule["for"]) {
                problems.push(format!("{}: fires at once; write for, so that a blip wakes nobody", place("")));
            }
        }
    }
    problems
}
