//! The answer to a message, as it is kept for its duplicates.
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | hash of the message, little-endian |
//! | 8..20 | when it is forgotten |
//! | rest | the answer |

use super::expiry::Expiry;
use crate::http::Response;
use crate::kept_answer;
use crate::shared::take;

/// The longest answer that is kept, in bytes, headers and all.
pub const MAX_ANSWER: usize = 16 << 10;

/// A kept answer, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) hash: u64,
    pub(super) expiry: Expiry,
    pub(super) response: Response,
}

/// The record of an answer, or `None` where it is too long to be kept.
pub(super) fn encode(hash: u64, expiry: Expiry, response: &Response) -> Option<Vec<u8>> {
    if response.body.len() > MAX_ANSWER {
        return None;
    }
    let mut record = Vec::new();
    record.extend_from_slice(&hash.to_le_bytes());
    record.extend_from_slice(&expiry.to_bytes());
    kept_answer::encode(&mut record, response)?;
    (record.len() <= MAX_ANSWER).then_some(record)
}

/// Reads a record. What is none, is none.
pub(super) fn decode(mut record: &[u8]) -> Option<Answer> {
    let hash = u64::from_le_bytes(take(&mut record)?);
    let expiry = Expiry::take(&mut record)?;
    Some(Answer { hash, expiry, response: kept_answer::decode(record)? })
}
