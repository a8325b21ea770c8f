//! Which messages are let in only once: `dedupe`.

use std::time::Duration;

use super::super::document::Value;
use super::super::scalar;
use super::super::section::Cursor;
use super::{LARGEST_MAX_KEYS, header_name};
use crate::dedupe::{Dedupe, Key, LONGEST};

/// A sender that repeats what it has sent does so in a minute.
const DEFAULT_WINDOW: Duration = Duration::from_secs(60);
/// Less would not outlast a request.
const SHORTEST_WINDOW: Duration = Duration::from_secs(1);
/// "Accepted": it says neither that the first is done nor how.
const DEFAULT_STATUS: u16 = 202;
/// Messages that are remembered at a time. Ten thousand take 240 KiB of Envoy's memory, once for all workers.
const DEFAULT_MAX_KEYS: u32 = 10_000;
/// Answers that are kept at a time, in at most four megabytes.
const DEFAULT_MAX_ANSWERS: u32 = 256;
/// Sixty-four megabytes.
const LARGEST_MAX_ANSWERS: u32 = 4_096;

const KEY: &str = "write { header: x-message-id }, or body";

/// Reads the section of the route whose shared state lies under `scope`.
pub(super) fn read(at: &mut Cursor<'_, '_>, scope: &str) -> Option<Dedupe> {
    let mut section = at.section("write a section such as { key: { header: x-message-id }, window: 60s }")?;
    let key = section.required("key", KEY, key);
    let window = section.optional("window", |at| scalar::duration(at, SHORTEST_WINDOW, LONGEST));
    let status = section.optional("status", status);
    let replay_answer = section.optional("replay_answer", scalar::boolean);
    let max_keys = section.optional("max_keys", |at| scalar::count(at, 1, LARGEST_MAX_KEYS, "a number of messages"));
    let max_answers =
        section.optional("max_answers", |at| scalar::count(at, 1, LARGEST_MAX_ANSWERS, "a number of answers"));
    section.close();
    let window = window?.unwrap_or(DEFAULT_WINDOW);
    let max_keys = max_keys?.unwrap_or(DEFAULT_MAX_KEYS);
    let max_answers = max_answers?.unwrap_or(DEFAULT_MAX_ANSWERS);
    let dedupe = Dedupe::new(scope, key?, window, status?.unwrap_or(DEFAULT_STATUS), max_keys);
    Some(if replay_answer?.unwrap_or(false) { dedupe.keeping_answers(max_answers) } else { dedupe })
}

fn key(at: &mut Cursor<'_, '_>) -> Option<Key> {
    match &at.node.value {
        Value::Text(word) if word == "body" => Some(Key::Body),
        Value::Map(_) => {
            let mut section = at.section(KEY)?;
            let header = section.required("header", "write the header's name, such as x-message-id", header_name);
            section.close();
            Some(Key::Header(header?))
        }
        _ => at.refuse("is not what a message is known by", KEY),
    }
}

/// What a sender takes for success, so that it stops repeating; or 409, for those who want to know.
fn status(at: &mut Cursor<'_, '_>) -> Option<u16> {
    let status = match &at.node.value {
        Value::Number(number) => scalar::whole(number).and_then(|status| u16::try_from(status).ok()),
        _ => None,
    };
    match status {
        Some(status @ (200..=299 | 409)) => Some(status),
        _ => at.refuse("is not a status for duplicates", "write a number from 200 to 299, or 409, without quotes"),
    }
}
