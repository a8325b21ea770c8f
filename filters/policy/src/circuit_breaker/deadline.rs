//! Stored moments under a clock that steps.

use std::time::Duration;

use super::record::{Reader, Writer};
use crate::time::Timestamp;

/// Whole milliseconds since the Unix epoch: what a record keeps of a [`Timestamp`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(pub(super) u64);

impl Moment {
    pub(super) fn of(now: Timestamp) -> Self {
        Self(u64::try_from(now.since(Timestamp::default()).as_millis()).unwrap_or(u64::MAX))
    }

    /// How long ago `earlier` was; zero when the clock has stepped back past it.
    pub(super) const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    pub(super) fn write(self, to: &mut Writer) {
        to.put(self.0.to_le_bytes());
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self(from.u64()?))
    }
}

/// A moment to wait for, with how long the wait was meant to be.
///
/// The span is what makes it safe to keep: when the clock steps back by an hour, the moment is an hour and a span
/// away, and only the span says how much of that was meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Deadline {
    at: Moment,
    /// Milliseconds.
    span: u32,
}

impl Deadline {
    /// In `span` from `now`, in whole milliseconds and rather later than too early.
    pub(super) fn after(now: Moment, span: Duration) -> Self {
        let span = whole_millis(span);
        Self { at: Moment(now.0.saturating_add(u64::from(span))), span }
    }

    pub(super) fn is_over(self, now: Moment) -> bool {
        now >= self.at
    }

    /// How long it still is.
    pub(super) const fn left(self, now: Moment) -> Duration {
        self.at.since(now)
    }

    /// Pulls it near after a clock that has stepped back: it is never farther away than its own span, nor than
    /// `longest`, the longest span that is legal today. What is left of a span is never more than the span, so this
    /// cannot make it early.
    pub(super) fn settle(&mut self, now: Moment, longest: Duration) {
        let span = self.span.min(whole_millis(longest));
        self.at = self.at.min(Moment(now.0.saturating_add(u64::from(span))));
    }

    pub(super) fn write(self, to: &mut Writer) {
        self.at.write(to);
        to.put(self.span.to_le_bytes());
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self { at: Moment::read(from)?, span: from.u32()? })
    }
}

/// Rounded up, because a deadline that is early by a fraction is early.
fn whole_millis(span: Duration) -> u32 {
    u32::try_from(span.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_millis(100);

    #[test]
    fn it_is_over_at_its_moment_and_not_before() {
        let deadline = Deadline::after(Moment(1_000), SPAN);
        for (now, left) in [(0, 1_100), (1_099, 1), (1_100, 0), (1_101, 0)] {
            assert_eq!(deadline.left(Moment(now)), Duration::from_millis(left), "{now}");
            assert_eq!(deadline.is_over(Moment(now)), left == 0, "{now}");
        }
    }

    #[test]
    fn a_clock_that_stepped_back_makes_it_no_longer_than_its_span() {
        // (now, left): at 999 one millisecond is lost, from 1000 on it is as it was.
        for (now, left) in [(0, 100), (500, 100), (999, 100), (1_000, 100), (1_001, 99), (1_100, 0), (9_000, 0)] {
            let mut deadline = Deadline::after(Moment(1_000), SPAN);
            deadline.settle(Moment(now), Duration::MAX);
            assert_eq!(deadline.left(Moment(now)), Duration::from_millis(left), "{now}");
        }
    }

    #[test]
    fn settings_that_became_shorter_shorten_it() {
        let mut deadline = Deadline::after(Moment(1_000), SPAN);
        deadline.settle(Moment(1_010), Duration::from_millis(20));
        assert_eq!(deadline.left(Moment(1_010)), Duration::from_millis(20));
    }

    #[test]
    fn a_fraction_of_a_millisecond_makes_it_later() {
        let deadline = Deadline::after(Moment(0), Duration::from_nanos(1_000_001));
        assert_eq!(deadline.left(Moment(0)), Duration::from_millis(2));
    }

    #[test]
    fn the_end_of_time_does_not_overflow() {
        let now = Moment::of(Timestamp::from_epoch(Duration::MAX));
        let mut deadline = Deadline::after(now, Duration::MAX);
        deadline.settle(Moment(0), Duration::MAX);
        assert_eq!(deadline.left(Moment(0)), Duration::from_millis(u64::from(u32::MAX)));
    }
}
