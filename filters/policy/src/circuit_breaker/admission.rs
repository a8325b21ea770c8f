//! Whether a call may go to the region.

use std::num::NonZeroU32;
use std::time::Duration;

use super::backoff::longest_open_time;
use super::deadline::{Deadline, Moment};
use super::settings::{Mode, Settings};
use super::transition::Transition;
use super::{Breaker, Phase};
use crate::time::Timestamp;

/// While every region is open, one call in this time still goes to each that is asked.
const LAST_RESORT_EVERY: Duration = Duration::from_secs(1);

/// A call that wants to go to a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it is over at the latest, counted from now.
    pub timeout: Duration,
    /// Whether the region will have all of the request at once; if not, nobody can tell how long the client takes.
    pub is_whole: bool,
}

/// What a breaker says to a call that wants to go to its region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Whether it may.
    pub admitted: Admitted,
    /// What the breaker did on the occasion, to be logged and counted.
    pub transition: Option<Transition>,
    /// Whether the record has to be written back.
    ///
    /// Where the compare-and-set fails, neither the admission nor the transition has happened: read, and ask again.
    pub changed: bool,
}

/// Whether a call may go to the region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// It may.
    Allow {
        /// Comes back with the call's outcome.
        permit: Permit,
        /// Shadow mode: an enforcing breaker would have rejected it.
        would_reject: bool,
    },
    /// It may, and it is one of the few that find out whether the region is back.
    Probe(Permit),
    /// It may not.
    Reject {
        /// How long it will be so at least, or (half-open, ramp) until another answer is likely; a hint for
        /// `Retry-After`.
        retry_after: Duration,
    },
}

/// What a call carries from its admission to its outcome: whose evidence it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    /// The breaker's when the call was admitted.
    pub(super) generation: u32,
    pub(super) holder: Holder,
}

/// The permit of a call that no breaker knows of.
pub(super) const UNKNOWN: Permit = Permit { generation: 0, holder: Holder::Unknown };

impl Permit {
    /// Whether it is that of a probe, which others wait for.
    pub const fn is_probe(self) -> bool {
        matches!(self.holder, Holder::Probe(_))
    }

    /// Whether no breaker wants to know what becomes of the call.
    pub(super) const fn is_of_nobody(self) -> bool {
        matches!(self.holder, Holder::Unknown)
    }
}

/// Who has a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// A call like any other, or a last resort.
    Call,
    /// A probe with its ticket.
    Probe(NonZeroU32),
    /// A call that a breaker knows nothing of: it is off, or would have rejected it.
    Unknown,
}

impl Breaker {
    /// Asks whether a call may go to the region; `random` is in [0, 1).
    pub fn admit(&mut self, settings: &Settings, now: Timestamp, attempt: Attempt, random: f64) -> Admission {
        self.ask(settings, now, attempt, random, |breaker, now| breaker.decide(settings, now, attempt, random))
    }

    /// Asks once more, after every region has rejected the call: one call a second is allowed all the same, because
    /// a region that is back early is better than a static answer.
    ///
    /// Half-open there is no more than the free slots, and forced open means open.
    pub fn admit_last_resort(
        &mut self,
        settings: &Settings,
        now: Timestamp,
        attempt: Attempt,
        random: f64,
    ) -> Admission {
        self.ask(settings, now, attempt, random, |breaker, now| breaker.decide_last_resort(settings, now, attempt))
    }

    fn ask(
        &mut self,
        settings: &Settings,
        now: Timestamp,
        attempt: Attempt,
        random: f64,
        decide: impl FnOnce(&mut Self, Moment) -> Admitted,
    ) -> Admission {
        if settings.mode == Mode::Off {
            return Admission { admitted: self.allow(Holder::Unknown), transition: None, changed: false };
        }
        let before = *self;
        let now = Moment::of(now);
        let transition = self
            .catch_up(settings, now, random)
            .or_else(|| self.probe_if_due(settings, now))
            .or_else(|| self.trip_if_silent(settings, now, attempt.timeout, random));
        let admitted = match decide(self, now) {
            Admitted::Reject { .. } if settings.mode == Mode::Shadow => {
                Admitted::Allow { permit: self.permit(Holder::Unknown), would_reject: true }
            }
            admitted => admitted,
        };
        Admission { admitted, transition, changed: *self != before }
    }

    fn decide(&mut self, settings: &Settings, now: Moment, attempt: Attempt, random: f64) -> Admitted {
        match &mut self.phase {
            Phase::Closed { ramp, tally } => {
                if let Some(ramp) = ramp.filter(|_| settings.mode != Mode::ForcedClosed)
                    // Written so that a random that is no number lets through: the ramp is a courtesy.
                    && random >= ramp.share(&settings.ramp, now)
                {
                    return Admitted::Reject { retry_after: ramp.until_next_step(&settings.ramp, now) };
                }
                if attempt.is_whole {
                    tally.silence.wait(settings, now, attempt.timeout);
                }
                self.allow(Holder::Call)
            }
            Phase::Open { until, .. } => {
                let left = until.left(now);
                // Nobody knows when the operator will change it back.
                let is_forced = settings.mode == Mode::ForcedOpen;
                Admitted::Reject { retry_after: if is_forced { left.max(settings.open.base) } else { left } }
            }
            Phase::HalfOpen(probes) => {
                let ticket = NonZeroU32::new(self.last_ticket.wrapping_add(1)).unwrap_or(NonZeroU32::MIN);
                if !probes.admit(settings.half_open, ticket, now, attempt.timeout) {
                    return Admitted::Reject { retry_after: probes.slots.wait(now) };
                }
                self.last_ticket = ticket.get();
                Admitted::Probe(self.permit(Holder::Probe(ticket)))
            }
        }
    }

    fn decide_last_resort(&mut self, settings: &Settings, now: Moment, attempt: Attempt) -> Admitted {
        let is_rejecting = match &self.phase {
            Phase::Closed { ramp, .. } => ramp.is_some_and(|ramp| ramp.share(&settings.ramp, now) < 1.0),
            Phase::Open { .. } => settings.mode != Mode::ForcedOpen,
            Phase::HalfOpen(_) => false,
        };
        if !is_rejecting {
            return self.decide(settings, now, attempt, 0.0);
        }
        if !self.last_resort.is_over(now) {
            return Admitted::Reject { retry_after: self.last_resort.left(now) };
        }
        self.last_resort = Deadline::after(now, LAST_RESORT_EVERY);
        self.allow(Holder::Call)
    }

    /// Pulls what is stored near after a clock that has stepped back.
    pub(super) fn settle(&mut self, settings: &Settings, now: Moment) {
        self.last_resort.settle(now, LAST_RESORT_EVERY);
        match &mut self.phase {
            Phase::Closed { ramp, .. } => {
                if let Some(ramp) = ramp {
                    ramp.settle(now);
                }
            }
            Phase::Open { until, slots } => {
                until.settle(now, longest_open_time(settings));
                slots.settle(now);
            }
            Phase::HalfOpen(probes) => probes.settle(settings.half_open, now),
        }
    }

    const fn permit(&self, holder: Holder) -> Permit {
        Permit { generation: self.generation, holder }
    }

    const fn allow(&self, holder: Holder) -> Admitted {
        Admitted::Allow { permit: self.permit(holder), would_reject: false }
    }
}
