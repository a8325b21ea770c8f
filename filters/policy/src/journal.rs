//! Which degraded exchanges are worth a line in the log.
//!
//! An outage degrades every request; a line for each would bury the first one and drown the log's readers. So a route
//! writes at most one line per [`INTERVAL`], and that line says how many it stands for.

use std::time::Duration;

use crate::time::Timestamp;

/// The least time between two lines about the same route, in one worker.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// When a route last wrote a line, and how many have been kept back since.
#[derive(Clone, Copy, Debug, Default)]
pub struct Journal {
    last: Option<Timestamp>,
    held_back: u64,
}

impl Journal {
    /// Whether to write a line now: `Some(n)` says yes, and that `n` earlier ones were kept back.
    pub fn admit(&mut self, now: Timestamp) -> Option<u64> {
        // A clock that has stepped back must not silence the log until it catches up.
        let due = self.last.is_none_or(|last| now < last || now.since(last) >= INTERVAL);
        if due {
            self.last = Some(now);
            Some(std::mem::take(&mut self.held_back))
        } else {
            self.held_back = self.held_back.saturating_add(1);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_per_interval_which_counts_the_rest() {
        let mut journal = Journal::default();
        let at = Timestamp::from_millis;
        assert_eq!(journal.admit(at(5_000)), Some(0));
        assert_eq!(journal.admit(at(5_001)), None);
        assert_eq!(journal.admit(at(5_999)), None);
        assert_eq!(journal.admit(at(6_000)), Some(2));
        assert_eq!(journal.admit(at(6_001)), None);
        assert_eq!(journal.admit(at(4_000)), Some(1), "a clock that steps back does not silence it");
    }
}
