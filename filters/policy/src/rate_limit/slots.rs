//! Which clients are remembered: a table of a fixed size, because clients choose their keys.
//!
//! A key's hash says in which record it lies; a record has room for [`WAYS`] of them. A key whose bucket is full again
//! is no different from one that never came, so its place is free; nobody who is limited is ever forgotten for the sake
//! of another.

use super::quota::{Arrival, Decision, Quota};
use crate::time::Timestamp;

/// Keys in one record: enough that a table of random keys is nearly full before a record is, few enough to search.
pub(super) const WAYS: usize = 8;

/// Bytes of a hash and of a time in nanoseconds since the epoch, both little-endian.
const WIDTH: usize = 16;

/// What a record says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// There is a place for its key.
    Found(Decision),
    /// Every place is taken by a key that is still remembered.
    Taken,
}

/// One record of the table: hashes, each with the nanosecond since the epoch when its next request is due; 0 for nobody.
/// Plain numbers, because most of them are only compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slots([(u64, u64); WAYS]);

impl Slots {
    /// Reads a record. One of another length is an empty one: it was never ours.
    pub(super) fn decode(record: &[u8]) -> Self {
        let mut slots = [(0, 0); WAYS];
        let (places, rest) = record.as_chunks::<WIDTH>();
        if places.len() == WAYS && rest.is_empty() {
            for (slot, place) in slots.iter_mut().zip(places) {
                let (hash, due) = place.split_at(WIDTH / 2);
                *slot = (number(hash), number(due));
            }
        }
        Self(slots)
    }

    /// Writes it.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut record = Vec::with_capacity(WAYS.saturating_mul(WIDTH));
        for (hash, due) in self.0 {
            record.extend_from_slice(&hash.to_le_bytes());
            record.extend_from_slice(&due.to_le_bytes());
        }
        record
    }

    /// Judges a request of the key with this hash, and notes when the next one is due.
    pub(super) fn admit(&mut self, hash: u64, quota: &Quota, now: Timestamp) -> Place {
        let own = self.0.iter().position(|(it, due)| *it == hash && *due > 0);
        // Who is due no later than now, or farther ahead than anybody can be, has left no trace.
        let traces = now.nanos()..=now.after(quota.fills_in()).nanos();
        let is_free = |due: u64| due <= *traces.start() || due > *traces.end();
        let place = own.or_else(|| self.0.iter().position(|(_, due)| is_free(*due)));
        let Some(slot) = place.and_then(|place| self.0.get_mut(place)) else { return Place::Taken };
        let due = if own.is_some() { slot.1 } else { 0 };
        let (decision, due) = quota.judge(Arrival::from_nanos(due), now);
        *slot = (hash, due.nanos());
        Place::Found(decision)
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}
