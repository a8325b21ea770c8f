//! Which messages have been seen: a table of a fixed size, because clients choose their messages.
//!
//! A message's hash says in which record it lies; a record has room for [`WAYS`] of them. The place that is taken for a
//! new one is that whose time is over for longest, or else ends first, of all that are not in flight.

use std::time::Duration;

use super::expiry::{self, Expiry, LONGEST};
use crate::shared::take;
use crate::time::Timestamp;

/// Messages in one record: enough that a table of random hashes is nearly full before a record is, few enough to search.
pub(super) const WAYS: usize = 8;

/// Bytes of a hash, of when it is forgotten, and of a claim's number.
const WIDTH: usize = 8 + expiry::WIDTH + 4;

/// Bytes of a record: the number of the newest claim, and the messages.
const RECORD_LEN: usize = 4 + WAYS * WIDTH;

/// A message that has a place. All zeros where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Entry {
    hash: u64,
    /// When the lease is over, or the window.
    expiry: Expiry,
    /// The number of the claim that is in flight, 0 for none.
    claim: u32,
}

/// What a record says of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// It goes on, as the claim with this number.
    Claimed(u32),
    /// Another one is in flight.
    InFlight,
    /// Another one is done.
    Done,
    /// Every place is taken by a message that is in flight.
    Full,
}

/// One record of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Never the number of two claims that are in flight at a time, so that a ticket finds its own claim or none.
    last_claim: u32,
    entries: [Entry; WAYS],
}

impl Entry {
    /// Whether nobody may take its place.
    fn is_in_flight(&self, now: Timestamp) -> bool {
        self.claim > 0 && !self.expiry.is_over(now)
    }
}

impl Seen {
    /// Reads a record. One of another length is an empty one: it was never ours.
    pub(super) fn decode(record: &[u8]) -> Self {
        if record.len() == RECORD_LEN { Self::take(record).unwrap_or_default() } else { Self::default() }
    }

    fn take(mut record: &[u8]) -> Option<Self> {
        let mut seen = Self { last_claim: u32::from_le_bytes(take(&mut record)?), ..Self::default() };
        for entry in &mut seen.entries {
            entry.hash = u64::from_le_bytes(take(&mut record)?);
            entry.expiry = Expiry::take(&mut record)?;
            entry.claim = u32::from_le_bytes(take(&mut record)?);
        }
        Some(seen)
    }

    /// Writes it.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut record = Vec::with_capacity(RECORD_LEN);
        record.extend_from_slice(&self.last_claim.to_le_bytes());
        for entry in &self.entries {
            record.extend_from_slice(&entry.hash.to_le_bytes());
            record.extend_from_slice(&entry.expiry.to_bytes());
            record.extend_from_slice(&entry.claim.to_le_bytes());
        }
        record
    }

    /// Pulls near what a clock that has stepped back has left in the future, and what an earlier, longer `window`
    /// remembers.
    pub(super) fn settle(&mut self, now: Timestamp, window: Duration) {
        for entry in &mut self.entries {
            let longest = if entry.claim > 0 { LONGEST } else { window };
            entry.expiry.settle(now, longest);
        }
    }

    /// Claims the message with this hash for `lease`, unless it has been seen.
    pub(super) fn claim(&mut self, hash: u64, now: Timestamp, lease: Duration) -> Look {
        let own = self.entries.iter().position(|entry| entry.hash == hash && *entry != Entry::default());
        if let Some(entry) = own.and_then(|own| self.entries.get(own)).filter(|entry| !entry.expiry.is_over(now)) {
            return if entry.claim > 0 { Look::InFlight } else { Look::Done };
        }
        let Some(place) = own.or_else(|| self.oldest(now)) else { return Look::Full };
        // 0 is no claim.
        let claim = self.last_claim.checked_add(1).unwrap_or(1);
        let Some(entry) = self.entries.get_mut(place) else { return Look::Full };
        *entry = Entry { hash, expiry: Expiry::after(now, lease), claim };
        self.last_claim = claim;
        Look::Claimed(claim)
    }

    /// The place that is missed least.
    fn oldest(&self, now: Timestamp) -> Option<usize> {
        let places = self.entries.iter().enumerate().filter(|(_, entry)| !entry.is_in_flight(now));
        places.min_by_key(|(_, entry)| entry.expiry).map(|(place, _)| place)
    }

    /// Remembers the message of a claim for a `window`, or forgets it where there is none. A claim that has lost its
    /// place changes nothing.
    pub(super) fn finish(&mut self, hash: u64, claim: u32, now: Timestamp, window: Option<Duration>) {
        let own = self.entries.iter_mut().find(|entry| entry.hash == hash && entry.claim == claim);
        let Some(entry) = own else { return };
        *entry = match window {
            Some(window) => Entry { hash, expiry: Expiry::after(now, window), claim: 0 },
            None => Entry::default(),
        };
    }
}
