//! Whether a route's answers are made up now: the gauge that pages somebody.
//!
//! All workers share it: one that gives a made-up answer notes the moment, and each looks at it from time to time.

use std::time::Duration;

use crate::shared::{LAYOUT, SharedStore, take};
use crate::time::Timestamp;

/// How long after a made-up answer a route counts as one that gives them: no shorter than the 15 s between two scrapes of
/// a usual Prometheus, which would otherwise miss a short episode.
pub const LASTS: Duration = Duration::from_secs(15);

/// Least time between two notes of one worker: an outage is not to be made worse by counting it.
const NOTED_EVERY: Duration = Duration::from_secs(1);

/// Whether one route's answers are made up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticMode {
    key: String,
    noted: Timestamp,
}

impl StaticMode {
    /// That of this route of this service.
    pub fn new(service: &str, route: &str) -> Self {
        Self { key: format!("{LAYOUT}/made_up/{service}/{route}"), noted: Timestamp::default() }
    }

    /// An answer was made up. Says whether that was noted, so that the gauge can say so at once.
    pub fn note(&mut self, store: &impl SharedStore, now: Timestamp) -> bool {
        // Also where the clock has stepped back.
        let is_new = now < self.noted || now.since(self.noted) >= NOTED_EVERY;
        if is_new {
            self.noted = now;
            store.put(&self.key, &now.nanos().to_le_bytes());
        }
        is_new
    }

    /// Whether an answer was made up within [`LASTS`].
    pub fn is_on(&self, store: &impl SharedStore, now: Timestamp) -> bool {
        let stored = store.read(&self.key);
        let noted = stored.and_then(|it| take(&mut it.record.as_slice()).map(u64::from_le_bytes));
        let noted = noted.map(Timestamp::from_nanos);
        // One of the future was noted before the clock stepped back; the next one will be of now.
        noted.is_some_and(|noted| noted <= now && now.since(noted) < LASTS)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::shared::Stored;

    /// Shared data with one record, and how often it was written.
    #[derive(Default)]
    struct Memory(RefCell<(Vec<u8>, usize)>);

    impl SharedStore for Memory {
        fn read(&self, _: &str) -> Option<Stored> {
            Some(Stored { record: self.0.borrow().0.clone(), version: 1 })
        }

        fn write(&self, key: &str, record: &[u8], _: Option<u32>) -> bool {
            self.put(key, record);
            true
        }

        fn put(&self, _: &str, record: &[u8]) {
            let mut memory = self.0.borrow_mut();
            *memory = (record.to_vec(), memory.1 + 1);
        }
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + millis)
    }

    #[test]
    fn it_is_on_for_15_s_after_the_last_made_up_answer_in_every_worker() {
        let memory = Memory::default();
        let (mut one, other) = (StaticMode::new("router", "assist"), StaticMode::new("router", "assist"));
        assert!(!other.is_on(&memory, at(0)));
        assert!(one.note(&memory, at(0)));
        assert!(other.is_on(&memory, at(14_999)));
        assert!(!other.is_on(&memory, at(15_000)));
    }

    #[test]
    fn a_thousand_answers_in_a_second_are_noted_once() {
        let memory = Memory::default();
        let mut mode = StaticMode::new("router", "assist");
        let noted = (0..2_000).filter(|millis| mode.note(&memory, at(*millis))).count();
        assert_eq!((noted, memory.0.borrow().1), (2, 2));
    }

    #[test]
    fn a_clock_that_steps_back_leaves_it_neither_on_nor_deaf() {
        let memory = Memory::default();
        let mut mode = StaticMode::new("router", "assist");
        mode.note(&memory, at(3_600_000));
        assert!(!mode.is_on(&memory, at(0)));
        assert!(mode.note(&memory, at(1)));
        assert!(mode.is_on(&memory, at(2)));
    }

    #[test]
    fn what_is_no_moment_is_none() {
        let memory = Memory::default();
        for record in [&b""[..], b"short"] {
            memory.put("", record);
            assert!(!StaticMode::new("router", "assist").is_on(&memory, at(0)), "{record:?}");
        }
    }
}
