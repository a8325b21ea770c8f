//! One HTTP exchange on a protected route, walking down the ladder: events in, effects out.
//!
//! | stage | what it waits for | what ends it |
//! |---|---|---|
//! | `Primary` | the primary's answer | one that goes to the client: `Passing` or `Over`; a failed one: `Held` |
//! | `Passing` | the end of the answer that goes to the client as it comes | its last byte, or the stream's end |
//! | `Held`, awaiting the request | the end of a request that a secondary region is to get | the next rung |
//! | `Held`, awaiting a call | a secondary region | an answer, or the next rung |
//! | `Held`, awaiting the body | the rest of the failed answer, so that it can be replaced in place | an answer |
//! | `Over` | nothing | |
//!
//! Choices that the table does not show:
//!
//! * The verdict on a good primary is counted when its answer has ended, not when it began: what breaks off in
//!   mid-body cannot be repaired here, but it must be seen.
//! * A 429 is handed on when no region does better, also past a static response: the client is asked to slow down, and
//!   a made-up answer would hide that.
//! * While an answer is held and a static response stands ready, the failed body is thrown away as it comes; otherwise
//!   it is kept, because it may be the answer in the end, and let go when it grows over [`HELD_MAX`].

mod effect;
mod event;
mod held;
mod ladder;
mod mark;

use std::sync::Arc;
use std::time::Duration;

use crate::budget::Share;
use crate::config::{Mode, Route, Secondary};
use crate::envoy_words::{failure_of_broken_off, failure_of_details, is_from_upstream};
use crate::http::{Headers, Response};
use crate::replay::{Kept, NotReplayable, RequestCopy};
use crate::time::{Clock, Timestamp};
use crate::verdict::{Degraded, Failure, ServedBy, Verdict};
use held::Held;

pub use effect::{Answer, Effect, Flow, Over, Record};
pub use event::{Event, needs_details};
pub use held::{HELD_MAX, IN_PLACE_MAX};
pub use mark::{ATTEMPTS, DEGRADED, NOT_REPLAYABLE, REGION, SERVED_BY};

/// A request that a route protects, from its headers to its answer.
#[derive(Debug)]
pub struct Exchange {
    route: Arc<Route>,
    mode: Mode,
    started: Timestamp,
    request: RequestCopy,
    is_head: bool,
    /// Regions asked so far.
    attempts: u32,
    /// The next secondary region to ask.
    next: usize,
    degraded: Option<Degraded>,
    /// Why a secondary region was passed over, for the header that says so.
    not_replayable: Option<NotReplayable>,
    /// A 429 that is the answer if no region does better.
    limited: Option<Limited>,
    stage: Stage,
}

#[derive(Debug)]
enum Limited {
    /// The primary's, which is held.
    Primary,
    /// That of a secondary region.
    Secondary(usize, Response),
}

#[derive(Debug)]
enum Stage {
    Primary,
    Passing { verdict: Verdict, would: Option<ServedBy> },
    Held(Held, Awaiting),
    Over,
}

/// What a held answer waits for.
#[derive(Debug)]
enum Awaiting {
    Request,
    Call(usize),
    Body(ServedBy, Response),
}

impl Exchange {
    /// Begins an exchange with the request's headers, whose copy takes a `share` of the worker's memory.
    pub fn begin(
        route: Arc<Route>,
        mode: Mode,
        now: Timestamp,
        headers: Headers,
        end_of_stream: bool,
        share: Share,
        effects: &mut Vec<Effect>,
    ) -> Self {
        if mode == Mode::Enforce {
            effects.push(Effect::LimitPrimary(route.upstream.primary.timeout));
        }
        let is_head = headers.first(":method") == Some(b"HEAD");
        let mut request = RequestCopy::begin(&route.upstream.replay, headers, end_of_stream, share);
        if mode == Mode::Shadow || route.upstream.secondaries.is_empty() {
            request = request.without_hold();
        }
        Self {
            route,
            mode,
            started: now,
            request,
            is_head,
            attempts: 1,
            next: 0,
            degraded: None,
            not_replayable: None,
            limited: None,
            stage: Stage::Primary,
        }
    }

    /// The route that protects this exchange.
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// Whether the request is held back until it is whole.
    pub const fn holds_request(&self) -> bool {
        self.request.is_held() && matches!(self.stage, Stage::Primary)
    }

    /// Whether the `size` bytes that Envoy shows of the request's body are of use: if not, they need not be copied out
    /// of the host.
    pub const fn wants_request_body(&self, size: usize, end_of_stream: bool) -> bool {
        self.request.wants_body(size, end_of_stream)
    }

    /// Whether it waits for something that nobody promises, and wants [`Event::Waited`] from time to time: the body of a
    /// request that is held back, the rest of a failed answer that a better one is to replace, or the rest of a request
    /// whose primary has failed already.
    ///
    /// A body that has begun to come is waited for: Envoy 1.36 loses the rest of a request that a tick lets go in the
    /// middle.
    pub fn is_impatient(&self) -> bool {
        self.waits_in_vain() || matches!(self.stage, Stage::Held(_, Awaiting::Body(..) | Awaiting::Request))
    }

    fn waits_in_vain(&self) -> bool {
        self.request.is_held_in_vain() && matches!(self.stage, Stage::Primary)
    }

    /// Whether something is still to be counted: if not, the end of the stream says nothing new.
    pub const fn is_open(&self) -> bool {
        !matches!(self.stage, Stage::Over)
    }

    /// What a call to a secondary region needs: the region, and the request as it was kept.
    pub fn call(&self, secondary: usize) -> Option<(&Secondary, &Kept)> {
        Some((self.route.upstream.secondaries.get(secondary)?, self.request.kept().ok()?))
    }

    /// Takes an event, and says what to do and what to return to Envoy.
    pub fn on(&mut self, event: Event<'_>, clock: &impl Clock, effects: &mut Vec<Effect>) -> Flow {
        // A refusal comes while the callback that asked for the call is still being handled.
        if let Stage::Held(held, _) = &mut self.stage
            && !matches!(event, Event::CallRefused)
        {
            held.grow_old();
        }
        match event {
            Event::RequestBody { chunk, size, end_of_stream } => {
                self.request.extend(chunk, size, end_of_stream);
                self.on_request(clock, effects);
                return self.request_flow();
            }
            Event::RequestTrailers => {
                self.request.end_with_trailers();
                self.on_request(clock, effects);
                return self.request_flow();
            }
            Event::ResponseHeaders { status, details, length, end_of_stream } => {
                if matches!(self.stage, Stage::Primary) {
                    // An answer without a status that can be read is no answer.
                    let verdict = Verdict::of_status(status.unwrap_or(500), || failure_of_details(details));
                    let held = Held::new(!is_from_upstream(details), length, end_of_stream);
                    self.on_primary(verdict, held, clock, effects);
                }
            }
            Event::ResponseBody { size, end_of_stream } => self.on_body(size, end_of_stream, clock, effects),
            Event::ResponseTrailers => self.on_trailers(clock, effects),
            Event::CallAnswered { headers, body } => {
                if let Some((held, secondary)) = self.call_in_flight() {
                    self.judge_call(held, secondary, headers, body, clock, effects);
                }
            }
            Event::CallReset => self.on_call_failed(Failure::Reset, clock, effects),
            Event::CallRefused => self.on_call_failed(Failure::NoHealthyUpstream, clock, effects),
            Event::Waited { impatient_for } => self.on_waited(impatient_for, clock, effects),
            Event::End { details } => self.on_end(details, effects),
        }
        match self.stage {
            Stage::Held(..) => Flow::Hold,
            Stage::Primary | Stage::Passing { .. } | Stage::Over => Flow::Continue,
        }
    }

    const fn request_flow(&self) -> Flow {
        if self.holds_request() { Flow::Hold } else { Flow::Continue }
    }

    /// What should have come at once has not.
    fn on_waited(&mut self, impatient_for: Duration, clock: &impl Clock, effects: &mut Vec<Effect>) {
        if self.waits_in_vain() {
            self.request.let_go();
            effects.push(Effect::ResumeRequest);
        }
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Held(held, Awaiting::Body(served_by, response)) => self.answer(held, served_by, response, effects),
            Stage::Held(held, Awaiting::Request) if impatient_for >= self.route.upstream.timeout => {
                self.request.refuse(NotReplayable::Incomplete);
                self.descend(held, clock, effects);
            }
            stage => self.stage = stage,
        }
    }

    /// More of the request has come: an answer that is held for its end goes down the ladder.
    fn on_request(&mut self, clock: &impl Clock, effects: &mut Vec<Effect>) {
        if let Stage::Held(held, Awaiting::Request) = self.stage
            && (self.request.is_whole() || self.request.kept().is_err())
        {
            self.descend(held, clock, effects);
        }
    }

    /// The primary's answer begins.
    fn on_primary(&mut self, verdict: Verdict, held: Held, clock: &impl Clock, effects: &mut Vec<Effect>) {
        self.degraded = Degraded::from_verdict(verdict);
        if self.mode == Mode::Shadow {
            let would = self.would(verdict, effects);
            self.pass(verdict, would, held.complete, effects);
        } else if self.degraded.is_none() {
            self.pass(verdict, None, held.complete, effects);
        } else {
            record(0, verdict, effects);
            if verdict == Verdict::RateLimited {
                self.limited = Some(Limited::Primary);
            }
            if self.goes_on(verdict) {
                self.descend(held, clock, effects);
            } else {
                self.release(effects);
            }
        }
    }

    /// Whether the next rung is to be tried after `verdict`.
    fn goes_on(&self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Failure(failure) => self.route.upstream.fails_on(failure),
            Verdict::RateLimited => true,
            Verdict::Ok | Verdict::ClientError | Verdict::Skipped(_) | Verdict::Abandoned => false,
        }
    }

    /// Lets the primary's answer go to the client as it comes.
    fn pass(&mut self, verdict: Verdict, would: Option<ServedBy>, is_whole: bool, effects: &mut Vec<Effect>) {
        self.stage = Stage::Passing { verdict, would };
        self.request.forget();
        if is_whole {
            self.finish_passing(None, effects);
        }
    }

    /// The answer that went to the client as it came has ended; `broken_off` says how, if too early.
    fn finish_passing(&mut self, broken_off: Option<Failure>, effects: &mut Vec<Effect>) {
        let Stage::Passing { verdict, would } = self.stage else { return };
        let verdict = broken_off.map_or(verdict, Verdict::Failure);
        self.degraded = self.degraded.or(Degraded::from_verdict(verdict));
        record(0, verdict, effects);
        if let Some(would) = would {
            self.respond(would, effects);
        }
        self.respond(ServedBy::Primary, effects);
    }

    /// More of the primary's answer has come.
    fn on_body(&mut self, size: usize, end_of_stream: bool, clock: &impl Clock, effects: &mut Vec<Effect>) {
        match &mut self.stage {
            Stage::Passing { .. } if end_of_stream => self.finish_passing(None, effects),
            Stage::Held(held, _) => {
                held.add_body(size, end_of_stream);
                self.on_held(size, clock, effects);
            }
            Stage::Passing { .. } | Stage::Primary | Stage::Over => {}
        }
    }

    fn on_trailers(&mut self, clock: &impl Clock, effects: &mut Vec<Effect>) {
        match &mut self.stage {
            Stage::Passing { .. } => self.finish_passing(None, effects),
            Stage::Held(held, _) => {
                held.add_trailers();
                self.on_held(0, clock, effects);
            }
            Stage::Primary | Stage::Over => {}
        }
    }

    /// More of a held answer has come, of which Envoy now keeps `size` bytes.
    fn on_held(&mut self, size: usize, clock: &impl Clock, effects: &mut Vec<Effect>) {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Held(held, Awaiting::Body(served_by, response)) if held.complete => {
                return self.answer(held, served_by, response, effects);
            }
            // With the end of the answer Envoy stops reading the request: its end will not come.
            Stage::Held(held, Awaiting::Request) if held.complete => return self.descend(held, clock, effects),
            stage => self.stage = stage,
        }
        if !self.may_be_the_answer() {
            if size > 0 {
                effects.push(Effect::DiscardBody);
            }
        } else if size > HELD_MAX {
            self.record_abandoned_call(effects);
            self.release(effects);
        }
    }

    /// The stream is gone. What was under way is counted as what it was.
    fn on_end(&mut self, details: &[u8], effects: &mut Vec<Effect>) {
        let broken_off = failure_of_broken_off(details);
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Over => {}
            Stage::Primary => {
                record(0, broken_off.map_or(Verdict::Abandoned, Verdict::Failure), effects);
                self.respond(ServedBy::Nobody, effects);
            }
            passing @ Stage::Passing { .. } if broken_off.is_some() => {
                self.stage = passing;
                self.finish_passing(broken_off, effects);
            }
            Stage::Passing { verdict, would } => {
                record(0, verdict, effects);
                if let Some(would) = would {
                    self.respond(would, effects);
                }
                self.respond(ServedBy::Nobody, effects);
            }
            held @ Stage::Held(..) => {
                self.stage = held;
                self.record_abandoned_call(effects);
                // Envoy may have ended a held answer by itself, past every filter: then its error was the answer.
                let served_by = if broken_off.is_some() { ServedBy::Primary } else { ServedBy::Nobody };
                self.respond(served_by, effects);
            }
        }
    }

    /// A callout whose answer nobody waits for any more.
    fn record_abandoned_call(&self, effects: &mut Vec<Effect>) {
        if let Some((_, secondary)) = self.call_in_flight() {
            record(secondary.saturating_add(1), Verdict::Abandoned, effects);
        }
    }

    /// Counts the answer, after which the exchange is over.
    fn respond(&mut self, served_by: ServedBy, effects: &mut Vec<Effect>) {
        self.stage = Stage::Over;
        self.request.forget();
        effects.push(Effect::Record(Record::Response { served_by, degraded: self.degraded }));
    }
}

fn record(region: usize, verdict: Verdict, effects: &mut Vec<Effect>) {
    effects.push(Effect::Record(Record::Attempt { region, verdict }));
}
