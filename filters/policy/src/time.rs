//! A moment as the host's wall clock tells it.

use std::time::Duration;

/// A moment, counted from the Unix epoch.
///
/// The host's clock is wall time and may step back or forth, so a span between two moments saturates at zero instead
/// of failing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(Duration);

impl Timestamp {
    /// The moment `since_epoch` after the Unix epoch.
    pub const fn from_epoch(since_epoch: Duration) -> Self {
        Self(since_epoch)
    }

    /// The moment `millis` milliseconds after the Unix epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// The moment `nanos` nanoseconds after the Unix epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(Duration::from_nanos(nanos))
    }

    /// Nanoseconds since the Unix epoch: enough until the year 2554.
    pub fn nanos(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }

    /// The moment `span` later.
    #[must_use]
    pub const fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }

    /// How long ago `earlier` was; zero when the clock has stepped back past it.
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// What tells the time, for whoever needs it only sometimes: asking the host costs a call.
pub trait Clock {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// A clock that stands still.
impl Clock for Timestamp {
    fn now(&self) -> Timestamp {
        *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_steps_back_makes_a_span_of_zero() {
        let earlier = Timestamp::from_millis(1_000);
        assert_eq!(Timestamp::from_millis(1_250).since(earlier), Duration::from_millis(250));
        assert_eq!(Timestamp::from_millis(10).since(earlier), Duration::ZERO);
    }
}
