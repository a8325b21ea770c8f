//! How much time has passed from one tick of the host to the next, by a clock that may step.

use std::time::Duration;

use crate::time::Timestamp;

/// The ticks that the host has been asked for.
///
/// A timer is late by some part of a millisecond each time, which adds up; the wall clock may step by an hour. So what has
/// passed is what the wall clock says, but no less than was asked for, and no more than twice as much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticks {
    period: Duration,
    last: Timestamp,
}

impl Ticks {
    /// Ticks that come every `period`, from now on.
    pub const fn every(period: Duration, now: Timestamp) -> Self {
        Self { period, last: now }
    }

    /// How much time they are apart.
    pub const fn period(self) -> Duration {
        self.period
    }

    /// One comes: how much time has passed since the one before.
    pub fn come(&mut self, now: Timestamp) -> Duration {
        let passed = now.since(std::mem::replace(&mut self.last, now));
        passed.clamp(self.period, self.period.saturating_mul(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_passed_is_what_the_clock_says_unless_it_steps() {
        let period = Duration::from_millis(10);
        let mut ticks = Ticks::every(period, Timestamp::from_millis(1_000));
        let cases = [(1_011, 11), (1_030, 19), (1_031, 10), (5_000_000, 20), (2_000, 10), (2_010, 10)];
        for (now, passed) in cases {
            assert_eq!(ticks.come(Timestamp::from_millis(now)), Duration::from_millis(passed), "at {now} ms");
        }
    }
}
