//! A last good answer, as it is kept.
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | when it was kept, in nanoseconds since the epoch |
//! | 8..12 | how old it was then, in seconds |
//! | 12..16 | length of the key |
//! | 16.. | the key |
//! | rest | the answer |
//!
//! All numbers are little-endian. A record that is empty is none.

use std::time::Duration;

use crate::http::Response;
use crate::kept_answer;
use crate::shared::take;
use crate::time::Timestamp;

/// What a record may have besides the body, in bytes: with the body's limit it bounds the memory that all records take.
pub(super) const MOST_BESIDES: usize = 8 << 10;

/// When an answer was kept, and how old it was then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Birth {
    pub(super) at: Timestamp,
    /// What caches on its way said, in whole seconds.
    pub(super) age: u32,
}

impl Birth {
    /// Zero where the clock has stepped back behind it.
    pub(super) fn age(self, now: Timestamp) -> Duration {
        now.since(self.at).saturating_add(Duration::from_secs(self.age.into()))
    }
}

/// A record, read as far as its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) birth: Birth,
    pub(super) key: &'a [u8],
    answer: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads a record. What is none, is none.
    pub(super) fn decode(mut record: &'a [u8]) -> Option<Self> {
        let at = Timestamp::from_nanos(u64::from_le_bytes(take(&mut record)?));
        let age = u32::from_le_bytes(take(&mut record)?);
        let length = usize::try_from(u32::from_le_bytes(take(&mut record)?)).ok()?;
        let (key, answer) = record.split_at_checked(length)?;
        Some(Self { birth: Birth { at, age }, key, answer })
    }

    /// The answer.
    pub(super) fn response(&self) -> Option<Response> {
        kept_answer::decode(self.answer)
    }

    /// The same record with another moment.
    pub(super) fn moved_to(&self, at: Timestamp) -> Vec<u8> {
        let mut record = head(Birth { at, ..self.birth }, self.key);
        record.extend_from_slice(self.answer);
        record
    }
}

/// The record of an answer, or `None` where its key and headers are too long.
pub(super) fn encode(birth: Birth, key: &[u8], response: &Response) -> Option<Vec<u8>> {
    let mut record = head(birth, key);
    kept_answer::encode(&mut record, response)?;
    (record.len().saturating_sub(response.body.len()) <= MOST_BESIDES).then_some(record)
}

fn head(birth: Birth, key: &[u8]) -> Vec<u8> {
    let mut record = Vec::new();
    record.extend_from_slice(&birth.at.nanos().to_le_bytes());
    record.extend_from_slice(&birth.age.to_le_bytes());
    record.extend_from_slice(&u32::try_from(key.len()).unwrap_or(u32::MAX).to_le_bytes());
    record.extend_from_slice(key);
    record
}
