//! What became of a call, and what follows from it.

use std::time::Duration;

use super::admission::{Holder, Permit};
use super::deadline::Moment;
use super::probes::Found;
use super::settings::{Mode, Settings};
use super::tally::Call;
use super::transition::{Reason, Transition};
use super::{Breaker, Phase};
use crate::time::Timestamp;

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A good answer.
    Success {
        /// How long it took.
        took: Duration,
    },
    /// No answer, or a 5xx.
    Failure,
    /// An answer whose body is not what the route's schema promises.
    InvalidOutput,
    /// A 429: the region is well and says so.
    RateLimited {
        /// Its `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// Any other 4xx: the request is at fault, not the region.
    Ignored,
    /// The client left first, and nobody will know.
    Abandoned,
}

impl Outcome {
    /// What it says about the region, if anything.
    fn call(self, settings: &Settings) -> Option<Call> {
        match self {
            Self::Success { took } => Some(Call::success(settings, took)),
            Self::Failure => Some(Call::Failure),
            Self::InvalidOutput => Some(Call::InvalidOutput),
            Self::RateLimited { .. } | Self::Ignored | Self::Abandoned => None,
        }
    }
}

impl Breaker {
    /// Takes the outcome of a call that was admitted with `permit`; `random` is in [0, 1). Says what the breaker did,
    /// to be logged and counted.
    ///
    /// Once for each permit: the slot of a probe is safe from a second time, the counts are not.
    pub fn record(
        &mut self,
        settings: &Settings,
        now: Timestamp,
        permit: Permit,
        outcome: Outcome,
        random: f64,
    ) -> Option<Transition> {
        if settings.mode == Mode::Off || permit.holder == Holder::Unknown {
            return None;
        }
        let now = Moment::of(now);
        let transition = self.catch_up(settings, now, random);
        if let (Holder::Probe(ticket), Some(slots)) = (permit.holder, self.slots()) {
            slots.free(ticket);
        }
        // A straggler: it was admitted to another state than this one, and is evidence of nothing that is asked now.
        let is_straggler = transition.is_some() || permit.generation != self.generation;
        if is_straggler || settings.mode == Mode::ForcedOpen {
            return transition;
        }
        if let Phase::Closed { tally, .. } = &mut self.phase
            && outcome != Outcome::Abandoned
        {
            tally.silence.end();
        }
        if let Outcome::RateLimited { retry_after: Some(retry_after) } = outcome {
            return self.obey(settings, now, retry_after);
        }
        let call = outcome.call(settings)?;
        match &self.phase {
            Phase::Closed { .. } => self.record_call(settings, now, call, random),
            Phase::HalfOpen(_) => self.record_probe(settings, now, call, random),
            Phase::Open { .. } => self.record_last_resort(call),
        }
    }

    /// Closed or half-open -> open for as long as the region itself asks for. It is no failure, so the back-off stays
    /// what it was; and no jitter, because it is a promise to the region.
    fn obey(&mut self, settings: &Settings, now: Moment, retry_after: Duration) -> Option<Transition> {
        let span = retry_after.min(settings.retry_after_max);
        let may_open = settings.mode != Mode::ForcedClosed && !matches!(self.phase, Phase::Open { .. });
        (may_open && !span.is_zero()).then(|| self.open(Reason::RetryAfter, now, span))
    }

    fn record_call(&mut self, settings: &Settings, now: Moment, call: Call, random: f64) -> Option<Transition> {
        let Phase::Closed { ramp, tally } = &mut self.phase else { return None };
        tally.count(settings, now, call);
        // Closed -> open at the first reason
        if settings.mode != Mode::ForcedClosed
            && let Some(reason) = tally.reason_to_trip(settings)
        {
            return Some(self.trip(settings, reason, now, random));
        }
        // The evidence of success that lets the back-off fall back: all of the traffic, and it goes well.
        if call.is_success() && ramp.is_none_or(|ramp| ramp.is_complete(&settings.ramp, now)) {
            *ramp = None;
            self.attempt = 0;
        }
        None
    }

    fn record_probe(&mut self, settings: &Settings, now: Moment, call: Call, random: f64) -> Option<Transition> {
        let Phase::HalfOpen(probes) = &mut self.phase else { return None };
        let found = match call {
            Call::Success { slow } => probes.succeed(settings, slow),
            // Half-open -> open at the first probe that fails
            Call::Failure | Call::InvalidOutput => {
                return Some(self.trip(settings, Reason::ProbeFailed, now, random));
            }
        };
        match found {
            Found::Nothing => None,
            // Half-open -> closed when enough probes succeeded
            Found::Back => Some(self.recover(Reason::ProbesSucceeded, now)),
            // Half-open -> open when they did, but were as slow as what opened it
            Found::Slow => Some(self.trip(settings, Reason::SlowCalls, now, random)),
        }
    }

    /// Open -> half-open when a last resort succeeded: the only calls of this generation that an open breaker lets in.
    /// One that fails says nothing new, and must not keep it open for longer.
    fn record_last_resort(&mut self, call: Call) -> Option<Transition> {
        call.is_success().then(|| self.probe(Reason::LastResortSucceeded))
    }
}
