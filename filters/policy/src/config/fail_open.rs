//! What the client gets when no region answers: `fail_open`.

use super::document::{Node, Value};
use super::grpc_status;
use super::last_good;
use super::scalar;
use super::section::{Cursor, Section};
use crate::grpc::GrpcStatus;
use crate::http::{Headers, Response, is_hop_by_hop};
use crate::last_good::LastGood;

/// Largest static body, in bytes: it is part of a configuration that every worker holds.
const MAX_BODY: usize = 64 << 10;

/// The last rungs of the ladder, of which there is at least one.
#[derive(Clone, Debug, Default)]
pub struct FailOpen {
    /// Answers that are given again when no region gives one.
    pub(crate) last_good: Option<LastGood>,
    /// Answers when nothing else does.
    pub(crate) fixed: Option<Response>,
    /// The same for gRPC.
    pub(crate) grpc: Option<GrpcStatus>,
}

/// Reads the section of the route whose shared state lies under `scope`.
pub(super) fn read(at: &mut Cursor<'_, '_>, scope: &str) -> Option<FailOpen> {
    let mut section = at.section("write a section such as { static: [ … ] }")?;
    let list = "write a list of one response, such as [ { status: 200, body: { confidence: 0.0 } } ]";
    let last_good = section.optional("last_good", |at| last_good::read(at, scope));
    let fixed = section.optional("static", |at| {
        let mut responses = at.list(list, response)?;
        match (responses.pop(), responses.is_empty()) {
            (Some(only), true) => Some(only),
            _ => at.refuse("is not a list of exactly one response", list),
        }
    });
    let grpc = section.optional("grpc", grpc_status::read);
    let is_empty = !["last_good", "static", "grpc"].iter().any(|key| section.has(key));
    section.close();
    if is_empty {
        return at.refuse("has none of last_good, static and grpc", "write at least one of them");
    }
    Some(FailOpen { last_good: last_good?, fixed: fixed?, grpc: grpc? })
}

fn response(at: &mut Cursor<'_, '_>) -> Option<Response> {
    let mut section = at.section("write a section such as { status: 200, body: { confidence: 0.0 } }")?;
    let status = section.optional("status", scalar::status);
    let headers = headers(&mut section);
    let body = section.optional("body", |at| body(at));
    section.close();

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
    Some(Response { status, headers, body })
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
