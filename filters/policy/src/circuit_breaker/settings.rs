//! What a route may set about its circuit breaker, and the defaults.

use std::time::Duration;

/// Most probes that a record has room for.
pub const MAX_PERMITS: usize = 8;

/// Whether and how a breaker acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It decides.
    Enforce,
    /// It decides, and nobody is rejected: what would have been is marked, so that it can be counted.
    Shadow,
    /// It is open, whatever happens, until the mode changes.
    ForcedOpen,
    /// It is closed, whatever happens, until the mode changes. Calls are still counted.
    ForcedClosed,
    /// It is not there: everything is let through, nothing is recorded.
    Off,
}

/// The settings of one breaker. Every value is safe: what makes no sense is taken as the nearest that does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Whether it acts. Shadow unless the operator says otherwise: a breaker is first watched, then trusted.
    pub mode: Mode,
    /// How far back calls are counted, in ten buckets. 30 s as in Polly; one second, as in Sentinel, is too jumpy.
    pub window: Duration,
    /// Fewest calls in the window for a rate to mean anything. 20 as in Hystrix: the 100 of others never trips at the
    /// rates that one sidecar sees, and 5 trips on noise.
    pub min_requests: u32,
    /// Share of failed calls in the window at which it trips, in (0, 1]. 0.5 as in Hystrix and Resilience4j.
    pub failure_rate: f64,
    /// Failed calls in a row at which it trips, whatever the window says; 0 is never. 7 as in Linkerd. As many that wait
    /// for longer than a slow call, and nobody is answered, trip it as well.
    pub consecutive_failures: u32,
    /// When slow calls trip it. Nothing by default, because only the route knows what is slow; 80 % of an attempt's
    /// timeout is a good beginning.
    pub slow_call: Option<SlowCall>,
    /// How long it stays open.
    pub open: Backoff,
    /// How it finds out whether the region is back.
    pub half_open: HalfOpen,
    /// How traffic comes back.
    pub ramp: Ramp,
    /// Longest open time that a region's `Retry-After` can ask for; zero is not to listen to it. 300 s as in Linkerd.
    pub retry_after_max: Duration,
    /// When invalid output ejects the region; `None` is not more readily than any other failure.
    pub eject: Option<Eject>,
}

/// When slow calls trip a breaker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlowCall {
    /// A call that took longer is slow.
    pub duration: Duration,
    /// Share of slow calls in the window at which it trips, in (0, 1]. 0.8 is our choice between 0.5 and 1 of others.
    pub rate: f64,
}

/// How long a breaker stays open: `base`, doubled each time that the region is found no better, up to `max`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// The first time. 5 s as in Polly and Hystrix; Envoy's 30 s is too slow for a region that restarts.
    pub base: Duration,
    /// The longest time, before jitter. 60 s as in Linkerd.
    pub max: Duration,
    /// How much shorter or longer a time may be than its nominal value, as a share in [0, 1], so that the sidecars of
    /// a fleet do not come back all at once.
    pub jitter: f64,
}

/// How a breaker finds out whether the region is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HalfOpen {
    /// Most probes at the same time, from 1 to 8.
    pub permits: u8,
    /// Probes that must succeed, without one that fails, from 1. Three, because one good answer is luck.
    pub successes: u8,
    /// When it gives up: so long after a probe was let in, with no success since. 30 s; Resilience4j's default of no
    /// limit is stuck for ever where probes hang.
    pub max_wait: Duration,
}

/// How traffic comes back after closing: a share of `start`, doubled each `step`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramp {
    /// The first share, from 0.01 to 1; 1 is no ramp. 0.1 is our choice.
    pub start: f64,
    /// How long each share lasts. 5 s is our choice.
    pub step: Duration,
}

/// When invalid output ejects a region: a region that answers nonsense fails no health check and no status code.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Eject {
    /// Invalid answers among the last `of` calls, from 1. Five as in Envoy's outlier detection.
    pub invalid: u32,
    /// How many calls are looked back at, at most 64.
    pub of: u32,
    /// Share of invalid answers in the window, in (0, 1], where it has `min_requests`.
    pub rate: f64,
    /// Fewest calls in the window for `rate` to mean anything.
    pub min_requests: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Shadow,
            window: Duration::from_secs(30),
            min_requests: 20,
            failure_rate: 0.5,
            consecutive_failures: 7,
            slow_call: None,
            open: Backoff::default(),
            half_open: HalfOpen::default(),
            ramp: Ramp::default(),
            retry_after_max: Duration::from_secs(300),
            eject: Some(Eject::default()),
        }
    }
}

impl SlowCall {
    /// Slow is what took longer than `duration`, and 0.8 of the calls trips.
    pub const fn over(duration: Duration) -> Self {
        Self { duration, rate: 0.8 }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base: Duration::from_secs(5), max: Duration::from_secs(60), jitter: 0.2 }
    }
}

impl Default for HalfOpen {
    fn default() -> Self {
        Self { permits: 3, successes: 3, max_wait: Duration::from_secs(30) }
    }
}

impl HalfOpen {
    /// With no permit at all it would be stuck: nobody could ever find out that the region is back.
    pub(super) fn permits(self) -> usize {
        usize::from(self.permits).clamp(1, MAX_PERMITS)
    }
}

impl Default for Ramp {
    fn default() -> Self {
        Self { start: 0.1, step: Duration::from_secs(5) }
    }
}

impl Default for Eject {
    fn default() -> Self {
        Self { invalid: 5, of: 20, rate: 0.1, min_requests: 20 }
    }
}
