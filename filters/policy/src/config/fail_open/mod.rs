//! What the client gets when no region answers: `fail_open`.
//!
//! * `choice` is one of several, chosen by what a request looks like.
//! * `answer` is an answer of the configuration, `grpc_status` that for gRPC.

mod answer;
mod choice;
mod grpc_status;

use super::document::Value;
use super::last_good;
use super::output::Output;
use super::section::Cursor;
use crate::grpc::GrpcStatus;
use crate::last_good::LastGood;
use choice::Choice;

const LIST: &str = "write a list of responses, such as [ { status: 200, body: { confidence: 0.0 } } ]";

/// The last rungs of the ladder, of which there is at least one.
#[derive(Clone, Debug, Default)]
pub struct FailOpen {
    /// Answers that are given again when no region gives one.
    pub(crate) last_good: Option<LastGood>,
    /// Answers when nothing else does.
    pub(crate) fixed: Option<Choice>,
    /// The same for gRPC.
    pub(crate) grpc: Option<GrpcStatus>,
}

/// Reads the section of the route whose shared state lies under `scope` and whose answers have to be as `output` says.
pub(super) fn read(at: &mut Cursor<'_, '_>, scope: &str, output: Option<&Output>) -> Option<FailOpen> {
    let mut section = at.section("write a section such as { static: [ … ] }")?;
    let last_good = section.optional("last_good", |at| last_good::read(at, scope));
    let fixed = section.optional("static", |at| fixed(at, output));
    let grpc = section.optional("grpc", grpc_status::read);
    let is_empty = !["last_good", "static", "grpc"].iter().any(|key| section.has(key));
    section.close();
    if is_empty {
        return at.refuse("has none of last_good, static and grpc", "write at least one of them");
    }
    Some(FailOpen { last_good: last_good?, fixed: fixed?, grpc: grpc? })
}

fn fixed(at: &mut Cursor<'_, '_>, output: Option<&Output>) -> Option<Choice> {
    let last = match &at.node.value {
        Value::List(items) if items.is_empty() => return at.refuse("has no response", LIST),
        Value::List(items) => items.len().saturating_sub(1),
        _ => return at.refuse("is not a list", LIST),
    };
    let mut index = 0_usize;
    let entries = at.list(LIST, |at| {
        let is_last = index == last;
        index = index.saturating_add(1);
        answer::read(at, is_last, output)
    });
    entries.map(Choice::new)
}
