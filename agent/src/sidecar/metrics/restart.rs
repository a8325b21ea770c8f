//! Whether Envoy is the process that it was when it was last seen.
//!
//! While a connection to it holds, it is. Behind a new connection it may be another one, and the time for which it says to
//! have been up tells: in whole seconds and exact in `/server_info`, where `server.uptime` among the stats is as old as their
//! last flush. A process is another one where it
//!
//! * has been up for less time than has passed since the former one last answered, and
//! * has been up for less time than the former one would have been by now, or nobody was there meanwhile.
//!
//! The first alone would take a young Envoy for a new one. The second alone would take a clock that was set back for a
//! restart, and a hot restart, in which counters are handed on, for one in which they are not; and everything would be
//! counted twice.
//!
//! Because of the whole seconds, one that was replaced within two seconds of its beginning, and so quickly that nobody
//! found it missing, may be taken for its successor. Then a counter that is lower than before tells (`books`).

use std::time::{Duration, Instant};

/// How long a process had been up, and when it said so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    /// When it was asked.
    pub(super) asked: Instant,
    /// When it had answered.
    pub(super) answered: Instant,
    /// What it said, in whole seconds.
    pub(super) uptime: Duration,
}

/// What its rounding can hide.
const ROUNDING: Duration = Duration::from_secs(1);

impl Sighting {
    /// Whether this is another process than `former`, which last answered at `alive`; `was_missing` where a connection was
    /// refused since.
    pub(super) fn is_another_than(self, former: Self, alive: Instant, was_missing: bool) -> bool {
        let silence = self.answered.saturating_duration_since(alive);
        let passed = self.asked.saturating_duration_since(former.answered);
        // Clocks that are being adjusted run differently by less than a thousandth.
        let slack = ROUNDING + passed / 1000;
        let is_younger = self.uptime + slack <= former.uptime + passed;
        // It is the difference of two times that are rounded down, so up to a second too much or too little.
        self.uptime < silence + ROUNDING && (is_younger || was_missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen with an uptime, and again so many seconds after it was seen with another one.
    fn is_another(first: f64, passed: f64, second: f64) -> bool {
        judge(first, passed, second, false)
    }

    fn judge(first: f64, passed: f64, second: f64, was_missing: bool) -> bool {
        let sighting =
            |at, uptime: f64| Sighting { asked: at, answered: at, uptime: Duration::from_secs_f64(uptime.floor()) };
        let begin = Instant::now();
        let former = sighting(begin, first);
        sighting(begin + Duration::from_secs_f64(passed), second).is_another_than(former, begin, was_missing)
    }

    #[test]
    fn an_envoy_that_runs_on_is_the_same() {
        for first in [0.0, 0.4, 0.999, 1.0, 1.7, 3600.5] {
            for passed in [0.0, 0.1, 0.9, 1.0, 1.1, 15.0, 86_400.0] {
                assert!(!is_another(first, passed, first + passed), "{first} {passed}");
            }
        }
    }

    #[test]
    fn an_envoy_that_is_younger_than_it_would_be_is_another() {
        for (first, passed, second) in [(100.0, 15.0, 0.0), (100.0, 15.0, 14.9), (3.0, 1.0, 0.2), (1.2, 1.0, 0.3)] {
            assert!(is_another(first, passed, second), "{first} {passed} {second}");
        }
        assert!(is_another(0.5, 2.1, 1.0), "it lived for less than a second, and was away for half of one");
    }

    #[test]
    fn a_clock_that_was_set_is_no_restart() {
        assert!(!is_another(3600.0, 15.0, 3000.0), "back");
        assert!(!is_another(3600.0, 15.0, 9000.0), "forth");
    }

    #[test]
    fn one_that_comes_after_nobody_was_there_is_another_however_young_the_former_was() {
        assert!(!is_another(0.1, 0.9, 0.8), "its age does not tell");
        assert!(judge(0.1, 0.9, 0.8, true));
        assert!(judge(0.1, 0.9, 1.0, true), "of which a second was rounded up");
        assert!(!judge(3600.0, 1.1, 3601.1, true), "after a hot restart the counters were handed on");
    }
}
