//! What the client gets when no region answers: `fail_open`.
//!
//! * `choice` is one of several, chosen by what a request looks like.
//! * `answer` is an answer of the configuration, `grpc_status` that for gRPC.

mod answer;
mod choice;
mod grpc_status;

use std::time::Duration;

use super::document::Value;
use super::last_good;
use super::output::Output;
use super::scalar;
use super::section::Cursor;
use crate::degraded_share;
use crate::grpc::GrpcStatus;
use crate::last_good::LastGood;
use choice::Choice;

const LIST: &str = "write a list of responses, such as [ { status: 200, body: { confidence: 0.0 } } ]";

/// How far back answers are counted where the route does not say.
const WINDOW: Duration = Duration::from_secs(60);
const SHORTEST_WINDOW: Duration = Duration::from_secs(1);
const LONGEST_WINDOW: Duration = Duration::from_secs(3_600);

/// Fewest answers for a share to mean anything where the route does not say: as many as for a breaker's (Hystrix).
const MIN_REQUESTS: u32 = 20;

/// The last rungs of the ladder, of which there is at least one.
#[derive(Clone, Debug, Default)]
pub struct FailOpen {
    /// Answers that are given again when no region gives one.
    pub(crate) last_good: Option<LastGood>,
    /// Answers when nothing else does.
    pub(crate) fixed: Option<Choice>,
    /// The same for gRPC.
    pub(crate) grpc: Option<GrpcStatus>,
    /// How large a share of the answers these may be.
    pub(crate) max_share: Option<degraded_share::Settings>,
}

/// Reads the section of the route whose shared state lies under `scope` and whose answers have to be as `output` says.
pub(super) fn read(at: &mut Cursor<'_, '_>, scope: &str, output: Option<&Output>) -> Option<FailOpen> {
    let mut section = at.section("write a section such as { static: [ … ] }")?;
    let last_good = section.optional("last_good", |at| last_good::read(at, scope));
    let fixed = section.optional("static", |at| fixed(at, output));
    let grpc = section.optional("grpc", grpc_status::read);
    let max_share = section.optional("max_share", max_share);
    let is_empty = !["last_good", "static", "grpc"].iter().any(|key| section.has(key));
    section.close();
    if is_empty {
        return at.refuse("has none of last_good, static and grpc", "write at least one of them");
    }
    Some(FailOpen { last_good: last_good?, fixed: fixed?, grpc: grpc?, max_share: max_share? })
}

fn max_share(at: &mut Cursor<'_, '_>) -> Option<degraded_share::Settings> {
    let mut section = at.section("write a section such as { share: 0.5, window: 60s, min_requests: 20 }")?;
    let share = section.required("share", "write a share such as 0.5", |at| scalar::share(at, 0.0));
    let window = section.optional("window", |at| scalar::duration(at, SHORTEST_WINDOW, LONGEST_WINDOW));
    let min_requests = section.optional("min_requests", |at| scalar::count(at, 1, u32::MAX, "a number of answers"));
    section.close();
    Some(degraded_share::Settings {
        share: share?,
        window: window?.unwrap_or(WINDOW),
        min_requests: min_requests?.unwrap_or(MIN_REQUESTS),
    })
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
