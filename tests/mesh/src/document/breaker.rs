//! The circuit breakers of a route and its retry budget, as data. Shares are in hundredths, so that the rules can reckon
//! in whole numbers.

use serde_json::{Value, json};

use crate::scenario::Millis;
use crate::world::Micros;

/// Whether and how a breaker acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It decides.
    Enforce,
    /// It only says what it would have done.
    Shadow,
    /// Open, whatever happens.
    ForcedOpen,
    /// Closed, whatever happens.
    ForcedClosed,
    /// Not there.
    Off,
}

/// A circuit breaker for each region of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// Whether it acts.
    pub mode: Mode,
    /// How far back calls are counted.
    pub window: Millis,
    /// Fewest calls in the window for a share to mean anything.
    pub min_requests: u32,
    /// Share of failed calls that opens it.
    pub failure_rate: u32,
    /// Failures in a row that open it; 0 for never.
    pub consecutive_failures: u32,
    /// A call that takes longer is slow; by default 80 % of its region's timeout.
    pub slow_duration: Option<Millis>,
    /// Share of slow calls that opens it.
    pub slow_rate: u32,
    /// The first open time, and the longest; each is shorter or longer by up to this share.
    pub open: (Millis, Millis, u32),
    /// Most probes at the same time.
    pub permits: u32,
    /// Probes that must succeed.
    pub successes: u32,
    /// When it gives up waiting for them.
    pub max_wait: Millis,
    /// The first share of the traffic after it has closed, which doubles with each step of so long.
    pub ramp: (u32, Millis),
    /// Longest open time that a region can ask for.
    pub retry_after_max: Millis,
}

/// How much may be sent a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Share of what is in flight.
    pub ratio: u32,
    /// So much in any case, in each worker.
    pub min_concurrent: u32,
}

impl Default for Breaker {
    /// What a route has that writes nothing but the section's name.
    fn default() -> Self {
        Self {
            mode: Mode::Enforce,
            window: 30_000,
            min_requests: 20,
            failure_rate: 50,
            consecutive_failures: 7,
            slow_duration: None,
            slow_rate: 80,
            open: (5_000, 60_000, 20),
            permits: 3,
            successes: 3,
            max_wait: 30_000,
            ramp: (10, 5_000),
            retry_after_max: 300_000,
        }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { ratio: 20, min_concurrent: 3 }
    }
}

impl Mode {
    const fn word(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Shadow => "shadow",
            Self::ForcedOpen => "forced_open",
            Self::ForcedClosed => "forced_closed",
            Self::Off => "off",
        }
    }

    /// Whether it can keep anybody away.
    pub const fn rejects(self) -> bool {
        matches!(self, Self::Enforce | Self::ForcedOpen)
    }
}

impl Breaker {
    /// The same in a document that only watches.
    #[must_use]
    pub const fn in_shadow(mut self) -> Self {
        if self.mode.rejects() {
            self.mode = Mode::Shadow;
        }
        self
    }

    /// What is slow at a region whose attempts may take so long.
    pub(crate) fn slow(&self, timeout: Millis) -> Micros {
        self.slow_duration.map_or(timeout * 800, |duration| duration * 1000)
    }

    /// How long the ramp lets only a share through.
    pub(crate) fn ramp_span(&self) -> Millis {
        let (start, step) = self.ramp;
        let steps = (0_u32..7).find(|steps| start << steps >= 100).unwrap_or(7);
        Millis::from(steps) * step
    }

    pub(super) fn to_json(self) -> Value {
        let (base, max, jitter) = self.open;
        let mut slow = json!({ "rate": share(self.slow_rate) });
        if let Some(duration) = self.slow_duration {
            slow["duration"] = millis(duration);
        }
        json!({
            "mode": self.mode.word(),
            "window": millis(self.window),
            "min_requests": self.min_requests,
            "failure_rate": share(self.failure_rate),
            "consecutive_failures": self.consecutive_failures,
            "slow_call": slow,
            "open": { "base": millis(base), "max": millis(max), "jitter": share(jitter) },
            "half_open": { "permits": self.permits, "successes": self.successes, "max_wait": millis(self.max_wait) },
            "ramp": { "start": share(self.ramp.0), "step": millis(self.ramp.1) },
            "retry_after_max": millis(self.retry_after_max),
        })
    }
}

impl Budget {
    pub(super) fn to_json(self) -> Value {
        json!({ "ratio": share(self.ratio), "min_concurrent": self.min_concurrent })
    }

    /// Whether one more second attempt may begin beside so many of them, with so many requests in flight.
    pub(crate) fn allows(self, under_way: usize, in_flight: usize) -> bool {
        let is_few = under_way < usize::try_from(self.min_concurrent).unwrap_or(usize::MAX);
        is_few || (under_way + 1) * 100 <= in_flight * usize::try_from(self.ratio).unwrap_or(usize::MAX)
    }
}

fn millis(span: Millis) -> Value {
    format!("{span}ms").into()
}

fn share(hundredths: u32) -> Value {
    (f64::from(hundredths) / 100.0).into()
}

#[cfg(test)]
mod tests {
    use super::{Breaker, Budget};

    #[test]
    fn the_ramp_ends_when_its_share_has_doubled_to_all() {
        let with = |ramp| Breaker { ramp, ..Breaker::default() }.ramp_span();
        assert_eq!([with((100, 50)), with((50, 50)), with((25, 50)), with((10, 50))], [0, 50, 100, 200]);
    }

    #[test]
    fn a_budget_is_a_share_of_what_is_in_flight_and_a_few_always() {
        let allowed = |in_flight| (0..200).take_while(|it| Budget::default().allows(*it, in_flight)).count();
        assert_eq!([0, 19, 20, 24, 25, 100].map(allowed), [3, 3, 4, 4, 5, 20]);
    }
}
