//! How traffic comes back after a breaker has closed.
//!
//! A region that has just come up is flooded by all of its traffic at once and fails again (Hystrix #1647), so it gets
//! a share of it which doubles with each step. The ramp is complete when *all* of the traffic has been let through
//! for a whole step: before that, the successes that come back are those of a smaller load.

use std::time::Duration;

use super::deadline::Moment;
use super::record::{Reader, Writer};
use super::settings::Ramp;

/// A ramp that began when the breaker closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ramping {
    since: Moment,
}

impl Ramping {
    pub(super) const fn begin(now: Moment) -> Self {
        Self { since: now }
    }

    /// The share of the traffic that is let through, in (0, 1].
    pub(super) fn share(self, ramp: &Ramp, now: Moment) -> f64 {
        self.steps(ramp, now).map_or(1.0, |steps| share_of_step(ramp, steps))
    }

    pub(super) fn is_complete(self, ramp: &Ramp, now: Moment) -> bool {
        let Some(steps) = self.steps(ramp, now) else { return true };
        steps.checked_sub(1).is_some_and(|before| share_of_step(ramp, before) >= 1.0)
    }

    /// How long the share stays as it is.
    pub(super) fn until_next_step(self, ramp: &Ramp, now: Moment) -> Duration {
        let step = ramp.step.as_millis();
        let into = now.since(self.since).as_millis().checked_rem(step).unwrap_or(0);
        Duration::from_millis(u64::try_from(step.saturating_sub(into)).unwrap_or(u64::MAX))
    }

    /// Begins anew where the clock has stepped back to before the beginning: rather too little traffic for a while
    /// than hours of a tenth.
    pub(super) fn settle(&mut self, now: Moment) {
        self.since = self.since.min(now);
    }

    /// Whole steps since the beginning; none where a step takes no time.
    fn steps(self, ramp: &Ramp, now: Moment) -> Option<u128> {
        now.since(self.since).as_millis().checked_div(ramp.step.as_millis())
    }

    pub(super) fn write(self, to: &mut Writer) {
        self.since.write(to);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self { since: Moment::read(from)? })
    }
}

fn share_of_step(ramp: &Ramp, step: u128) -> f64 {
    /// A share of nothing would never double to anything.
    const LEAST: f64 = 0.01;
    let start = if ramp.start.is_nan() { 1.0 } else { ramp.start.clamp(LEAST, 1.0) };
    let doublings = i32::try_from(step.min(64)).unwrap_or(64);
    (start * 2_f64.powi(doublings)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_doubles_with_each_step_and_not_a_millisecond_before() {
        let ramping = Ramping::begin(Moment(1_000));
        let cases = [
            (0, 0.1),
            (4_999, 0.1),
            (5_000, 0.2),
            (5_001, 0.2),
            (9_999, 0.2),
            (10_000, 0.4),
            (14_999, 0.4),
            (15_000, 0.8),
            (19_999, 0.8),
            (20_000, 1.0),
            (u64::MAX - 1_000, 1.0),
        ];
        for (after, share) in cases {
            let now = Moment(1_000 + after);
            assert!((ramping.share(&Ramp::default(), now) - share).abs() < 1e-9, "after {after} ms");
        }
    }

    #[test]
    fn it_is_complete_when_everything_was_let_through_for_a_whole_step() {
        let ramping = Ramping::begin(Moment(1_000));
        for (after, complete) in [(0, false), (20_000, false), (24_999, false), (25_000, true), (25_001, true)] {
            assert_eq!(ramping.is_complete(&Ramp::default(), Moment(1_000 + after)), complete, "after {after} ms");
        }
    }

    #[test]
    fn it_says_when_the_next_step_comes() {
        let ramping = Ramping::begin(Moment(1_000));
        for (after, left) in [(0, 5_000), (1, 4_999), (4_999, 1), (5_000, 5_000), (7_000, 3_000)] {
            let wait = ramping.until_next_step(&Ramp::default(), Moment(1_000 + after));
            assert_eq!(wait.as_millis(), left, "after {after} ms");
        }
    }

    #[test]
    fn a_clock_that_stepped_back_begins_it_anew() {
        let mut ramping = Ramping::begin(Moment(1_000_000));
        ramping.settle(Moment(1_010_000));
        assert_eq!(ramping, Ramping::begin(Moment(1_000_000)), "forth is no reason");
        ramping.settle(Moment(5));
        assert_eq!(ramping, Ramping::begin(Moment(5)));
    }

    #[test]
    fn senseless_settings_let_everything_or_a_little_through() {
        let ramping = Ramping::begin(Moment(0));
        for (start, share) in [(f64::NAN, 1.0), (-1.0, 0.01), (0.0, 0.01), (9.0, 1.0)] {
            let ramp = Ramp { start, ..Ramp::default() };
            assert!((ramping.share(&ramp, Moment(0)) - share).abs() < 1e-9, "{start}");
        }
        let ramp = Ramp { step: Duration::ZERO, ..Ramp::default() };
        assert!(ramping.share(&ramp, Moment(0)) >= 1.0 && ramping.is_complete(&ramp, Moment(0)));
        assert_eq!(ramping.until_next_step(&ramp, Moment(0)), Duration::ZERO);
    }
}
