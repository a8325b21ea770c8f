//! A region's answer as it lies in a record that all workers share.
//!
//! | bytes | what |
//! |---|---|
//! | 0..2 | status |
//! | 2..4 | number of headers |
//! | 4.. | for each header the lengths of its name and its value (2 bytes each), name, value |
//! | rest | body |
//!
//! All numbers are little-endian. Whose answer it is, and until when, stands before it: that differs with the use.

use crate::http::{Headers, Response, is_hop_by_hop};
use crate::shared::take;

/// Begins every header that the filter sets itself.
pub(crate) const OWN_HEADERS: &str = "x-helius-";

/// Puts the answer behind what is in the `record`, or says `None` where its headers cannot be written.
///
/// What speaks of its own connection, or of how it was served, is not kept.
pub(crate) fn encode(record: &mut Vec<u8>, response: &Response) -> Option<()> {
    let is_kept = |name: &str| !(name.starts_with(':') || is_hop_by_hop(name) || name.starts_with(OWN_HEADERS));
    let headers = || response.headers.iter().filter(|(name, _)| is_kept(name));
    record.extend_from_slice(&response.status.to_le_bytes());
    record.extend_from_slice(&length(headers().count())?);
    for (name, value) in headers() {
        record.extend_from_slice(&length(name.len())?);
        record.extend_from_slice(&length(value.len())?);
        record.extend_from_slice(name.as_bytes());
        record.extend_from_slice(value);
    }
    record.extend_from_slice(&response.body);
    Some(())
}

/// Reads what is left of a record as an answer. What is none, is none.
pub(crate) fn decode(mut record: &[u8]) -> Option<Response> {
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
    (200..=599).contains(&status).then(|| Response { status, headers, body: record.to_vec() })
}

fn length(length: usize) -> Option<[u8; 2]> {
    u16::try_from(length).ok().map(u16::to_le_bytes)
}
