//! What the agent answers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{Agent, Entry, Mood};
use crate::document::Override;
use crate::fields::Fields;
use crate::host::CallAnswer;
use crate::scenario::Lie;
use crate::world::Micros;

/// Where it tells which overrides there are.
const OVERRIDES: &str = "/v1/overrides";

/// What becomes of a question.
#[derive(Debug)]
pub(crate) enum Told {
    Answer(CallAnswer),
    /// It waits for something new, for so long at the most.
    Later(Micros),
}

impl Agent {
    /// Answers a question with these headers; `is_late` where it has waited for as long as it should.
    pub(crate) fn answer(&mut self, headers: &Fields, is_late: bool) -> Told {
        let path = headers.text(":path");
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        match self.mood {
            Mood::Dead => Told::Answer(made_up("remote connection failure")),
            Mood::Lying(Lie::Error) => Told::Answer(answer(500, None, "out of order")),
            Mood::Lying(Lie::Garbage) => {
                self.version += 1;
                Told::Answer(answer(200, Some(self.version), "{\"overrides\": [{"))
            }
            // It keeps good answers too, and has none.
            Mood::Well | Mood::Lying(_) if path != OVERRIDES => {
                Told::Answer(answer(if headers.text(":method") == "PUT" { 204 } else { 200 }, None, ""))
            }
            Mood::Well | Mood::Lying(_) if headers.text("if-none-match") == etag(self.version) => {
                match seconds(query) {
                    Some(wait) if !is_late && self.mood != Mood::Lying(Lie::Hurry) => Told::Later(wait),
                    _ => Told::Answer(answer(304, Some(self.version), "")),
                }
            }
            Mood::Lying(Lie::Mistake) => {
                let mut document = document(&self.entries);
                if let Some(list) = document["overrides"].as_array_mut() {
                    list.push(json!({ "override": "statik" }));
                }
                Told::Answer(answer(200, Some(self.version), &document.to_string()))
            }
            Mood::Well | Mood::Lying(Lie::Hurry) => {
                let text = document(&self.entries).to_string();
                self.newest = text.clone().into_bytes();
                self.given.insert(self.newest.clone(), self.entries.clone().into());
                Told::Answer(answer(200, Some(self.version), &text))
            }
        }
    }
}

/// What Envoy says when it has given the agent up.
pub(crate) fn timed_out() -> CallAnswer {
    answer(504, None, "upstream request timeout")
}

/// Whether a question is one for overrides.
pub(crate) fn is_for_overrides(headers: &Fields) -> bool {
    headers.text(":path").starts_with(OVERRIDES)
}

/// What Envoy says in the agent's place.
pub(crate) fn made_up(why: &str) -> CallAnswer {
    answer(503, None, &format!("upstream connect error or disconnect/reset before headers. reset reason: {why}"))
}

fn etag(version: u64) -> String {
    format!("\"v{version}\"")
}

/// How long it is asked to wait.
fn seconds(query: &str) -> Option<Micros> {
    query.strip_prefix("wait=")?.strip_suffix('s')?.parse().ok().map(|it: Micros| it * 1_000_000)
}

fn document(entries: &[Entry]) -> Value {
    list(entries.iter().map(|it| (&it.what, UNIX_EPOCH + Duration::from_micros(it.until))))
}

/// The document that an agent gives of these overrides, each with its end.
pub fn document_of<'a>(overrides: impl Iterator<Item = (&'a Override, SystemTime)>) -> String {
    list(overrides).to_string()
}

fn list<'a>(overrides: impl Iterator<Item = (&'a Override, SystemTime)>) -> Value {
    let overrides = overrides.map(|(what, until)| what.to_json(&humantime::format_rfc3339_millis(until).to_string()));
    json!({ "overrides": overrides.collect::<Vec<_>>() })
}

fn answer(status: u16, version: Option<u64>, body: &str) -> CallAnswer {
    let mut headers = Fields::from_iter([(":status", status.to_string())]);
    if let Some(version) = version {
        headers.push("etag", etag(version));
    }
    headers.push("content-length", body.len().to_string());
    CallAnswer { headers, body: body.as_bytes().to_vec(), trailers: Fields::default() }
}
