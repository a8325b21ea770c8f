//! How much is admitted: a token bucket, as the generic cell rate algorithm (ITU-T I.371).
//!
//! Instead of tokens and the time when they were last counted it keeps one moment, the *theoretical arrival time* (TAT):
//! when the next request would come if all came evenly. A request that comes more than a burst ahead of it is denied.
//! One number is all that a compare-and-set has to carry, and the wait that is promised is exact.

use std::time::Duration;

use crate::time::Timestamp;

/// A rate and how far it may be exceeded for a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    rate: Rate,
    /// Time between two requests that come evenly, at least a nanosecond.
    interval: Duration,
    /// Requests that may come at once, at least one.
    burst: u32,
}

/// A number of requests in a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests, at least one.
    pub count: u32,
    /// In so much time.
    pub per: Duration,
}

impl Rate {
    /// Requests in a second, at least one.
    pub fn in_a_second(self) -> u32 {
        let in_a_second = u64::from(self.count).checked_div(self.per.as_secs()).unwrap_or_default();
        u32::try_from(in_a_second).unwrap_or(u32::MAX).max(1)
    }
}

/// The theoretical arrival time of the next request. The epoch, long past, is that of somebody who never came.
pub type Arrival = Timestamp;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is admitted.
    Allow,
    /// It is too early.
    Deny {
        /// How long until it is not, if nobody else is admitted before.
        retry_after: Duration,
    },
}

impl Quota {
    /// A quota of which `burst` requests may come at once.
    ///
    /// The time between two requests is rounded up to nanoseconds, so that the rate is never exceeded; at the highest
    /// configurable one, ten million a second, it is exact to 1 %.
    pub fn new(rate: Rate, burst: u32) -> Self {
        let nanos = rate.per.as_nanos().div_ceil(u128::from(rate.count.max(1)));
        let interval = Duration::from_nanos(u64::try_from(nanos.max(1)).unwrap_or(u64::MAX));
        Self { rate, interval, burst: burst.max(1) }
    }

    /// The rate, as it was given or scaled: then in whole requests, which may be more than the interval between two allows.
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// This quota times `factor`, which is more than 0; the burst is never less than one request.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        let interval = Duration::try_from_secs_f64(self.interval.as_secs_f64() / factor).unwrap_or(Duration::MAX);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from f64 saturates")]
        let scaled = |count: u32| ((f64::from(count) * factor) as u32).max(1);
        let rate = Rate { count: scaled(self.rate.count), ..self.rate };
        Self { rate, interval: interval.max(Duration::from_nanos(1)), burst: scaled(self.burst) }
    }

    /// Time in which a bucket that has been emptied fills.
    pub fn fills_in(&self) -> Duration {
        self.interval.saturating_mul(self.burst)
    }

    /// Judges a request that comes `now`, and says when the one after it is due.
    ///
    /// No request can make the next one due later than a bucket needs to fill. Where it seems so, the clock has stepped
    /// back or the quota was another one: then the bucket counts as just emptied, so that nobody is admitted early and
    /// nobody waits for the clock.
    pub fn judge(&self, due: Arrival, now: Timestamp) -> (Decision, Arrival) {
        let due = due.min(now.after(self.fills_in()));
        let next = due.max(now).after(self.interval);
        let retry_after = next.since(now).saturating_sub(self.fills_in());
        if retry_after.is_zero() { (Decision::Allow, next) } else { (Decision::Deny { retry_after }, due) }
    }
}
