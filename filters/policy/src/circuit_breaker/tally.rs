//! What a closed breaker knows of its calls, and when that is enough to trip.

use std::time::Duration;

use super::deadline::Moment;
use super::ejection::{Recent, reaches};
use super::record::{Reader, Writer};
use super::settings::Settings;
use super::silence::Silence;
use super::transition::Reason;
use super::window::{Counts, Window};

/// A call that says something about the region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Success { slow: bool },
    Failure,
    InvalidOutput,
}

impl Call {
    /// A success that took so long; slow is what took longer than the settings allow.
    pub(super) fn success(settings: &Settings, took: Duration) -> Self {
        Self::Success { slow: settings.slow_call.is_some_and(|slow| took > slow.duration) }
    }

    pub(super) const fn is_success(self) -> bool {
        matches!(self, Self::Success { .. })
    }

    fn counts(self) -> Counts {
        Counts {
            total: 1,
            failures: u32::from(!self.is_success()),
            slow: u32::from(self == Self::Success { slow: true }),
            invalid: u32::from(self == Self::InvalidOutput),
        }
    }
}

/// The calls since the breaker closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Failures since the last success.
    consecutive: u32,
    recent: Recent,
    window: Window,
    pub(super) silence: Silence,
}

impl Tally {
    pub(super) fn count(&mut self, settings: &Settings, now: Moment, call: Call) {
        self.consecutive = if call.is_success() { 0 } else { self.consecutive.saturating_add(1) };
        self.recent.add(call == Call::InvalidOutput);
        self.window.add(settings.window, now, call.counts());
    }

    /// Why the breaker has to trip, if it has to. The order is that of the more telling reason.
    pub(super) fn reason_to_trip(&self, settings: &Settings) -> Option<Reason> {
        let counts = self.window.counts();
        let has_volume = counts.total >= settings.min_requests;
        if settings.eject.is_some_and(|eject| self.recent.ejects(&eject, counts)) {
            Some(Reason::InvalidOutput)
        } else if settings.consecutive_failures > 0 && self.consecutive >= settings.consecutive_failures {
            Some(Reason::ConsecutiveFailures)
        } else if has_volume && reaches(counts.failures, counts.total, settings.failure_rate) {
            Some(Reason::FailureRate)
        } else if has_volume && settings.slow_call.is_some_and(|slow| reaches(counts.slow, counts.total, slow.rate)) {
            Some(Reason::SlowCalls)
        } else {
            None
        }
    }

    pub(super) fn write(&self, to: &mut Writer) {
        to.put(self.consecutive.to_le_bytes());
        self.recent.write(to);
        self.window.write(to);
        self.silence.write(to);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            consecutive: from.u32()?,
            recent: Recent::read(from)?,
            window: Window::read(from)?,
            silence: Silence::read(from)?,
        })
    }
}
