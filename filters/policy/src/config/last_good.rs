//! Which answers are kept for when no region gives one: `fail_open.last_good`.

use std::time::Duration;

use super::document::Value;
use super::scalar;
use super::section::Cursor;
use crate::last_good::{KeyPart, LastGood, Limits};

/// Up to which age an answer is given without a word: an outage shorter than this is one that few notice.
const DEFAULT_FRESH: Duration = Duration::from_secs(300);
/// Up to which age it is better than none. Whoever needs more knows how fast his answers grow old.
const DEFAULT_MAX_STALE: Duration = Duration::from_secs(3_600);
/// A week. What is older says more about the past than about the question.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Answers that are kept at a time, in at most nine megabytes with the default `max_body`.
const DEFAULT_MAX_ENTRIES: u32 = 128;
/// With the largest `max_body`, a bit more than a gigabyte.
const LARGEST_MAX_ENTRIES: u32 = 4_096;
/// The same as is kept of a request.
const DEFAULT_MAX_BODY: usize = 64 << 10;
/// Each good answer is copied into the VM and out of it: what is longer costs more than it is worth.
const LARGEST_MAX_BODY: usize = 256 << 10;

const SECTION: &str = "write a section such as { fresh: 300s, max_stale: 1h, key: [path, body] }";
const KEY: &str = "write a list such as [path, { header: x-user-segment }, body]";

/// Reads the section of the route whose shared state lies under `scope`.
pub(super) fn read(at: &mut Cursor<'_, '_>, scope: &str) -> Option<LastGood> {
    let mut section = at.section(SECTION)?;
    let fresh = section.optional("fresh", |at| scalar::duration(at, Duration::ZERO, LONGEST));
    let max_stale = section.optional("max_stale", |at| max_stale(at, fresh.flatten()));
    let parts = section.optional("key", parts);
    let max_entries =
        section.optional("max_entries", |at| scalar::count(at, 1, LARGEST_MAX_ENTRIES, "a number of answers"));
    let max_body = section.optional("max_body", |at| match scalar::size(at, LARGEST_MAX_BODY)? {
        0 => at.refuse("lets no answer be kept", "write at least 1B"),
        size => Some(size),
    });
    let across_credentials = section.optional("across_credentials", scalar::boolean);
    section.close();
    let limits = limits(fresh?, max_stale?);
    let parts = parts?.unwrap_or_else(|| vec![KeyPart::Path, KeyPart::Body]);
    let max_entries = max_entries?.unwrap_or(DEFAULT_MAX_ENTRIES);
    let last_good = LastGood::new(scope, parts, limits, max_entries, max_body?.unwrap_or(DEFAULT_MAX_BODY));
    Some(if across_credentials?.unwrap_or(false) { last_good.across_credentials() } else { last_good })
}

fn max_stale(at: &mut Cursor<'_, '_>, fresh: Option<Duration>) -> Option<Duration> {
    let max_stale = scalar::duration(at, Duration::ZERO, LONGEST)?;
    match fresh {
        Some(fresh) if max_stale < fresh => at.refuse(
            format!("is shorter than fresh, {fresh:?}, up to which an answer is not even stale"),
            "lengthen it, or shorten fresh",
        ),
        _ => Some(max_stale),
    }
}

/// What is not written gives way to what is.
fn limits(fresh: Option<Duration>, max_stale: Option<Duration>) -> Limits {
    let max_stale = max_stale.unwrap_or_else(|| DEFAULT_MAX_STALE.max(fresh.unwrap_or_default()));
    Limits { fresh: fresh.unwrap_or(DEFAULT_FRESH).min(max_stale), max_stale }
}

fn parts(at: &mut Cursor<'_, '_>) -> Option<Vec<KeyPart>> {
    let parts = at.list(KEY, part)?;
    if parts.is_empty() {
        return at.refuse("would give all requests of the route the same answer", KEY);
    }
    Some(parts)
}

fn part(at: &mut Cursor<'_, '_>) -> Option<KeyPart> {
    if !matches!(at.node.value, Value::Map(_)) {
        let words = [("path", KeyPart::Path), ("body", KeyPart::Body)];
        return scalar::key_part(at, &words.each_ref().map(|(word, part)| (*word, part)), KEY).cloned();
    }
    let mut section = at.section(KEY)?;
    let header = section.required("header", "write the header's name, such as x-user-segment", scalar::header_name);
    section.close();
    Some(KeyPart::Header(header?))
}
