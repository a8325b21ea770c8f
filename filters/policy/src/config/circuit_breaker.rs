//! When a region is left alone, and how it comes back: `circuit_breaker`; how much may be sent again: `retry_budget`.

use std::time::Duration;

use super::scalar;
use super::section::Cursor;
use crate::circuit_breaker::{Backoff, HalfOpen, MAX_PERMITS, Mode, Ramp, Settings, SlowCall};
use crate::retry_budget;

/// Shortest window: its ten buckets are milliseconds wide.
const SHORTEST_WINDOW: Duration = Duration::from_millis(100);
/// Longest of all spans here. What lasts longer is an operator's decision and no breaker's.
const LONGEST: Duration = Duration::from_secs(3_600);
/// Shortest of the spans that something waits for.
const SHORTEST: Duration = Duration::from_millis(1);

/// Share of an attempt's time over which a call is slow where the route does not say: it was nearly too late.
const SLOW_SHARE: f64 = 0.8;

const MODES: [(&str, Mode); 5] = [
    ("enforce", Mode::Enforce),
    ("shadow", Mode::Shadow),
    ("forced_open", Mode::ForcedOpen),
    ("forced_closed", Mode::ForcedClosed),
    ("off", Mode::Off),
];

/// The section as written: the settings, and what is slow on a region whose attempts may take so long.
#[derive(Debug)]
pub(super) struct Written {
    settings: Settings,
    slow_duration: Option<Duration>,
    slow_rate: f64,
}

impl Written {
    /// Whether it decides.
    pub(super) fn is_enforced(&self) -> bool {
        self.settings.mode == Mode::Enforce
    }

    /// The settings for a region whose attempts may take `timeout`.
    pub(super) fn for_attempts_of(&self, timeout: Duration) -> Settings {
        let duration = self.slow_duration.unwrap_or_else(|| timeout.mul_f64(SLOW_SHARE));
        Settings { slow_call: Some(SlowCall { duration, rate: self.slow_rate }), ..self.settings }
    }
}

pub(super) fn read(at: &mut Cursor<'_, '_>) -> Option<Written> {
    let mut section = at.section("write a section such as { failure_rate: 0.5, open: { base: 5s } }")?;
    let default = Settings::default();
    let mode = section.optional("mode", |at| scalar::word(at, "a mode of a circuit breaker", &MODES));
    let window = section.optional("window", |at| scalar::duration(at, SHORTEST_WINDOW, LONGEST));
    let min_requests = section.optional("min_requests", |at| scalar::count(at, 1, u32::MAX, "a number of requests"));
    let failure_rate = section.optional("failure_rate", |at| scalar::share(at, ABOVE_ZERO));
    let consecutive =
        section.optional("consecutive_failures", |at| scalar::count(at, 0, u32::MAX, "a number of failures"));
    let slow = section.optional("slow_call", slow_call);
    let open = section.optional("open", open);
    let half_open = section.optional("half_open", half_open);
    let ramp = section.optional("ramp", ramp);
    let retry_after_max = section.optional("retry_after_max", |at| scalar::duration(at, Duration::ZERO, LONGEST));
    section.close();

    let settings = Settings {
        mode: mode?.unwrap_or(Mode::Enforce),
        window: window?.unwrap_or(default.window),
        min_requests: min_requests?.unwrap_or(default.min_requests),
        failure_rate: failure_rate?.unwrap_or(default.failure_rate),
        consecutive_failures: consecutive?.unwrap_or(default.consecutive_failures),
        slow_call: None,
        open: open?.unwrap_or_default(),
        half_open: half_open?.unwrap_or_default(),
        ramp: ramp?.unwrap_or_default(),
        retry_after_max: retry_after_max?.unwrap_or(default.retry_after_max),
        // Written where it is said what invalid output is.
        eject: None,
    };
    let (slow_duration, slow_rate) = slow?.unwrap_or_default();
    let slow_rate = slow_rate.unwrap_or(SlowCall::over(Duration::ZERO).rate);
    Some(Written { settings, slow_duration, slow_rate })
}

/// A hundredth is the least that a ramp can begin with, and less than that of a window is nothing.
const ABOVE_ZERO: f64 = 0.01;

fn slow_call(at: &mut Cursor<'_, '_>) -> Option<(Option<Duration>, Option<f64>)> {
    let mut section = at.section("write a section such as { duration: 1500ms, rate: 0.8 }")?;
    let duration = section.optional("duration", |at| scalar::duration(at, SHORTEST, LONGEST));
    let rate = section.optional("rate", |at| scalar::share(at, ABOVE_ZERO));
    section.close();
    Some((duration?, rate?))
}

fn open(at: &mut Cursor<'_, '_>) -> Option<Backoff> {
    let default = Backoff::default();
    let mut section = at.section("write a section such as { base: 5s, max: 60s, jitter: 0.2 }")?;
    let base = section.optional("base", |at| scalar::duration(at, SHORTEST, LONGEST));
    let max = section.optional("max", |at| {
        let max = scalar::duration(at, SHORTEST, LONGEST)?;
        match base {
            Some(base) if max < base.unwrap_or(default.base) => at.refuse(
                format!("is shorter than base, {:?}", base.unwrap_or(default.base)),
                "lengthen it, or shorten base",
            ),
            _ => Some(max),
        }
    });
    let jitter = section.optional("jitter", |at| scalar::share(at, 0.0));
    section.close();
    let base = base?.unwrap_or(default.base);
    Some(Backoff { base, max: max?.unwrap_or(default.max.max(base)), jitter: jitter?.unwrap_or(default.jitter) })
}

fn half_open(at: &mut Cursor<'_, '_>) -> Option<HalfOpen> {
    let default = HalfOpen::default();
    let mut section = at.section("write a section such as { permits: 3, successes: 3, max_wait: 30s }")?;
    let most = u8::try_from(MAX_PERMITS).unwrap_or(u8::MAX);
    let permits = section.optional("permits", |at| small(at, most, "a number of probes"));
    let successes = section.optional("successes", |at| small(at, 100, "a number of probes"));
    let max_wait = section.optional("max_wait", |at| scalar::duration(at, SHORTEST, LONGEST));
    section.close();
    Some(HalfOpen {
        permits: permits?.unwrap_or(default.permits),
        successes: successes?.unwrap_or(default.successes),
        max_wait: max_wait?.unwrap_or(default.max_wait),
    })
}

fn small(at: &mut Cursor<'_, '_>, most: u8, what: &str) -> Option<u8> {
    scalar::count(at, 1, most.into(), what).and_then(|count| u8::try_from(count).ok())
}

fn ramp(at: &mut Cursor<'_, '_>) -> Option<Ramp> {
    let default = Ramp::default();
    let mut section = at.section("write a section such as { start: 0.1, step: 5s }")?;
    let start = section.optional("start", |at| scalar::share(at, ABOVE_ZERO));
    let step = section.optional("step", |at| scalar::duration(at, SHORTEST, LONGEST));
    section.close();
    Some(Ramp { start: start?.unwrap_or(default.start), step: step?.unwrap_or(default.step) })
}

/// Reads the section about second attempts.
pub(super) fn read_retry_budget(at: &mut Cursor<'_, '_>) -> Option<retry_budget::Settings> {
    let default = retry_budget::Settings::default();
    let mut section = at.section("write a section such as { ratio: 0.2, min_concurrent: 3 }")?;
    let ratio = section.optional("ratio", |at| scalar::share(at, 0.0));
    let least = section.optional("min_concurrent", |at| scalar::count(at, 0, u32::MAX, "a number of requests"));
    section.close();
    Some(retry_budget::Settings {
        ratio: ratio?.unwrap_or(default.ratio),
        min_concurrent: least?.unwrap_or(default.min_concurrent),
    })
}
