//! Which of the workers asks the agent: one of them, by a lease in shared data that it renews as long as it lives.

use std::time::Duration;

use crate::shared::{LAYOUT, SharedStore, take, update};
use crate::time::Timestamp;

/// How long a lease holds without being renewed: so long after the death of its holder another one takes over.
const LASTS: Duration = Duration::from_secs(1);

/// It is renewed when less than this is left of it, so not with every tick, and in time for one that comes late.
const RENEWED_BELOW: Duration = Duration::from_millis(600);

/// The right to ask the agent, as one worker sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    key: String,
    holder: u64,
}

impl Lease {
    /// The lease of the filter that `scope` tells from others, for a worker that `holder` tells from others.
    pub fn new(scope: &str, holder: u64) -> Self {
        Self { key: format!("{LAYOUT}/agent_lease/{scope}"), holder }
    }

    /// The same for a worker with a number that no other has: they are counted in shared data. Chance would not do, because
    /// workers that start at the same moment throw the same dice; it has to where the count cannot be changed.
    pub fn of_next(scope: &str, store: &impl SharedStore, random: f64) -> Self {
        let counted = update(store, &format!("{LAYOUT}/agent_workers/{scope}"), |count| {
            let next = count.try_into().map_or(0, u64::from_le_bytes).wrapping_add(1);
            (next, Some(next.to_le_bytes().to_vec()))
        });
        Self::new(scope, counted.unwrap_or(random.to_bits()))
    }

    /// Whether this worker holds it `now`, having taken or renewed it where that was possible; `may_lead` says whether it
    /// should still have it, and is asked only then.
    pub fn hold(&self, store: &impl SharedStore, now: Timestamp, may_lead: impl FnOnce() -> bool) -> bool {
        let stored = store.read(&self.key);
        let left = stored.as_ref().and_then(|it| decode(&it.record)).map(|(holder, until)| (holder, until.since(now)));
        // One that seems to last longer than any can was written before the clock stepped back.
        let left = left.filter(|(_, left)| !left.is_zero() && *left <= LASTS);
        match left {
            Some((holder, _)) if holder != self.holder => return false,
            Some((_, left)) if left >= RENEWED_BELOW => return true,
            _ => {}
        }
        may_lead() && store.write(&self.key, &self.record(now.after(LASTS)), stored.map(|it| it.version))
    }

    fn record(&self, until: Timestamp) -> Vec<u8> {
        [self.holder.to_le_bytes(), until.nanos().to_le_bytes()].concat()
    }
}

fn decode(mut record: &[u8]) -> Option<(u64, Timestamp)> {
    let holder = u64::from_le_bytes(take(&mut record)?);
    let until = u64::from_le_bytes(take(&mut record)?);
    record.is_empty().then(|| (holder, Timestamp::from_nanos(until)))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::shared::Stored;

    /// Shared data with one record.
    #[derive(Default)]
    struct Memory(RefCell<Option<Stored>>);

    impl SharedStore for Memory {
        fn read(&self, _: &str) -> Option<Stored> {
            self.0.borrow().clone()
        }

        fn write(&self, _: &str, record: &[u8], version: Option<u32>) -> bool {
            let mut stored = self.0.borrow_mut();
            let is_current = stored.as_ref().map(|it| it.version) == version;
            if is_current {
                *stored = Some(Stored { record: record.to_vec(), version: version.map_or(1, |it| it + 1) });
            }
            is_current
        }

        fn put(&self, key: &str, record: &[u8]) {
            self.write(key, record, self.read(key).map(|it| it.version));
        }
    }

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn at(millis: u64) -> Timestamp {
        START.after(Duration::from_millis(millis))
    }

    fn pair() -> (Lease, Lease, Memory) {
        (Lease::new("helius", 1), Lease::new("helius", 2), Memory::default())
    }

    #[test]
    fn one_of_two_holds_it_and_goes_on_holding_it() {
        let (first, second, memory) = pair();
        for millis in (0..10_000).step_by(100) {
            assert!(first.hold(&memory, at(millis), || true), "{millis}");
            assert!(!second.hold(&memory, at(millis), || true), "{millis}");
        }
    }

    #[test]
    fn those_who_start_at_the_same_moment_are_two() {
        let memory = Memory::default();
        let [first, second] = [0.5, 0.5].map(|random| Lease::of_next("helius", &memory, random));
        assert_ne!(first, second);
    }

    #[test]
    fn a_second_after_its_holder_was_last_heard_of_another_one_takes_over() {
        let (first, second, memory) = pair();
        assert!(first.hold(&memory, at(0), || true));
        assert!(!second.hold(&memory, at(999), || true));
        assert!(second.hold(&memory, at(1_000), || true));
        assert!(!first.hold(&memory, at(1_001), || true));
    }

    #[test]
    fn who_should_not_have_it_any_more_leaves_it_to_another_one() {
        let (first, second, memory) = pair();
        assert!(first.hold(&memory, at(0), || true));
        assert!(!first.hold(&memory, at(500), || false));
        assert!(second.hold(&memory, at(1_000), || true));
    }

    #[test]
    fn it_is_written_seldom() {
        let (first, _, memory) = pair();
        for millis in (0..10_000).step_by(100) {
            first.hold(&memory, at(millis), || true);
        }
        // Every 500 ms: that is when less than 600 are left.
        assert_eq!(memory.read("").unwrap().version, 20);
    }

    #[test]
    fn a_clock_that_steps_back_an_hour_leaves_nobody_waiting_for_it() {
        let (first, second, memory) = pair();
        assert!(first.hold(&memory, at(3_600_000), || true));
        assert!(second.hold(&memory, at(0), || true));
    }

    #[test]
    fn what_is_no_lease_is_nobodys() {
        for record in [&b""[..], b"short", &[0xff; 17]] {
            let (first, _, memory) = pair();
            memory.put("", record);
            assert!(first.hold(&memory, at(0), || true), "{record:?}");
        }
    }
}
