//! The states, and the words for why one follows another: the one source of log lines, gauges and counters.

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Traffic flows, all of it or, in the ramp, a growing share.
    Closed,
    /// A few probes find out whether the region is back.
    HalfOpen,
    /// Nothing is let through.
    Open,
}

impl State {
    /// The value of the gauge `telemetry_circuit_breaker_state`.
    pub const fn code(self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }

    /// The word for it in logs and metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

/// Why one state followed another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// So many calls failed in a row.
    ConsecutiveFailures,
    /// So large a share of the calls in the window failed.
    FailureRate,
    /// So large a share of the calls in the window, or of the probes, was slow.
    SlowCalls,
    /// So many calls waited, and nobody was answered for longer than a slow call may take.
    Unanswered,
    /// The region's output was invalid too often: it is ejected.
    InvalidOutput,
    /// The region said 429, and when to come back.
    RetryAfter,
    /// The open time was over.
    BackoffElapsed,
    /// Every region was open, and this one answered well all the same.
    LastResortSucceeded,
    /// Enough probes succeeded.
    ProbesSucceeded,
    /// A probe failed.
    ProbeFailed,
    /// The probes came to no result in time.
    ProbesTimedOut,
    /// An operator said so.
    Forced,
}

impl Reason {
    /// The word for it in logs and metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ConsecutiveFailures => "consecutive_failures",
            Self::FailureRate => "failure_rate",
            Self::SlowCalls => "slow_calls",
            Self::Unanswered => "unanswered",
            Self::InvalidOutput => "invalid_output",
            Self::RetryAfter => "retry_after",
            Self::BackoffElapsed => "backoff_elapsed",
            Self::LastResortSucceeded => "last_resort_succeeded",
            Self::ProbesSucceeded => "probes_succeeded",
            Self::ProbeFailed => "probe_failed",
            Self::ProbesTimedOut => "probes_timed_out",
            Self::Forced => "forced",
        }
    }
}

/// One step from state to state. It happens once, so whoever gets it logs and counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transition {
    /// The state before.
    pub from: State,
    /// The state after.
    pub to: State,
    /// Why.
    pub reason: Reason,
}

impl Transition {
    /// Every transition that can happen: what metrics are defined from.
    pub const ALL: [Self; 17] = {
        use {Reason as Why, State::Closed, State::HalfOpen, State::Open};
        [
            Self::new(Closed, Open, Why::ConsecutiveFailures),
            Self::new(Closed, Open, Why::FailureRate),
            Self::new(Closed, Open, Why::SlowCalls),
            Self::new(Closed, Open, Why::Unanswered),
            Self::new(Closed, Open, Why::InvalidOutput),
            Self::new(Closed, Open, Why::RetryAfter),
            Self::new(Closed, Open, Why::Forced),
            Self::new(Open, HalfOpen, Why::BackoffElapsed),
            Self::new(Open, HalfOpen, Why::LastResortSucceeded),
            Self::new(Open, Closed, Why::Forced),
            Self::new(HalfOpen, Closed, Why::ProbesSucceeded),
            Self::new(HalfOpen, Closed, Why::Forced),
            Self::new(HalfOpen, Open, Why::ProbeFailed),
            Self::new(HalfOpen, Open, Why::ProbesTimedOut),
            Self::new(HalfOpen, Open, Why::SlowCalls),
            Self::new(HalfOpen, Open, Why::RetryAfter),
            Self::new(HalfOpen, Open, Why::Forced),
        ]
    };

    pub(super) const fn new(from: State, to: State, reason: Reason) -> Self {
        Self { from, to, reason }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_transition_is_listed_once_and_goes_somewhere() {
        let unique: HashSet<_> = Transition::ALL.into_iter().collect();
        assert_eq!(unique.len(), Transition::ALL.len());
        assert!(unique.iter().all(|it| it.from != it.to));
    }

    #[test]
    fn every_word_is_used_once() {
        let reasons: HashSet<_> = Transition::ALL.map(|it| it.reason).into_iter().collect();
        let words: HashSet<_> = reasons.iter().map(|reason| reason.word()).collect();
        assert_eq!((reasons.len(), words.len()), (12, 12));
    }

    #[test]
    fn the_gauge_has_the_values_that_dashboards_know() {
        assert_eq!([State::Closed, State::HalfOpen, State::Open].map(State::code), [0, 1, 2]);
    }
}
