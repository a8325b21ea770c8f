//! Until when something is remembered, under a clock that steps.

use std::time::Duration;

use crate::shared::take;
use crate::time::Timestamp;

/// The longest that anything is remembered: a span is kept in four bytes of microseconds.
pub const LONGEST: Duration = Duration::from_secs(3_600);

/// Bytes of the moment (nanoseconds since the epoch) and of the span (microseconds), both little-endian.
pub(super) const WIDTH: usize = 12;

/// The end of a span, with how long the span was meant to be.
///
/// The span is what makes it safe to keep: when the clock steps back by an hour, the end is an hour and a span away,
/// and only the span says how much of that was meant. One that is all zeros is over at any time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Expiry {
    at: u64,
    span: u32,
}

impl Expiry {
    /// In `span` from `now`.
    pub(super) fn after(now: Timestamp, span: Duration) -> Self {
        let span = span.min(LONGEST);
        Self { at: now.after(span).nanos(), span: whole_micros(span) }
    }

    /// Its moment itself is no longer part of it.
    pub(super) fn is_over(self, now: Timestamp) -> bool {
        self.at <= now.nanos()
    }

    /// Pulls it near after a clock that has stepped back: it is never farther away than its own span, nor than
    /// `longest`, the longest span that is legal today.
    ///
    /// It is pulled near and not forgotten, because workers that read the clock at one moment see it step back too: who
    /// comes second may have read the earlier time.
    pub(super) fn settle(&mut self, now: Timestamp, longest: Duration) {
        let span = Duration::from_micros(u64::from(self.span)).min(longest);
        self.at = self.at.min(now.after(span).nanos());
    }

    pub(super) fn to_bytes(self) -> [u8; WIDTH] {
        let mut bytes = [0; WIDTH];
        let (at, span) = bytes.split_at_mut(size_of::<u64>());
        at.copy_from_slice(&self.at.to_le_bytes());
        span.copy_from_slice(&self.span.to_le_bytes());
        bytes
    }

    /// Takes it from the beginning of `bytes`.
    pub(super) fn take(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self { at: u64::from_le_bytes(take(bytes)?), span: u32::from_le_bytes(take(bytes)?) })
    }
}

/// Rounded up, so that no span is cut short by a fraction.
fn whole_micros(span: Duration) -> u32 {
    u32::try_from(span.as_nanos().div_ceil(1_000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_millis(100);

    /// Whole milliseconds that it still lasts at `now`.
    fn left(expiry: Expiry, now: u64) -> u64 {
        (0..=200).find(|millis| expiry.is_over(Timestamp::from_millis(now + millis))).unwrap()
    }

    #[test]
    fn it_is_over_at_its_moment_and_not_a_nanosecond_before() {
        let start = Timestamp::from_millis(1_000);
        let expiry = Expiry::after(start, SPAN);
        for (nanos, is_over) in [(99_999_999, false), (100_000_000, true), (100_000_001, true)] {
            assert_eq!(expiry.is_over(start.after(Duration::from_nanos(nanos))), is_over, "{nanos}");
        }
    }

    #[test]
    fn a_clock_that_stepped_back_makes_it_no_longer_than_its_span() {
        for (now, expected) in [(0, 100), (500, 100), (999, 100), (1_000, 100), (1_001, 99), (1_100, 0), (9_000, 0)] {
            let mut expiry = Expiry::after(Timestamp::from_millis(1_000), SPAN);
            expiry.settle(Timestamp::from_millis(now), LONGEST);
            assert_eq!(left(expiry, now), expected, "{now}");
        }
    }

    #[test]
    fn settings_that_became_shorter_shorten_it() {
        let mut expiry = Expiry::after(Timestamp::from_millis(1_000), SPAN);
        expiry.settle(Timestamp::from_millis(1_010), Duration::from_millis(20));
        assert_eq!(left(expiry, 1_010), 20);
    }

    #[test]
    fn nothing_is_remembered_for_longer_than_the_longest_span() {
        let expiry = Expiry::after(Timestamp::from_millis(0), Duration::MAX);
        assert_eq!(expiry, Expiry::after(Timestamp::from_millis(0), LONGEST));
        assert_eq!(u64::from(expiry.span), 3_600_000_000);
    }

    #[test]
    fn the_end_of_time_does_not_overflow() {
        let now = Timestamp::from_epoch(Duration::MAX);
        let mut expiry = Expiry::after(now, LONGEST);
        expiry.settle(now, LONGEST);
        assert!(expiry.is_over(now));
    }

    #[test]
    fn its_bytes_are_read_as_they_were_written() {
        let expiry = Expiry::after(Timestamp::from_nanos(0x0102_0304_0506_0708), Duration::from_micros(0x1234_5678));
        assert_eq!(Expiry::take(&mut expiry.to_bytes().as_slice()), Some(expiry));
        assert_eq!(Expiry::take(&mut [0; WIDTH - 1].as_slice()), None);
    }
}
