//! Down the ladder: which rung is next, and how the client is answered.

use std::time::Duration;

use super::mark::Mark;
use super::{Answer, Awaiting, Calling, Effect, Exchange, Held, IN_PLACE_MAX, Limited, Stage, Way, record};
use crate::circuit_breaker::Attempt;
use crate::config::Region;
use crate::envoy_words::failure_of_callout;
use crate::event_stream::framed;
use crate::grpc::{GrpcStatus, UNAVAILABLE, is_status_alone};
use crate::host::Host;
use crate::http::{Headers, Response, retry_after, whole_seconds};
use crate::replay::NotReplayable;
use crate::time::Timestamp;
use crate::verdict::{Degraded, Failure, ServedBy, Skip, Verdict};

/// How much too early a timer of Envoy may be: it counts from the beginning of a round of its worker's event loop, and a
/// busy worker takes some milliseconds for a round.
const TIMER_SLACK: Duration = Duration::from_millis(20);

/// Least time of an attempt that can be told from none.
const LEAST: Duration = Duration::from_millis(5);

/// What a 503 of the filter says to a person who reads it; to gRPC, without the line break and in plain ASCII without `%`.
const REFUSED: &str = "no region may be asked now\n";
const TOO_MANY: &str = "no region gave an answer, and too many answers are made up already\n";
const UNFIT: &str = "no region gave a valid answer\n";
const UNANSWERED: &str = "no region gave an answer\n";

impl Exchange {
    /// Asks the next secondary region that may be asked; when there is none, answers.
    pub(super) fn descend(&mut self, held: Held, host: &impl Host, effects: &mut Vec<Effect>) {
        let route = self.route.clone();
        while let Some(secondary) = route.upstream.secondaries.get(self.next) {
            let now = host.now();
            let (left, attempt) = self.attempt(&secondary.region, now);
            let refused = match self.request.kept() {
                Ok(_) if held.complete && !self.request.is_whole() => Some(NotReplayable::Incomplete),
                kept => kept.err(),
            };
            let skip = if self.is_out(&secondary.region) {
                Err(Skip::Override)
            } else if refused.is_some() {
                self.not_replayable = refused;
                Err(Skip::NotReplayable)
            } else if left < self.least_left() {
                Err(Skip::Deadline)
            } else if !self.request.is_whole() {
                // From here on its callbacks show each piece once: each is kept at once.
                self.request.let_go();
                self.stage = Stage::Held(held, Awaiting::Request);
                return;
            } else {
                self.enter(self.next.saturating_add(1), attempt, now, host, effects)
            };
            self.next = self.next.saturating_add(1);
            match skip {
                Err(skip) => self.pass_over(self.next, skip, effects),
                Ok(()) => return self.call_region(held, self.next, attempt, now, effects),
            }
        }
        self.settle(held, host, effects);
    }

    fn left(&self, now: Timestamp) -> Duration {
        self.route.upstream.timeout.saturating_sub(now.since(self.started))
    }

    /// Least time left of the ladder that is worth an attempt: a twentieth of it, and no more than what a timer may have been
    /// too early.
    fn least_left(&self) -> Duration {
        self.route.upstream.timeout.mul_f64(0.05).clamp(LEAST, TIMER_SLACK)
    }

    /// What is left of the ladder's time, and what a region that is called may have of it.
    pub(super) fn attempt(&self, region: &Region, now: Timestamp) -> (Duration, Attempt) {
        let left = self.left(now);
        // Whole milliseconds, rounded down: never a moment past the deadline.
        let timeout = Duration::from_millis(as_millis(region.timeout.min(left)));
        (left, Attempt { timeout, is_whole: true })
    }

    /// Whether `region` may be asked now: a second attempt only within the budget, and any only past the breaker.
    fn enter(
        &mut self,
        region: usize,
        attempt: Attempt,
        now: Timestamp,
        host: &impl Host,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Skip> {
        if let Some(settings) = self.route.upstream.retry_budget.filter(|_| self.attempts > 0) {
            self.counted.1 = Some(self.budget.retry(settings).ok_or(Skip::Budget)?);
        }
        if self.admit(region, attempt, now, host, effects) {
            return Ok(());
        }
        self.counted.1 = None;
        Err(Skip::BreakerOpen)
    }

    pub(super) fn call_region(
        &mut self,
        held: Held,
        region: usize,
        attempt: Attempt,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        // The primary may be the last resort: if it answers well, nobody else was needed.
        if region > 0 {
            self.tell_passed_over(effects);
        }
        self.attempts = self.attempts.saturating_add(1);
        self.stage = Stage::Held(held, Awaiting::Call(Calling::begin(region, attempt, now)));
        effects.push(Effect::Call { region, timeout: attempt.timeout });
    }

    /// Notes that `region` is not asked; counted at once only where it is sure that it will not be.
    pub(super) fn pass_over(&mut self, region: usize, skip: Skip, effects: &mut Vec<Effect>) {
        if self.attempts == 0 {
            self.passed_over.push((region, skip));
        } else {
            record(region, Verdict::Skipped(skip), effects);
        }
    }

    /// Counts the regions that were passed over.
    pub(super) fn tell_passed_over(&mut self, effects: &mut Vec<Effect>) {
        for (region, skip) in std::mem::take(&mut self.passed_over) {
            record(region, Verdict::Skipped(skip), effects);
        }
    }

    /// The held answer and the callout in flight, if there is one.
    pub(super) const fn call_in_flight(&self) -> Option<(Held, Calling)> {
        match self.stage {
            Stage::Held(held, Awaiting::Call(calling)) => Some((held, calling)),
            _ => None,
        }
    }

    /// A region that was called has answered, or Envoy in its place.
    pub(super) fn judge_call(
        &mut self,
        held: Held,
        region: usize,
        headers: Headers,
        body: Vec<u8>,
        host: &impl Host,
        effects: &mut Vec<Effect>,
    ) {
        let status = headers.status().filter(|status| (200..=599).contains(status));
        let verdict = Verdict::of_status(status.unwrap_or(500), || failure_of_callout(&headers, &body));
        let verdict = match self.fault_of_call(status.unwrap_or(500), &headers, &body) {
            Some(fault) => {
                effects.push(Effect::Tell { region, fault });
                Verdict::Failure(Failure::InvalidOutput)
            }
            None if self.is_silent_stream(&headers, &body) => Verdict::Failure(Failure::Reset),
            None => verdict,
        };
        let wait = match headers.first("retry-after") {
            Some(value) if verdict == Verdict::RateLimited => retry_after(value, host.now()),
            _ => None,
        };
        self.finish_call(region, verdict, wait, host, effects);
        let response = Response::from_callout(status.unwrap_or(500), headers, body, self.is_head);
        if verdict == Verdict::Ok {
            let is_primary = region == 0;
            if is_primary {
                self.look_for_drill(host);
            }
            self.keep_good(&response, host);
            if is_primary {
                self.drill(effects);
            }
        }
        if !self.goes_on(verdict) {
            self.is_well_answered = verdict == Verdict::Ok;
            self.deliver(held, response, ServedBy::region(region), Some(region), host, effects);
            return;
        }
        if verdict == Verdict::RateLimited {
            // The first one's is kept, unless this one says that the client may come sooner.
            let is_sooner = self.limited_for.zip(wait).is_some_and(|(before, wait)| wait < before);
            if self.limited.is_none() || is_sooner {
                (self.limited, self.limited_for) = (Some(Limited::Called(region, response)), wait);
            }
        } else if region == 0 {
            self.keep_own_failure(verdict, response);
        }
        self.descend(held, host, effects);
    }

    /// The callout in flight ended in the middle of its answer: because its time was over, or because it broke off.
    pub(super) fn on_call_reset(&mut self, host: &impl Host, effects: &mut Vec<Effect>) {
        let Some((_, Calling { until, .. })) = self.call_in_flight() else { return };
        let is_late = host.now() >= until;
        self.on_call_failed(if is_late { Failure::Timeout } else { Failure::Reset }, host, effects);
    }

    /// The callout in flight has come to nothing.
    pub(super) fn on_call_failed(&mut self, failure: Failure, host: &impl Host, effects: &mut Vec<Effect>) {
        if let Some((held, Calling { region, .. })) = self.call_in_flight() {
            self.finish_call(region, Verdict::Failure(failure), None, host, effects);
            self.descend(held, host, effects);
        }
    }

    /// A callout whose answer nobody waits for any more.
    pub(super) fn give_up_call(&mut self, host: &impl Host, effects: &mut Vec<Effect>) {
        if let Some((_, Calling { region, .. })) = self.call_in_flight() {
            self.finish_call(region, Verdict::Abandoned, None, host, effects);
        }
    }

    fn finish_call(
        &mut self,
        region: usize,
        verdict: Verdict,
        retry_after: Option<Duration>,
        host: &impl Host,
        effects: &mut Vec<Effect>,
    ) {
        self.counted.1 = None;
        self.request.sent();
        if region == 0 {
            self.degraded = Degraded::from_verdict(verdict);
        }
        record(region, verdict, effects);
        // Its answer has come whole.
        self.hear(verdict, retry_after, host, effects);
        self.hear_the_end(verdict, host, effects);
    }

    /// Whether the held answer of the primary is what the client gets if no region does better.
    pub(super) fn may_be_the_answer(&self) -> bool {
        let is_replaced = self.has_fixed() || self.has_found_good();
        !self.is_unfit && (!is_replaced || matches!(self.limited, Some(Limited::Primary)))
    }

    /// No region has answered: the last rungs.
    fn settle(&mut self, held: Held, host: &impl Host, effects: &mut Vec<Effect>) {
        if self.attempts == 0 && self.resort(held, host, effects) {
            return;
        }
        // A last resort that failed: why nobody else was asked.
        if self.passed_over.iter().any(|(_, skip)| *skip == Skip::NotReplayable) {
            self.not_replayable = self.request.kept().err();
        }
        self.tell_passed_over(effects);
        match self.limited.take() {
            Some(Limited::Primary) => self.release(host, effects),
            Some(Limited::Called(region, response)) => {
                self.deliver(held, response, ServedBy::region(region), Some(region), host, effects);
            }
            None => {
                let is_forced = self.is_forced();
                let last_good = if is_forced { None } else { self.last_good(host) };
                let last_good = last_good.map(|response| (response, ServedBy::LastGood));
                let fixed = || self.fixed().map(|response| (response, ServedBy::Static));
                let is_refused = held.is_request || self.is_unfit;
                let own_failure =
                    || self.own_failure.as_ref().map(|(response, _)| (response.clone(), ServedBy::Primary));
                let refusal = || is_refused.then(|| (self.refusal(), ServedBy::Refusal));
                let made_up = last_good.or_else(fixed);
                if made_up.is_some() && !is_forced && self.is_capped(host) {
                    self.is_capped = true;
                    return self.deliver(held, self.refusal(), ServedBy::Refusal, None, host, effects);
                }
                match made_up.or_else(own_failure).or_else(refusal) {
                    Some((response, served_by)) => {
                        let region = (served_by == ServedBy::Primary).then_some(0);
                        self.deliver(held, response, served_by, region, host, effects);
                    }
                    None => self.release(host, effects),
                }
            }
        }
    }

    /// Whether there is a configured answer.
    pub(super) fn has_fixed(&self) -> bool {
        if self.is_grpc { self.route.grpc().is_some() } else { self.route.has_static() }
    }

    /// The configured answer, in the form that the client asks for.
    fn fixed(&self) -> Option<Response> {
        if self.is_grpc {
            return self.route.grpc().map(GrpcStatus::response);
        }
        let response = self.route.fixed(self.fixed)?.clone();
        Some(if self.wants_events && !self.is_head { framed(response) } else { response })
    }

    /// Every breaker has rejected the request: now and then one is let through all the same.
    fn resort(&mut self, held: Held, host: &impl Host, effects: &mut Vec<Effect>) -> bool {
        let now = host.now();
        if self.left(now) < self.least_left() {
            return false;
        }
        let primary = self.by_route();
        let kept = self.request.kept().err();
        // What was taken out of Envoy's buffer has to be there, and to fit into it; what has not come when time is up never
        // will.
        let is_taken = self.way == Way::ShutAndTaken;
        let may_go_on = match kept {
            Some(reason) => !is_taken && reason != NotReplayable::Incomplete,
            None => !is_taken || self.kept_body().len() <= IN_PLACE_MAX,
        };
        let is_drained = self.is_out(&self.route.upstream.primary);
        if may_go_on && !is_drained && self.admit_last_resort(0, primary, now, host, effects) {
            // That the others were passed over is worth a count only if the primary fails.
            self.passed_over.retain(|(region, _)| *region != 0);
            (self.degraded, self.not_replayable) = (None, None);
            if self.calls_primary() {
                self.call_region(held, 0, self.attempt(&self.route.upstream.primary, now).1, now, effects);
                return true;
            }
            self.count_bypass(effects);
            self.way = Way::Open;
            if is_taken {
                effects.push(Effect::GiveRequestBodyBack);
            }
            self.go_to_primary(effects);
            return true;
        }
        if kept.is_some() || !self.request.is_whole() {
            return false;
        }
        let route = self.route.clone();
        for (index, secondary) in route.upstream.secondaries.iter().enumerate() {
            let (_, attempt) = self.attempt(&secondary.region, now);
            let region = index.saturating_add(1);
            if !self.is_out(&secondary.region) && self.admit_last_resort(region, attempt, now, host, effects) {
                self.passed_over.retain(|(passed_over, _)| *passed_over != region);
                self.call_region(held, region, attempt, now, effects);
                return true;
            }
        }
        false
    }

    /// The filter's own answer where no region may be asked and nothing else stands ready.
    fn refusal(&self) -> Response {
        let text = match self.attempts {
            _ if self.is_capped => TOO_MANY,
            _ if self.is_unfit => UNFIT,
            0 => REFUSED,
            _ => UNANSWERED,
        };
        if self.is_grpc {
            return GrpcStatus { code: UNAVAILABLE, message: text.trim_end().to_owned() }.response();
        }
        let mut headers = Headers::new();
        if let Some(wait) = self.retry_after {
            headers.push("retry-after", whole_seconds(wait).max(1).to_string());
        }
        headers.push("content-type", "text/plain; charset=utf-8");
        Response { status: 503, headers, body: text.into() }
    }

    /// Lets the primary's own answer go, marked.
    pub(super) fn release(&mut self, host: &impl Host, effects: &mut Vec<Effect>) {
        let mark = self.mark(ServedBy::Primary, Some(&self.route.upstream.primary.name));
        effects.push(Effect::Answer(Answer::Release(mark)));
        self.respond(ServedBy::Primary, host, effects);
    }

    /// Answers with `response`: in place of the held answer where that can be, else by a reply of the filter's own.
    fn deliver(
        &mut self,
        held: Held,
        mut response: Response,
        served_by: ServedBy,
        region: Option<usize>,
        host: &impl Host,
        effects: &mut Vec<Effect>,
    ) {
        let is_plain = served_by == ServedBy::Primary && self.degraded.is_none();
        let region = region.and_then(|index| self.route.upstream.regions().nth(index));
        let mut headers = if is_plain { Headers::new() } else { self.mark(served_by, region.map(Region::name)) };
        // A region that is degraded itself says so below us: nearest first, as with `via`.
        headers.append(response.headers);
        response.headers = headers;
        if held.body_is_due() && !self.is_head {
            self.stage = Stage::Held(held, Awaiting::Body(served_by, response));
        } else {
            self.answer(held, served_by, response, host, effects);
        }
    }

    /// Answers with a `response` that is marked already.
    pub(super) fn answer(
        &mut self,
        held: Held,
        served_by: ServedBy,
        mut response: Response,
        host: &impl Host,
        effects: &mut Vec<Effect>,
    ) {
        if self.is_well_answered {
            self.finish_message(true, Some(&response), host);
        }
        let has_no_body = self.is_head || (!held.over.body && response.body.is_empty());
        let takes_body = held.over.body && response.may_have_body() && response.body.len() <= IN_PLACE_MAX;
        // A status alone has nothing behind it, not even an empty body.
        let is_status_alone = self.is_grpc && is_status_alone(&response);
        let answer = if held.complete && (has_no_body || (takes_body && !is_status_alone)) {
            if !is_status_alone {
                response.announce_length();
            }
            Answer::Replace { response, over: held.over }
        } else {
            Answer::Reply(response)
        };
        effects.push(Effect::Answer(answer));
        self.respond(served_by, host, effects);
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

impl Calling {
    fn begin(region: usize, attempt: Attempt, now: Timestamp) -> Self {
        Self { region, until: given_up_from(now, attempt.timeout) }
    }
}

/// From when on it is Envoy that has given a call up, where its answer breaks off: nothing else tells.
pub(crate) fn given_up_from(begun: Timestamp, timeout: Duration) -> Timestamp {
    begun.after(timeout.saturating_sub(TIMER_SLACK.min(timeout.mul_f64(0.25))))
}

fn as_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
