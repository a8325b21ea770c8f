//! Down the ladder: which rung is next, and how the client is answered.

use std::time::Duration;

use super::mark::Mark;
use super::{Answer, Awaiting, Effect, Exchange, Held, IN_PLACE_MAX, Limited, Stage, record};
use crate::envoy_words::failure_of_callout;
use crate::http::{Headers, Response};
use crate::replay::NotReplayable;
use crate::time::Clock;
use crate::verdict::{Failure, ServedBy, Skip, Verdict};

/// Least time left of the ladder that is worth an attempt: Envoy's timers are exact to about a millisecond, and no
/// region answers in the rest.
const LEAST_LEFT: Duration = Duration::from_millis(5);

impl Exchange {
    /// Asks the next secondary region that may be asked; when there is none, answers.
    pub(super) fn descend(&mut self, held: Held, clock: &impl Clock, effects: &mut Vec<Effect>) {
        while let Some(secondary) = self.route.upstream.secondaries.get(self.next) {
            let left = self.left(clock);
            // Whole milliseconds, rounded down: never a moment past the deadline.
            let timeout = Duration::from_millis(as_millis(secondary.region.timeout.min(left)));
            let refused = match self.request.kept() {
                Ok(_) if held.complete && !self.request.is_whole() => Some(NotReplayable::Incomplete),
                kept => kept.err(),
            };
            let skip = if refused.is_some() {
                self.not_replayable = refused;
                Some(Skip::NotReplayable)
            } else {
                (left < LEAST_LEFT).then_some(Skip::Deadline)
            };
            if skip.is_none() && !self.request.is_whole() {
                // From here on its callbacks say "continue", so Envoy shows each piece once: each is kept at once.
                self.request.let_go();
                self.stage = Stage::Held(held, Awaiting::Request);
                return;
            }
            let index = self.next;
            self.next = self.next.saturating_add(1);
            if let Some(skip) = skip {
                record(self.next, Verdict::Skipped(skip), effects);
                continue;
            }
            self.attempts = self.attempts.saturating_add(1);
            self.stage = Stage::Held(held, Awaiting::Call(index));
            effects.push(Effect::Call { secondary: index, timeout });
            return;
        }
        self.settle(held, effects);
    }

    /// What is left of the ladder's time.
    fn left(&self, clock: &impl Clock) -> Duration {
        self.route.upstream.timeout.saturating_sub(clock.now().since(self.started))
    }

    /// Whom shadow mode would have turned to after `verdict`; what it would have passed over is counted.
    pub(super) fn would(&mut self, verdict: Verdict, effects: &mut Vec<Effect>) -> Option<ServedBy> {
        if !self.goes_on(verdict) {
            return None;
        }
        let regions = self.route.upstream.secondaries.len();
        if self.request.kept().is_ok() && regions > 0 {
            return Some(ServedBy::WouldSecondary);
        }
        for region in 1..=regions {
            record(region, Verdict::Skipped(Skip::NotReplayable), effects);
        }
        let would_static = self.route.fail_open.is_some() && verdict != Verdict::RateLimited;
        would_static.then_some(ServedBy::WouldStatic)
    }

    /// The held answer and the region of the callout in flight, if there is one.
    pub(super) const fn call_in_flight(&self) -> Option<(Held, usize)> {
        match self.stage {
            Stage::Held(held, Awaiting::Call(secondary)) => Some((held, secondary)),
            _ => None,
        }
    }

    /// A secondary region has answered, or Envoy in its place.
    pub(super) fn judge_call(
        &mut self,
        held: Held,
        secondary: usize,
        headers: Headers,
        body: Vec<u8>,
        clock: &impl Clock,
        effects: &mut Vec<Effect>,
    ) {
        let status = headers.status().filter(|status| (200..=599).contains(status));
        let verdict = Verdict::of_status(status.unwrap_or(500), || failure_of_callout(&headers, &body));
        record(secondary.saturating_add(1), verdict, effects);
        let response = Response::from_callout(status.unwrap_or(500), headers, body, self.is_head);
        if !self.goes_on(verdict) {
            self.deliver(held, response, ServedBy::Secondary, Some(secondary), effects);
            return;
        }
        if verdict == Verdict::RateLimited && self.limited.is_none() {
            self.limited = Some(Limited::Secondary(secondary, response));
        }
        self.descend(held, clock, effects);
    }

    /// The callout in flight has come to nothing.
    pub(super) fn on_call_failed(&mut self, failure: Failure, clock: &impl Clock, effects: &mut Vec<Effect>) {
        if let Some((held, secondary)) = self.call_in_flight() {
            record(secondary.saturating_add(1), Verdict::Failure(failure), effects);
            self.descend(held, clock, effects);
        }
    }

    /// Whether the held answer of the primary is what the client gets if no region does better.
    pub(super) fn may_be_the_answer(&self) -> bool {
        self.route.fail_open.is_none() || matches!(self.limited, Some(Limited::Primary))
    }

    /// No region has answered: the last rungs.
    fn settle(&mut self, held: Held, effects: &mut Vec<Effect>) {
        match self.limited.take() {
            Some(Limited::Primary) => self.release(effects),
            Some(Limited::Secondary(secondary, response)) => {
                self.deliver(held, response, ServedBy::Secondary, Some(secondary), effects);
            }
            None => match &self.route.fail_open {
                Some(fail_open) => {
                    let response = fail_open.fixed.clone();
                    self.deliver(held, response, ServedBy::Static, None, effects);
                }
                None => self.release(effects),
            },
        }
    }

    /// Lets the primary's own answer go, marked.
    pub(super) fn release(&mut self, effects: &mut Vec<Effect>) {
        let mark = self.mark(ServedBy::Primary, Some(&self.route.upstream.primary.name));
        effects.push(Effect::Answer(Answer::Release(mark)));
        self.respond(ServedBy::Primary, effects);
    }

    /// Answers with `response`: in place of the held answer where that can be, else by a reply of the filter's own.
    fn deliver(
        &mut self,
        held: Held,
        mut response: Response,
        served_by: ServedBy,
        secondary: Option<usize>,
        effects: &mut Vec<Effect>,
    ) {
        let region = secondary.and_then(|index| self.route.upstream.secondaries.get(index));
        let mut headers = self.mark(served_by, region.map(|it| it.region.name.as_str()));
        // A region that is degraded itself says so below us: nearest first, as with `via`.
        headers.append(response.headers);
        response.headers = headers;
        if held.body_is_due() && !self.is_head {
            self.stage = Stage::Held(held, Awaiting::Body(served_by, response));
        } else {
            self.answer(held, served_by, response, effects);
        }
    }

    /// Answers with a `response` that is marked already.
    pub(super) fn answer(
        &mut self,
        held: Held,
        served_by: ServedBy,
        mut response: Response,
        effects: &mut Vec<Effect>,
    ) {
        let has_no_body = self.is_head || (!held.over.body && response.body.is_empty());
        let takes_body = held.over.body && response.may_have_body() && response.body.len() <= IN_PLACE_MAX;
        let answer = if held.complete && (has_no_body || takes_body) {
            response.announce_length();
            Answer::Replace { response, over: held.over }
        } else {
            Answer::Reply(response)
        };
        effects.push(Effect::Answer(answer));
        self.respond(served_by, effects);
    }

    fn mark(&self, served_by: ServedBy, region: Option<&str>) -> Headers {
        Mark {
            served_by,
            region,
            degraded: self.degraded,
            attempts: self.attempts,
            not_replayable: self.not_replayable,
        }
        .headers()
    }
}

fn as_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
