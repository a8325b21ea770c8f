//! What a half-open breaker has found out.

use std::num::NonZeroU32;
use std::time::Duration;

use super::deadline::{Deadline, Moment};
use super::ejection::reaches;
use super::record::{Reader, Writer};
use super::settings::{HalfOpen, Settings};
use super::slots::{LONGEST_ATTEMPT, Slots};

/// What a good probe says about all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Not enough yet.
    Nothing,
    /// The region is back.
    Back,
    /// It answers, but too slowly.
    Slow,
}

/// The probes since the breaker became half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Probes {
    successes: u8,
    /// Those of the successes that were slow.
    slow: u8,
    /// When it is given up. Runs from a probe that was let in until the next success: while nobody asks, there is
    /// nothing to give up, and a route with one request a minute can still close.
    give_up: Option<Deadline>,
    pub(super) slots: Slots,
}

impl Probes {
    /// None yet, beside those of an earlier time that still hold their `slots`.
    pub(super) const fn begin(slots: Slots) -> Self {
        Self { successes: 0, slow: 0, give_up: None, slots }
    }

    /// Lets a probe in that will be over after `timeout`, if there is a free slot.
    pub(super) fn admit(&mut self, settings: HalfOpen, ticket: NonZeroU32, now: Moment, timeout: Duration) -> bool {
        let is_admitted = self.slots.take(settings.permits(), ticket, now, timeout);
        if is_admitted {
            // A probe that may take longer than the limit gets its time, else a slow region would never be found back.
            let limit = settings.max_wait.max(timeout.min(LONGEST_ATTEMPT));
            self.give_up.get_or_insert(Deadline::after(now, limit));
        }
        is_admitted
    }

    /// A probe has succeeded.
    pub(super) fn succeed(&mut self, settings: &Settings, is_slow: bool) -> Found {
        self.give_up = None;
        self.successes = self.successes.saturating_add(1);
        self.slow = self.slow.saturating_add(u8::from(is_slow));
        if self.successes < settings.half_open.successes {
            Found::Nothing
        } else if settings.slow_call.is_some_and(|it| reaches(self.slow.into(), self.successes.into(), it.rate)) {
            Found::Slow
        } else {
            Found::Back
        }
    }

    pub(super) fn has_timed_out(&self, now: Moment) -> bool {
        self.give_up.is_some_and(|give_up| give_up.is_over(now))
    }

    /// Pulls every deadline near after a clock that has stepped back.
    pub(super) fn settle(&mut self, settings: HalfOpen, now: Moment) {
        if let Some(give_up) = &mut self.give_up {
            give_up.settle(now, settings.max_wait.max(LONGEST_ATTEMPT));
        }
        self.slots.settle(now);
    }

    pub(super) fn write(&self, to: &mut Writer) {
        to.put([self.successes, self.slow, u8::from(self.give_up.is_some())]);
        self.give_up.unwrap_or_default().write(to);
        self.slots.write(to);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Option<Self> {
        let (successes, slow, has_give_up) = (from.u8()?, from.u8()?, from.u8()? != 0);
        let give_up = Some(Deadline::read(from)?).filter(|_| has_give_up);
        Some(Self { successes, slow, give_up, slots: Slots::read(from)? })
    }
}
