//! An answer of the configuration: an entry of `fail_open.static`.

use super::super::document::{Node, Value};
use super::super::output::Output;
use super::super::scalar;
use super::super::section::{Cursor, Section};
use super::choice::{self, Entry};
use crate::event_stream;
use crate::http::{Headers, Response, is_hop_by_hop};

/// Largest static body, in bytes: it is part of a configuration that every worker holds.
const MAX_BODY: usize = 64 << 10;

/// Reads an entry, the last one or another, on a route whose answers have to be as `output` says.
pub(super) fn read(at: &mut Cursor<'_, '_>, is_last: bool, output: Option<&Output>) -> Option<Entry> {
    let mut section = at.section("write a section such as { status: 200, body: { confidence: 0.0 } }")?;
    let has_when = section.has("when");
    let when = choice::when(&mut section, is_last);
    let status = section.optional("status", scalar::status);
    let headers = headers(&mut section);
    let body = section.optional("body", |at| body(at));
    let claims = section.optional("claims_confidence", |at| scalar::boolean(at));
    section.close();

    if !has_when && !is_last {
        return choice::refuse_without_when(at);
    }
    let status = status?.unwrap_or(200);
    let mut headers = headers?;
    let (body, kind) = body?.unwrap_or_default();
    if matches!(status, 204 | 205 | 304) && !body.is_empty() {
        return at.refuse(format!("has a body, which an answer with status {status} cannot carry"), "leave body out");
    }
    if !body.is_empty() && headers.first("content-type").is_none() {
        headers.push("content-type", kind);
    }
    let says_json = headers.starts_with("content-type", "application/json");
    if says_json && serde_json::from_slice::<Node>(&body).is_err() {
        return at
            .refuse("has a body that is not JSON, though its content-type says so", "correct the body or the type");
    }
    let response = Response { status, headers, body };
    check(at, &response, output, claims?.unwrap_or(false))?;
    Some((when?, response))
}

/// Whether the answer is one that its reader can use, and claims nothing that nobody knows. What is no good answer is no
/// more judged than that of a region. A stream could not be, and would also be what a client gets who asks for none.
fn check(at: &mut Cursor<'_, '_>, response: &Response, output: Option<&Output>, may_claim: bool) -> Option<()> {
    let is_good = (200..300).contains(&response.status) && response.may_have_body();
    let Some(output) = output.filter(|_| is_good) else { return Some(()) };
    if event_stream::is_one(&response.headers) {
        let rule = "makes it a stream of events, which the route's own output cannot judge".to_owned();
        let hint = "write the data of the event as the body: who asks for a stream gets it as one event".to_owned();
        at.refuse_at(".headers.content-type", rule, hint);
        return None;
    }
    if let Err(fault) = output.judge_fixed(&response.body) {
        let rule = format!("is what the route's own output refuses, by {}", fault.rule());
        at.refuse_at(&format!(".body{}", fault.pointer()), rule, "correct the body, or output".to_owned());
        return None;
    }
    if let Some(place) = output.claimed_confidence(&response.body).filter(|_| !may_claim) {
        let rule = "is sure of something, and nobody has asked a model".to_owned();
        let hint = "write 0, or claims_confidence: true beside the body".to_owned();
        at.refuse_at(&format!(".body{place}"), rule, hint);
        return None;
    }
    Some(())
}

fn headers(section: &mut Section<'_, '_>) -> Option<Headers> {
    let entries = section.optional("headers", |at| {
        at.entries("write headers with their values, such as { content-type: application/json }", |name, at| {
            if !scalar::is_header_name(name) {
                return at.refuse("belongs to a name that no header has", "write the header's name in lower case");
            }
            if is_hop_by_hop(name) || name.starts_with("x-helius-") {
                return at.refuse("is for a header that the filter or Envoy sets", "leave it out");
            }
            Some((name.to_owned(), scalar::header_value(at)?.into_bytes()))
        })
    });
    Some(entries?.unwrap_or_default().into())
}

/// The bytes of a body, and the content type that goes with how it was written: text is sent as it stands, anything
/// else as JSON.
fn body(at: &mut Cursor<'_, '_>) -> Option<(Vec<u8>, &'static str)> {
    let (bytes, kind) = match &at.node.value {
        Value::Text(text) => (text.clone().into_bytes(), "text/plain; charset=utf-8"),
        _ => (serde_json::to_vec(at.node).unwrap_or_default(), "application/json"),
    };
    if bytes.len() > MAX_BODY {
        return at.refuse(format!("is {} bytes long: at most {MAX_BODY}", bytes.len()), "shorten the body");
    }
    Some((bytes, kind))
}
