//! Whether Envoy is the process that it was when it was last seen.
//!
//! Envoy says how long it has been up, in whole seconds. `server.uptime` among the stats is as old as the last flush of the
//! stats; `/server_info` is exact. A process is another one where it has been up for less time than has passed since it
//! was last seen, and for less than the former one would have been by now. The first alone would take a young Envoy for a
//! new one; the second alone would take a clock that was set back for a restart, and count everything twice.
//!
//! An Envoy that was up for less than two seconds may be taken for its successor. Then a counter that is lower than before
//! tells (`books`).

use std::time::{Duration, Instant};

/// The rounding of both times to seconds, and the time that an answer may take.
const SLACK: Duration = Duration::from_secs(2);

/// When Envoy was seen, and how long it had been up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    /// When it said so.
    pub(super) at: Instant,
    /// What it said, rounded down to seconds.
    pub(super) uptime: Duration,
}

impl Sighting {
    /// Whether `self` is another process than the one that was seen as `last`.
    pub(super) fn is_another_than(self, last: Self) -> bool {
        let passed = self.at.saturating_duration_since(last.at);
        self.uptime <= passed + SLACK && self.uptime + SLACK < last.uptime + passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen with an uptime, and again after so many seconds with another one.
    fn is_another(first: u64, passed: u64, second: u64) -> bool {
        let (at, seconds) = (Instant::now(), Duration::from_secs);
        let last = Sighting { at, uptime: seconds(first) };
        Sighting { at: at + seconds(passed), uptime: seconds(second) }.is_another_than(last)
    }

    #[test]
    fn an_envoy_that_runs_on_is_the_same() {
        for (first, passed, second) in [(0, 0, 0), (0, 15, 15), (1, 15, 15), (1, 15, 17), (3600, 15, 3615)] {
            assert!(!is_another(first, passed, second), "{first} {passed} {second}");
        }
    }

    #[test]
    fn an_envoy_that_is_younger_than_it_would_be_is_another() {
        for (first, passed, second) in [(100, 15, 0), (100, 15, 14), (3, 1, 0), (10, 3600, 3595)] {
            assert!(is_another(first, passed, second), "{first} {passed} {second}");
        }
    }

    #[test]
    fn a_clock_that_was_set_is_no_restart() {
        assert!(!is_another(3600, 15, 3000), "back");
        assert!(!is_another(3600, 15, 9000), "forth");
    }
}
