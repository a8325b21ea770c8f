//! Set and clear.

use helius_policy::overrides::LONGEST_AUTHOR;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::super::Sidecar;
use super::super::request::{Answer, Request};
use super::permit;
use super::reply::{error, json, problems};
use crate::overrides::{Asked, Entry, NotCleared, Set, Topology, Who, now, written};

/// The header in which who clears something says their name.
pub(crate) const AUTHOR: &str = "x-helius-author";

/// Sets an override, or says what would happen.
pub(super) async fn set(sidecar: &Sidecar, request: &Request) -> Answer {
    if let Some(answer) = permit::refusal(sidecar, request) {
        return answer;
    }
    let asked = match Asked::read(&request.body, now()) {
        Ok(asked) => asked,
        Err(found) => return problems(StatusCode::BAD_REQUEST, "this is no override", &found),
    };
    let judged = match sidecar.metrics.topology().await {
        Ok(topology) if !topology.is_empty() => match judge(sidecar, &topology, &asked) {
            Ok(judged) => judged,
            Err(answer) => return *answer,
        },
        // An operator in an incident must not be stopped by it.
        Ok(_) => Judged::unknown("Envoy has no stats of the filter"),
        Err(why) => Judged::unknown(&format!("Envoy's stats cannot be read ({why})")),
    };
    if asked.dry_run {
        return dry_run(sidecar, &asked, judged);
    }
    let who = Who { name: Some(asked.switched.author.clone()), remote: request.remote.clone() };
    match sidecar.overrides.set(asked.switched, &who, now()) {
        Ok(Set { entry, warnings }) => {
            let warnings = judged.warnings.into_iter().chain(warnings);
            json(StatusCode::CREATED, with(entry.written(), judged.changes, warnings.collect()).to_string())
        }
        Err(full) => error(StatusCode::CONFLICT, &full.to_string()),
    }
}

/// What the filter would do with an override.
struct Judged {
    /// The routes that it changes something on, where that is known.
    changes: Option<Vec<String>>,
    warnings: Vec<String>,
}

impl Judged {
    fn unknown(why: &str) -> Self {
        let warning = format!("{why}: whether the filter knows these names, and what is healthy, was not looked at");
        Self { changes: None, warnings: vec![warning] }
    }
}

fn judge(sidecar: &Sidecar, topology: &Topology, asked: &Asked) -> Result<Judged, Box<Answer>> {
    let mut warnings = Vec::new();
    let useless = topology.check(&asked.switched);
    let entries = sidecar.overrides.entries();
    let others: Vec<_> = entries.iter().map(|entry| &entry.switched).collect();
    let lost = || topology.loses_last(&asked.switched, &others);
    let wrong = match useless {
        Some(problem) => Some((StatusCode::UNPROCESSABLE_ENTITY, "the filter has no use for this", problem)),
        None => lost().map(|problem| (StatusCode::CONFLICT, "this takes the last healthy region", problem)),
    };
    if let Some((status, why, problem)) = wrong {
        if !asked.force {
            return Err(Box::new(problems(status, why, &[problem])));
        }
        warnings.push(format!("forced, although {why}: {problem}"));
    }
    Ok(Judged { changes: Some(topology.changed_by(&asked.switched)), warnings })
}

fn dry_run(sidecar: &Sidecar, asked: &Asked, judged: Judged) -> Answer {
    if let Err(full) = sidecar.overrides.has_room() {
        return error(StatusCode::CONFLICT, &full.to_string());
    }
    let mut told = with(written(&asked.switched), judged.changes, judged.warnings);
    told["dry_run"] = true.into();
    json(StatusCode::OK, told.to_string())
}

fn with(entry: serde_json::Map<String, Value>, changes: Option<Vec<String>>, warnings: Vec<String>) -> Value {
    let mut told = Value::from(entry);
    if let Some(changes) = changes {
        told["changes"] = changes.into();
    }
    told["warnings"] = warnings.into();
    told
}

/// Clears one that the API was told.
pub(super) fn clear(sidecar: &Sidecar, request: &Request) -> Answer {
    if let Some(answer) = permit::refusal(sidecar, request) {
        return answer;
    }
    let path = request.head.uri.path();
    let id = path.strip_prefix(helius_policy::overrides::PATH).and_then(|id| id.strip_prefix('/')).unwrap_or_default();
    match sidecar.overrides.clear(id, &who(request), now()) {
        Ok(entry) => json(StatusCode::OK, Value::from(entry.written()).to_string()),
        Err(why @ NotCleared::Unknown(_)) => error(StatusCode::NOT_FOUND, &why.to_string()),
        Err(why @ NotCleared::OfFile(_)) => error(StatusCode::CONFLICT, &in_file(sidecar, &why.to_string())),
    }
}

/// Clears all that the API was told. What stands in the file stays, and that is told; where there is nothing else, it is
/// an error.
pub(super) fn clear_all(sidecar: &Sidecar, request: &Request) -> Answer {
    if let Some(answer) = permit::refusal(sidecar, request) {
        return answer;
    }
    let cleared = sidecar.overrides.clear_all(&who(request), now());
    let cleared: Vec<Value> = cleared.iter().map(|entry| Entry::written(entry).into()).collect();
    let left: Vec<String> = sidecar.overrides.entries().into_iter().map(|entry| entry.id).collect();
    if left.is_empty() {
        return json(StatusCode::OK, json!({ "cleared": cleared, "warnings": [] }).to_string());
    }
    let why = format!("{} in force still: in the file of overrides; remove them there", left.join(", "));
    let why = in_file(sidecar, &why);
    if cleared.is_empty() {
        return error(StatusCode::CONFLICT, &why);
    }
    json(StatusCode::OK, json!({ "cleared": cleared, "warnings": [why] }).to_string())
}

fn in_file(sidecar: &Sidecar, why: &str) -> String {
    match &sidecar.settings.overrides_file {
        Some(path) => format!("{why}: {}", path.display()),
        None => why.to_owned(),
    }
}

/// Who clears something, as far as they say so.
fn who(request: &Request) -> Who {
    let name = request.head.headers.get(AUTHOR).and_then(|name| std::str::from_utf8(name.as_bytes()).ok());
    let name = name.filter(|name| name.len() <= LONGEST_AUTHOR && !name.chars().any(char::is_control));
    Who { name: name.map(str::to_owned), remote: request.remote.clone() }
}
