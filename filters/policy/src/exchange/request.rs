//! The way to the primary: the request, until somebody has been asked.

use std::time::Duration;

use super::{Awaiting, Effect, Exchange, HELD_MAX, Held, Stage, Way};
use crate::circuit_breaker::Attempt;
use crate::config::{Mode, Region};
use crate::host::Host;
use crate::replay::NotReplayable;
use crate::time::Timestamp;
use crate::verdict::{Degraded, Skip, Verdict};

impl Exchange {
    /// The request goes to the primary or, where its breaker or an operator says no, past it; a duplicate goes nowhere.
    pub(super) fn set_out(&mut self, now: Timestamp, host: &impl Host, effects: &mut Vec<Effect>) {
        if self.is_duplicate(now, host, effects) {
            return;
        }
        let is_called = self.calls_primary();
        if is_called {
            // Until now the client had the time, and no region.
            self.started = now;
        }
        let attempt = if is_called { self.attempt(&self.route.upstream.primary, now).1 } else { self.by_route() };
        let is_drained = self.is_out(&self.route.upstream.primary);
        if !is_drained && self.admit(0, attempt, now, host, effects) {
            if is_called {
                self.way = Way::Shut;
                return self.call_region(Held::request(), 0, attempt, now, effects);
            }
            self.count_bypass(effects);
            self.go_to_primary(effects);
            // In shadow mode it is still to be said whether another region would have had it in the primary's place, and
            // whether it would have been a duplicate.
            if !self.would_reject && !self.message.is_pending() {
                self.request.sent();
            }
            return;
        }
        self.way = Way::Shut;
        let skip = if is_drained { Skip::Override } else { Skip::BreakerOpen };
        self.degraded = Degraded::from_verdict(Verdict::Skipped(skip));
        self.pass_over(0, skip, effects);
        self.descend(Held::request(), host, effects);
    }

    /// Whether an operator has said that this region is not to be asked: it, or none, because a configured answer is forced.
    pub(super) fn is_out(&self, region: &Region) -> bool {
        self.mode == Mode::Enforce && (region.is_drained || self.is_forced())
    }

    /// Whether an operator has said that the configured answer is the answer, and there is one for this client.
    pub(super) fn is_forced(&self) -> bool {
        self.route.is_forced_static() && self.has_fixed()
    }

    /// The attempt at the primary by Envoy's own route.
    pub(super) fn by_route(&self) -> Attempt {
        Attempt { timeout: self.route.upstream.primary.timeout, is_whole: self.request.is_whole() }
    }

    pub(super) fn go_to_primary(&mut self, effects: &mut Vec<Effect>) {
        self.attempts = 1;
        self.stage = Stage::Primary;
        let limit = self.route.upstream.primary_limit().filter(|_| self.mode == Mode::Enforce);
        effects.extend(limit.map(Effect::LimitPrimary));
        if self.asks_plainly {
            effects.push(Effect::AskPlainly);
        }
    }

    /// More of the request has come.
    pub(super) fn on_request(&mut self, host: &impl Host, effects: &mut Vec<Effect>) {
        match self.stage {
            Stage::Request if !self.request.is_held() => self.set_out(host.now(), host, effects),
            Stage::Primary if self.message.is_pending() && !self.request.is_growing() => {
                self.is_duplicate(host.now(), host, effects);
            }
            Stage::Held(held, Awaiting::Request) if self.request.is_whole() || self.request.kept().is_err() => {
                self.descend(held, host, effects);
            }
            _ => {}
        }
    }

    /// Of a request that is held by the filter, what has been copied is taken out of Envoy's buffer, which holds less than
    /// what may be kept. A short last piece fits; a long one may not, because Envoy reads on until its buffer is full and
    /// then a little more.
    pub(super) fn take_body(&mut self, size: usize, effects: &mut Vec<Effect>) {
        let most = match &self.stage {
            Stage::Held(held, Awaiting::Request) if held.is_request => 0,
            Stage::Held(held, _) if held.is_request => HELD_MAX,
            _ => return,
        };
        if size > most {
            self.way = Way::ShutAndTaken;
            effects.push(Effect::TakeRequestBody);
        }
    }

    /// Whether the request is held back, and nothing of its body comes.
    pub(super) fn waits_in_vain(&self) -> bool {
        self.request.is_held_in_vain() && matches!(self.stage, Stage::Request)
    }

    /// What should have come at once has not.
    pub(super) fn on_waited(&mut self, impatient_for: Duration, host: &impl Host, effects: &mut Vec<Effect>) {
        if self.waits_in_vain() {
            self.request.let_go();
            self.set_out(host.now(), host, effects);
            if matches!(self.stage, Stage::Primary) {
                effects.push(Effect::ResumeRequest);
            }
            return;
        }
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Held(held, Awaiting::Body(served_by, response)) => {
                self.answer(held, served_by, response, host, effects);
            }
            Stage::Judging(held) => {
                self.stage = Stage::Judging(held);
                self.wait_for_judgement(held, impatient_for, host, effects);
            }
            Stage::Opening(held) => {
                self.stage = Stage::Opening(held);
                self.wait_for_opening(held, impatient_for, host, effects);
            }
            Stage::Held(held, Awaiting::Request) if impatient_for >= self.route.upstream.timeout => {
                self.request.refuse(NotReplayable::Incomplete);
                self.descend(held, host, effects);
            }
            stage => self.stage = stage,
        }
    }
}
