//! Which requests are let in at all: `admission`.

mod dedupe;
mod isolate;
mod rate_limit;

use super::scalar::header_name;
use super::section::Cursor;
use crate::admission::Admission;

/// A million keys: sixteen megabytes of a limit, twenty-four of de-duplication.
const LARGEST_MAX_KEYS: u32 = 1_000_000;

/// Reads the section of the route whose shared state lies under `scope`.
pub(super) fn read(at: &mut Cursor<'_, '_>, scope: &str) -> Option<Admission> {
    let mut section = at.section("write a section such as { rate_limit: [{ rate: 100/s }] }")?;
    let isolation = section.optional("isolate", isolate::read);
    let limits = section.optional("rate_limit", |at| rate_limit::read(at, scope));
    let dedupe = section.optional("dedupe", |at| dedupe::read(at, scope));
    let is_empty = !["isolate", "rate_limit", "dedupe"].iter().any(|key| section.has(key));
    section.close();
    if is_empty {
        return at.refuse("has none of isolate, rate_limit and dedupe", "write at least one of them");
    }
    Some(Admission::new(isolation?, limits?, dedupe?))
}
