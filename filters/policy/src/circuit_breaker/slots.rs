//! The bound on how many probes are under way at once.
//!
//! It holds from one half-open state to the next: where an attempt may take longer than the breaker is open, the
//! probes of the last time are still there, and keep their slots while it is open.

use std::num::NonZeroU32;
use std::time::Duration;

use super::deadline::{Deadline, Moment};
use super::record::{Reader, Writer};
use super::settings::MAX_PERMITS;

/// Longest time that a probe may hold its slot, whatever its caller says: the longest timeout that a route can have.
pub(super) const LONGEST_ATTEMPT: Duration = Duration::from_secs(600);

/// How much longer than its attempt may take a probe keeps its slot: that its time is over is told a moment after it, and
/// by then another probe would have the slot.
const GRACE: Duration = Duration::from_millis(100);

/// The right of one probe to be under way. It lapses at the deadline, so a probe whose worker died frees its slot too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    ticket: NonZeroU32,
    deadline: Deadline,
}

/// Who is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Slots([Option<Slot>; MAX_PERMITS]);

impl Slots {
    /// Takes one of the first `permits` slots for a probe that will be over after `timeout`, if one is free.
    pub(super) fn take(&mut self, permits: usize, ticket: NonZeroU32, now: Moment, timeout: Duration) -> bool {
        for slot in &mut self.0 {
            *slot = slot.filter(|slot| !slot.deadline.is_over(now));
        }
        if self.0.iter().flatten().count() >= permits {
            return false;
        }
        let Some(free) = self.0.iter_mut().find(|slot| slot.is_none()) else { return false };
        let lapses_in = timeout.min(LONGEST_ATTEMPT).saturating_add(GRACE);
        *free = Some(Slot { ticket, deadline: Deadline::after(now, lapses_in) });
        true
    }

    /// The probe is over, or its client has left. Nothing happens where its slot has lapsed and is another's.
    pub(super) fn free(&mut self, ticket: NonZeroU32) {
        for slot in &mut self.0 {
            *slot = slot.filter(|slot| slot.ticket != ticket);
        }
    }

    /// How long until a slot is free at the latest.
    pub(super) fn wait(&self, now: Moment) -> Duration {
        self.0.iter().flatten().map(|slot| slot.deadline.left(now)).min().unwrap_or_default()
    }

    /// Pulls every deadline near after a clock that has stepped back.
    pub(super) fn settle(&mut self, now: Moment) {
        for slot in self.0.iter_mut().flatten() {
            slot.deadline.settle(now, LONGEST_ATTEMPT.saturating_add(GRACE));
        }
    }

    pub(super) fn write(&self, to: &mut Writer) {
        for slot in &self.0 {
            // 0 is an empty slot.
            to.put(slot.map_or(0, |slot| slot.ticket.get()).to_le_bytes());
            slot.map(|slot| slot.deadline).unwrap_or_default().write(to);
        }
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Option<Self> {
        let mut slots = [None; MAX_PERMITS];
        for slot in &mut slots {
            let (ticket, deadline) = (from.u32()?, Deadline::read(from)?);
            *slot = NonZeroU32::new(ticket).map(|ticket| Slot { ticket, deadline });
        }
        Some(Self(slots))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(2);

    fn ticket(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    #[test]
    fn a_slot_is_held_until_its_deadline_and_not_longer() {
        for (now, is_free) in [(3_099, false), (3_100, true), (3_101, true)] {
            let mut slots = Slots::default();
            assert!(slots.take(1, ticket(1), Moment(1_000), TIMEOUT));
            assert_eq!(slots.take(1, ticket(2), Moment(now), TIMEOUT), is_free, "{now}");
        }
    }

    #[test]
    fn a_ticket_frees_its_own_slot_only() {
        let mut slots = Slots::default();
        assert!(slots.take(1, ticket(1), Moment(0), TIMEOUT));
        assert!(slots.take(1, ticket(2), Moment(2_100), TIMEOUT), "the first has lapsed");
        slots.free(ticket(1));
        assert!(!slots.take(1, ticket(3), Moment(2_101), TIMEOUT));
        slots.free(ticket(2));
        assert!(slots.take(1, ticket(3), Moment(2_101), TIMEOUT));
    }

    #[test]
    fn a_probe_without_an_end_gives_its_slot_back_all_the_same() {
        let mut slots = Slots::default();
        assert!(slots.take(1, ticket(1), Moment(0), Duration::MAX));
        assert_eq!(slots.wait(Moment(0)), LONGEST_ATTEMPT + GRACE);
    }
}
