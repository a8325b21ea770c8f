//! What Envoy's own route brings of the primary's answer, callback by callback.

use std::time::Duration;

use super::{Awaiting, Effect, Exchange, HELD_MAX, Held, Limited, Stage, record};
use crate::config::Mode;
use crate::host::Host;
use crate::verdict::{Degraded, ServedBy, Verdict};

impl Exchange {
    pub(super) fn on_response(
        &mut self,
        verdict: Verdict,
        held: Held,
        retry_after: Option<Duration>,
        host: &impl Host,
        effects: &mut Vec<Effect>,
    ) {
        match &self.stage {
            Stage::Request | Stage::Primary => self.on_primary(verdict, held, retry_after, host, effects),
            // Envoy has answered by itself, and nobody else will.
            Stage::Held(held, _) if held.is_request => {
                self.give_up_call(host, effects);
                self.tell_passed_over(effects);
                self.respond(ServedBy::Primary, host, effects);
            }
            Stage::Held(..) | Stage::Judging(_) | Stage::Opening(_) | Stage::Passing { .. } | Stage::Over => {}
        }
    }

    /// The primary's answer begins, or Envoy's in its place.
    fn on_primary(
        &mut self,
        verdict: Verdict,
        held: Held,
        retry_after: Option<Duration>,
        host: &impl Host,
        effects: &mut Vec<Effect>,
    ) {
        if !self.would_reject {
            self.request.sent();
        }
        self.attempts = self.attempts.max(1);
        self.degraded = Degraded::from_verdict(verdict);
        self.hear(verdict, retry_after, host, effects);
        if verdict == Verdict::Ok {
            self.look_for_drill(host);
        }
        if self.holds_for_judgement(verdict) {
            self.stage = Stage::Judging(held);
            self.on_judged_body(0, host, effects);
        } else if self.is_opening(verdict) {
            self.on_opening(held, &[], host, effects);
        } else if self.mode == Mode::Shadow {
            let would = self.would(verdict, host, effects);
            self.pass(verdict, would, held.complete, host, effects);
        } else if self.degraded.is_none() {
            self.pass(verdict, None, held.complete, host, effects);
        } else {
            record(0, verdict, effects);
            if verdict == Verdict::RateLimited {
                (self.limited, self.limited_for) = (Some(Limited::Primary), retry_after);
            }
            if self.goes_on(verdict) {
                self.descend(held, host, effects);
            } else {
                self.release(host, effects);
            }
        }
    }

    /// Whether the next rung is to be tried after `verdict`.
    pub(super) fn goes_on(&self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Failure(failure) => self.route.upstream.fails_on(failure),
            Verdict::RateLimited => true,
            Verdict::Ok | Verdict::ClientError | Verdict::Skipped(_) | Verdict::Abandoned => false,
        }
    }

    /// More of the primary's answer has come.
    pub(super) fn on_body(&mut self, size: usize, end_of_stream: bool, host: &impl Host, effects: &mut Vec<Effect>) {
        match &mut self.stage {
            Stage::Passing { .. } if end_of_stream => self.finish_passing(None, host, effects),
            Stage::Passing { .. } => self.hear_while_passing(host, effects),
            Stage::Judging(held) => {
                held.add_body(size, end_of_stream);
                self.on_judged_body(size, host, effects);
            }
            Stage::Held(held, _) => {
                held.add_body(size, end_of_stream);
                self.on_held(size, host, effects);
            }
            Stage::Request | Stage::Primary | Stage::Opening(_) | Stage::Over => {}
        }
    }

    pub(super) fn on_trailers(&mut self, host: &impl Host, effects: &mut Vec<Effect>) {
        match &mut self.stage {
            Stage::Passing { .. } => self.finish_passing(None, host, effects),
            Stage::Judging(held) => {
                held.add_trailers();
                self.on_judged_body(0, host, effects);
            }
            Stage::Opening(held) => {
                held.add_trailers();
                let held = *held;
                self.on_opening(held, &[], host, effects);
            }
            Stage::Held(held, _) => {
                held.add_trailers();
                self.on_held(0, host, effects);
            }
            Stage::Request | Stage::Primary | Stage::Over => {}
        }
    }

    /// More of a held answer has come, of which Envoy now keeps `size` bytes.
    fn on_held(&mut self, size: usize, host: &impl Host, effects: &mut Vec<Effect>) {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Held(held, Awaiting::Body(served_by, response)) if held.complete => {
                return self.answer(held, served_by, response, host, effects);
            }
            // With the end of the answer Envoy stops reading the request: its end will not come.
            Stage::Held(held, Awaiting::Request) if held.complete => return self.descend(held, host, effects),
            stage => self.stage = stage,
        }
        if !self.may_be_the_answer() {
            if size > 0 {
                effects.push(Effect::DiscardBody);
            }
        } else if size > HELD_MAX && self.last_good_stands_in(host) {
            effects.push(Effect::DiscardBody);
        } else if size > HELD_MAX {
            self.give_up_call(host, effects);
            self.release(host, effects);
        }
    }
}
