//! Envoy's shared data, and what all tests agree on.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use helius_policy::dedupe::{Claim, Dedupe, Key, Ticket};
use helius_policy::shared::{SharedStore, Stored};
use helius_policy::time::Timestamp;

pub(crate) const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
pub(crate) const WINDOW: Duration = Duration::from_secs(60);
pub(crate) const LEASE: Duration = Duration::from_secs(2);
/// Some message.
pub(crate) const MESSAGE: u64 = 0x0123_4567_89ab_cdef;

pub(crate) const IN_FLIGHT: Claim = Claim::Duplicate { is_in_flight: true };
pub(crate) const DONE: Claim = Claim::Duplicate { is_in_flight: false };

#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    records: RefCell<BTreeMap<String, Stored>>,
    next: Cell<u32>,
    /// Somebody else is always faster.
    pub(crate) is_contended: Cell<bool>,
}

impl Memory {
    pub(crate) fn count(&self) -> usize {
        self.records.borrow().len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.records.borrow().values().map(|stored| stored.record.len()).sum()
    }

    pub(crate) fn fill_with(&self, record: &[u8]) {
        for stored in self.records.borrow_mut().values_mut() {
            record.clone_into(&mut stored.record);
        }
    }

    /// Whether any record holds these bytes anywhere.
    pub(crate) fn holds(&self, bytes: &[u8]) -> bool {
        self.records.borrow().values().any(|stored| stored.record.windows(bytes.len()).any(|it| it == bytes))
    }
}

impl SharedStore for Memory {
    fn read(&self, key: &str) -> Option<Stored> {
        self.records.borrow().get(key).cloned()
    }

    fn write(&self, key: &str, record: &[u8], version: Option<u32>) -> bool {
        if self.is_contended.get() || self.records.borrow().get(key).map(|stored| stored.version) != version {
            return false;
        }
        self.put(key, record);
        true
    }

    fn put(&self, key: &str, record: &[u8]) {
        self.next.set(self.next.get() + 1);
        let stored = Stored { record: record.to_vec(), version: self.next.get() };
        self.records.borrow_mut().insert(key.to_owned(), stored);
    }
}

/// De-duplication with room for `max_keys` messages.
pub(crate) fn dedupe(max_keys: u32) -> Dedupe {
    Dedupe::new("assist", Key::Header("x-message-id".to_owned()), WINDOW, 202, max_keys)
}

/// So long after the start.
pub(crate) fn at(after: Duration) -> Timestamp {
    START.after(after)
}

/// A nanosecond before a moment, the moment, and a nanosecond after it, each with whether it has come.
pub(crate) fn around(moment: Timestamp) -> [(Timestamp, bool); 3] {
    [(just_before(moment), false), (moment, true), (moment.after(Duration::from_nanos(1)), true)]
}

pub(crate) fn just_before(moment: Timestamp) -> Timestamp {
    Timestamp::from_nanos(moment.nanos() - 1)
}

/// Claims a message that has to be the first.
pub(crate) fn first(dedupe: &Dedupe, message: u64, store: &impl SharedStore, now: Timestamp) -> Ticket {
    match dedupe.claim(message, store, now, LEASE) {
        Claim::First(ticket) => ticket,
        other => panic!("{message:x} is no first: {other:?}"),
    }
}

/// Whether a claim goes on as the first.
pub(crate) fn is_first(claim: &Claim) -> bool {
    matches!(claim, Claim::First(_))
}
