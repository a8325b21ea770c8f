//! An answer that comes with a good status and that its reader cannot use: another region's takes its place, and no
//! client ever sees it.
//!
//! * `answers` are what the regions say.
//! * `valid`: what is of use comes as it would without the filter; `lengths`: up to the length that is allowed.
//! * `invalid`, `beyond_schema`: what is of no use is covered; `refusal`: or refused, where nothing covers it.
//! * `not_judged`: what is looked at in no case; `watched`: what is judged, and nothing follows from it.
//! * `held`: what can happen to an answer, and to its client, while it is held.
//! * `eject`: a region that answers nonsense is left alone; `log`: what an operator reads of it.

mod answers;
mod beyond_schema;
mod eject;
mod held;
mod invalid;
mod lengths;
mod log;
mod not_judged;
mod refusal;
mod valid;
mod watched;

use std::collections::BTreeMap;

use helius_e2e::{Bootstrap, Mesh, Reply, Request};
use serde_json::{Value, json};

use crate::regions::{QUESTION, Regions, marks};
use answers::sized;

/// Longer answers become a reply of the filter's own.
pub(super) const IN_PLACE: usize = 32 * 1024;

/// By these, what the stand-in regions say of themselves is valid.
pub(super) fn rules() -> Value {
    json!({
        "schema": {
            "type": "object",
            "required": ["action", "confidence"],
            "properties": { "action": { "type": "string" }, "confidence": { "type": "number" } },
        },
        "min_confidence": { "pointer": "/confidence", "bound": 0.5 },
        "max_body": 1024,
    })
}

/// By this, what [`sized`] makes is valid.
pub(super) fn any_length() -> Value {
    json!({ "schema": { "type": "object", "required": ["a"] } })
}

/// Judges what the assistant's regions say. Every failure leads to the next rung, as where `fail_on` is not written.
pub(super) fn judged(bootstrap: Bootstrap, output: &Value) -> Bootstrap {
    bootstrap.assist_route(|route| {
        route["output"] = output.clone();
        // The rules hold for the static answer too.
        route["fail_open"]["static"][0]["body"]["a"] = "".into();
        route["fail_open"]["static"][0]["body"]["items"] = json!([{ "id": 1 }]);
        route["upstream"].as_object_mut().unwrap().remove("fail_on");
    })
}

pub(super) fn without_static(bootstrap: Bootstrap) -> Bootstrap {
    bootstrap.assist_route(|route| {
        route.as_object_mut().unwrap().remove("fail_open");
    })
}

/// For answers that take their time.
pub(super) fn with_much_time(bootstrap: Bootstrap) -> Bootstrap {
    bootstrap.assist_route(|route| {
        route["upstream"]["timeout"] = "9s".into();
        route["upstream"]["regions"][0]["timeout"] = "8s".into();
    })
}

pub(super) async fn start(regions: &Regions, output: &Value) -> Mesh {
    judged(regions.mesh(), output).start().await.unwrap()
}

pub(super) fn question() -> Request {
    Request::post("/assist", QUESTION)
}

pub(super) async fn ask(mesh: &Mesh) -> Reply {
    mesh.send(question()).await.unwrap()
}

pub(super) fn assert_valid(reply: &Reply, size: usize) {
    assert_eq!((reply.status, marks(reply)), (200, BTreeMap::new()), "{} bytes of {size}", reply.body.len());
    assert!(reply.body == sized(size), "{} bytes came instead of {size}", reply.body.len());
}
