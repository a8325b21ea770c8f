//! The answer to a message, as it is kept for its duplicates.
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | hash of the message |
//! | 8..20 | when it is forgotten |
//! | 20..22 | status |
//! | 22..24 | number of headers |
//! | 24.. | for each header the lengths of its name and its value (2 bytes each), name, value |
//! | rest | body |
//!
//! All numbers are little-endian.

use super::expiry::{Expiry, take};
use crate::http::{Headers, Response, is_hop_by_hop};

/// The longest answer that is kept, in bytes, headers and all.
pub const MAX_ANSWER: usize = 16 << 10;

/// Begins every header that the filter sets itself.
const OWN_HEADERS: &str = "x-helius-";

/// A kept answer, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) hash: u64,
    pub(super) expiry: Expiry,
    pub(super) response: Response,
}

/// The record of an answer, or `None` where it is too long to be kept.
///
/// What speaks of the first one's connection, or of how it was served, is not kept.
pub(super) fn encode(hash: u64, expiry: Expiry, response: &Response) -> Option<Vec<u8>> {
    let is_kept = |name: &str| !(name.starts_with(':') || is_hop_by_hop(name) || name.starts_with(OWN_HEADERS));
    let headers = || response.headers.iter().filter(|(name, _)| is_kept(name));
    let mut record = Vec::new();
    record.extend_from_slice(&hash.to_le_bytes());
    record.extend_from_slice(&expiry.to_bytes());
    record.extend_from_slice(&response.status.to_le_bytes());
    record.extend_from_slice(&length(headers().count())?);
    for (name, value) in headers() {
        record.extend_from_slice(&length(name.len())?);
        record.extend_from_slice(&length(value.len())?);
        record.extend_from_slice(name.as_bytes());
        record.extend_from_slice(value);
    }
    let whole = record.len().saturating_add(response.body.len());
    if whole > MAX_ANSWER {
        return None;
    }
    record.extend_from_slice(&response.body);
    Some(record)
}

/// Reads a record. What is none, is none.
pub(super) fn decode(mut record: &[u8]) -> Option<Answer> {
    let hash = u64::from_le_bytes(take(&mut record)?);
    let expiry = Expiry::take(&mut record)?;
    let status = u16::from_le_bytes(take(&mut record)?);
    let count = u16::from_le_bytes(take(&mut record)?);
    let mut headers = Headers::new();
    for _ in 0..count {
        let name = usize::from(u16::from_le_bytes(take(&mut record)?));
        let value = usize::from(u16::from_le_bytes(take(&mut record)?));
        let (name, rest) = record.split_at_checked(name)?;
        let (value, rest) = rest.split_at_checked(value)?;
        headers.push(std::str::from_utf8(name).ok()?, value);
        record = rest;
    }
    let response = Response { status, headers, body: record.to_vec() };
    (200..=599).contains(&status).then_some(Answer { hash, expiry, response })
}

fn length(length: usize) -> Option<[u8; 2]> {
    u16::try_from(length).ok().map(u16::to_le_bytes)
}
