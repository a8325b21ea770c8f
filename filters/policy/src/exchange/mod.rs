//! One HTTP exchange on a protected route, walking down the ladder: events in, effects out.
//!
//! | stage | what it waits for | what ends it |
//! |---|---|---|
//! | `Request` | the end of a request that is held back, before any region is asked | its end: `Primary`, or `Held` where the primary's breaker rejects it |
//! | `Primary` | the primary's answer | one that goes to the client: `Passing` or `Over`; a failed one: `Held` |
//! | `Judging` | the end of a good answer that is held until its body has been judged | a valid one: `Over`; an invalid one: `Held` |
//! | `Opening` | the first event of a stream | it: `Passing`; an end without one: `Held` |
//! | `Passing` | the end of the answer that goes to the client as it comes | its last byte, or the stream's end |
//! | `Held`, awaiting the request | the end of a request that a secondary region is to get | the next rung |
//! | `Held`, awaiting a call | a secondary region | an answer, or the next rung |
//! | `Held`, awaiting the body | the rest of the failed answer, so that it can be replaced in place | an answer |
//! | `Over` | nothing | |
//!
//! What is held is the primary's failed answer or, where the primary was not asked, the request.
//!
//! Choices that the table does not show:
//!
//! * The verdict on a good primary is counted when its answer has ended, not when it began: what breaks off in
//!   mid-body cannot be repaired here, but it must be seen.
//! * A 429 is handed on when no region does better, also past a static response: the client is asked to slow down, and
//!   a made-up answer would hide that.
//! * While an answer is held and a static response stands ready, the failed body is thrown away as it comes; otherwise
//!   it is kept, because it may be the answer in the end, and let go when it grows over [`HELD_MAX`].
//! * A breaker is asked when its region could have the request at once. So one that a slow client is still sending takes
//!   no probe's slot, and shows nothing about the region.
//! * A request that no region has seen may go to any, whatever its method: it is not sent again, but for the first time.
//! * A good answer is kept for later at its end; one that was kept is given before the static response, and never for a 429.
//! * A duplicate is answered before any rung is tried, and counted as no answer of one. The first of a message is done
//!   only when a region's good answer has gone to the client whole; whatever else becomes of it, its retry may go on.
//!
//! `begin` is how it begins, `request` the way to the primary, `primary` what comes of it, `judging` an answer that is
//! judged by what it says, `opening` a stream before its first event, `ladder` the way down from there, `passing` an answer
//! that goes to the client as it comes, `strict` the primary where the filter calls it itself, `breakers` what the circuit
//! breakers are asked and told, `message` what is known of the message that the request is, `answer_copy` the answer that is
//! kept for its duplicates and for later, `last_good` that for later, `drill` what follows some exchanges, `honest` what is
//! said aloud of the rest, `mark` what an answer says of itself.

mod answer_copy;
mod begin;
mod breakers;
mod drill;
mod effect;
mod event;
mod held;
mod honest;
mod judging;
mod ladder;
mod last_good;
mod mark;
mod message;
mod opening;
mod passing;
mod primary;
mod request;
mod strict;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::budget::{Budget, Share};
use crate::config::{Mode, Route};
use crate::degraded_share::DegradedShare;
use crate::envoy_words::{failure_of_broken_off, failure_of_details, is_from_upstream};
use crate::grpc;
use crate::host::Host;
use crate::http::{Response, retry_after};
use crate::replay::{NotReplayable, RequestCopy};
use crate::retry_budget::{Counted, RetryBudget};
use crate::time::Timestamp;
use crate::verdict::{Degraded, Failure, ServedBy, Skip, Verdict};
use answer_copy::AnswerCopy;
use breakers::Asked;
use drill::Drilling;
use held::Held;
use judging::Judging;
use last_good::Question;
use message::Message;

pub use begin::{Arrival, Shares};
pub use effect::{Answer, Call, Effect, Flow, Over, Record};
pub use event::{Event, needs_retry_after};
pub use held::{HELD_MAX, IN_PLACE_MAX};
pub use judging::Fault;
pub(crate) use judging::fault_of_call;
pub(crate) use ladder::given_up_from;
pub use mark::{ATTEMPTS, DEGRADED, NOT_REPLAYABLE, REGION, SERVED_BY};

/// A request that a route protects, from its headers to its answer.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug)]
pub struct Exchange {
    route: Arc<Route>,
    mode: Mode,
    started: Timestamp,
    request: RequestCopy,
    message: Message,
    /// The answer for duplicates and for later, while the primary's passes by.
    answer: AnswerCopy,
    /// By what a kept answer is found.
    question: Question,
    /// Where a drill is to follow.
    drilling: Option<Box<Drilling>>,
    /// Places of the drills that are under way.
    drills: Rc<Budget>,
    is_head: bool,
    /// Whether the client asks for a stream of events.
    wants_events: bool,
    /// Whether it speaks gRPC.
    is_grpc: bool,
    /// Whether the primary's good answer is one.
    is_stream: bool,
    way: Way,
    /// Regions asked so far.
    attempts: u32,
    /// The next secondary region to ask.
    next: usize,
    /// The attempt under way, where its region has a breaker.
    asked: Option<Asked>,
    /// Shadow mode: the primary's breaker would have rejected the request.
    would_reject: bool,
    /// Regions that were passed over before any was asked; one of them may yet be.
    passed_over: Vec<(usize, Skip)>,
    /// When a breaker that rejected the request may let another one through.
    retry_after: Option<Duration>,
    degraded: Option<Degraded>,
    /// The primary's answer, as far as it has come, where it is judged by what it says.
    judging: Option<Judging>,
    /// Whether the primary must not be told that the client reads compressed answers.
    asks_plainly: bool,
    /// Whether what is held must not become the answer, whatever comes.
    is_unfit: bool,
    /// Whether the answer is a good one of a region that the filter has called.
    is_well_answered: bool,
    /// Whether the answer would have been made up, were it not for the bound.
    is_capped: bool,
    /// Whether it has been said that Envoy's own route was in the way.
    is_route_timeout_told: bool,
    /// Which of the route's static answers is for this request: chosen by its headers, which may be forgotten by then.
    fixed: usize,
    /// Why a secondary region was passed over, for the header that says so.
    not_replayable: Option<NotReplayable>,
    /// A 429 that is the answer if no region does better.
    limited: Option<Limited>,
    /// When it says that the client may come again.
    limited_for: Option<Duration>,
    /// The cluster that Envoy's route leads to, where the filter calls the primary itself.
    cluster: Option<String>,
    /// What a primary that the filter called has said of its failure: the answer if there is no other.
    own_failure: Option<(Response, Share)>,
    budget: Rc<RetryBudget>,
    copies: Rc<Budget>,
    degraded_share: Rc<DegradedShare>,
    /// This exchange among those in flight, and its second attempt among those of others.
    counted: (Option<Counted>, Option<Counted>),
    stage: Stage,
}

#[derive(Debug)]
enum Limited {
    /// The primary's, which is held.
    Primary,
    /// That of a region that the filter called.
    Called(usize, Response),
}

#[derive(Debug)]
enum Stage {
    Request,
    Primary,
    Judging(Held),
    Opening(Held),
    Passing {
        verdict: Verdict,
        /// Shadow mode: who would have answered instead, and why.
        would: Option<(ServedBy, Degraded)>,
    },
    Held(Held, Awaiting),
    Over,
}

/// The way of the request to the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Open,
    /// Its breaker said no: the request does not go on.
    Shut,
    /// The same, and what has come of its body was taken out of Envoy's buffer.
    ShutAndTaken,
}

/// What is awaited while something is held.
#[derive(Debug)]
enum Awaiting {
    Request,
    Call(Calling),
    Body(ServedBy, Response),
}

/// A call in flight.
#[derive(Clone, Copy, Debug)]
struct Calling {
    region: usize,
    /// From when on it is Envoy that gives it up.
    until: Timestamp,
}

impl Exchange {
    /// The route that protects this exchange.
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// Whether the request is held back.
    pub const fn holds_request(&self) -> bool {
        !matches!(self.way, Way::Open) || (self.request.is_held() && matches!(self.stage, Stage::Request))
    }

    /// Whether the `size` bytes that Envoy shows of the request's body are of use: if not, they need not be copied out
    /// of the host.
    pub fn wants_request_body(&self, size: usize, end_of_stream: bool) -> bool {
        // While it is held back all of it is shown each time.
        let is_asked = !self.request.is_held() && self.question.is_growing();
        self.request.wants_body(size, end_of_stream) || is_asked
    }

    /// Whether all headers of an answer with this status are of use, besides those that the event has of its own.
    pub fn wants_response_headers(&self, status: Option<u16>) -> bool {
        let is_kept = |status| (Verdict::is_good(status) && self.keeps_answer()) || self.may_keep_good(status);
        let may_stream = |status| Verdict::is_good(status) && (self.wants_events || self.is_grpc);
        let is_wanted = |status| is_kept(status) || self.may_judge(status) || may_stream(status);
        matches!(self.stage, Stage::Primary) && status.is_some_and(is_wanted)
    }

    /// Whether the details and the announced length of an answer with this status decide anything.
    pub const fn needs_details(&self, status: Option<u16>) -> bool {
        self.is_grpc || matches!(status, None | Some(500..))
    }

    /// Whether the bytes that Envoy shows of the answer's body are of use.
    pub fn wants_response_body(&self) -> bool {
        let is_growing = self.answer.is_growing() || self.judging.as_ref().is_some_and(Judging::is_growing);
        is_growing || matches!(self.stage, Stage::Opening(_))
    }

    /// Whether it waits for something that nobody promises, and wants [`Event::Waited`] from time to time: the body of a
    /// request that is held back, the rest of a failed answer that a better one is to replace, the rest of a request whose
    /// primary has failed already, or the end of an answer that is to be judged.
    ///
    /// A body that has begun to come is waited for: Envoy 1.36 loses the rest of a request that a tick lets go in the
    /// middle.
    pub fn is_impatient(&self) -> bool {
        let waits = matches!(
            self.stage,
            Stage::Held(_, Awaiting::Body(..) | Awaiting::Request) | Stage::Judging(_) | Stage::Opening(_)
        );
        waits || self.waits_in_vain()
    }

    /// Whether something is still to be counted: if not, the end of the stream says nothing new.
    pub const fn is_open(&self) -> bool {
        !matches!(self.stage, Stage::Over)
    }

    /// What a call to a region needs.
    pub fn call(&self, region: usize) -> Option<Call<'_>> {
        let (cluster, authority) = match region.checked_sub(1) {
            None => (self.cluster.as_deref()?, None),
            Some(index) => {
                let secondary = self.route.upstream.secondaries.get(index)?;
                (secondary.cluster(), secondary.authority())
            }
        };
        Some(Call { cluster, authority, request: self.request.kept().ok()? })
    }

    /// The body of the request as it was kept; empty where it was not.
    pub fn kept_body(&self) -> &[u8] {
        self.request.kept().map_or(&[], |kept| &kept.body)
    }

    /// Takes an event, and says what to do and what to return to Envoy.
    pub fn on(&mut self, event: Event<'_>, host: &impl Host, effects: &mut Vec<Effect>) -> Flow {
        // A refusal comes while the callback that asked for the call is still being handled.
        if let Stage::Held(held, _) = &mut self.stage
            && !matches!(event, Event::CallRefused)
        {
            held.grow_old();
        }
        match event {
            Event::RequestBody { chunk, size, end_of_stream } => {
                self.request.extend(chunk, size, end_of_stream);
                if !self.request.is_held() {
                    self.question.extend(chunk, size, end_of_stream);
                }
                self.on_request(host, effects);
                self.take_body(size, effects);
                return self.request_flow();
            }
            Event::RequestTrailers => {
                self.request.end_with_trailers();
                self.question.give_up();
                self.on_request(host, effects);
                return self.request_flow();
            }
            Event::ResponseHeaders { status, details, length, retry_after: wait, headers, end_of_stream } => {
                let has_status = self.is_grpc && status.is_some_and(Verdict::is_good);
                let grpc_verdict = if has_status { grpc::verdict(&headers, details) } else { None };
                if let Some(status) = status.filter(|status| self.wants_response_headers(Some(*status))) {
                    self.begin_judging(status, &headers);
                    self.is_stream = self.brings_events(status, &headers);
                    self.begin_copy(status, headers);
                }
                // An answer without a status that can be read is no answer.
                let verdict = grpc_verdict
                    .unwrap_or_else(|| Verdict::of_status(status.unwrap_or(500), || failure_of_details(details)));
                let held = Held::new(!is_from_upstream(details), length, end_of_stream);
                let wait = wait.and_then(|value| retry_after(value, host.now()));
                self.look_for_route_timeout(details, host, effects);
                self.on_response(verdict, held, wait, host, effects);
            }
            Event::ResponseBody { chunk, size, end_of_stream } => {
                self.copy_answer(chunk, size);
                if let Stage::Opening(held) = &mut self.stage {
                    held.add_body(size, end_of_stream);
                    let held = *held;
                    self.on_opening(held, chunk, host, effects);
                    return self.response_flow();
                }
                self.on_body(size, end_of_stream, host, effects);
            }
            Event::ResponseTrailers => {
                // A reply has none.
                self.answer.give_up();
                self.question.see_trailers();
                self.on_trailers(host, effects);
            }
            Event::CallAnswered { headers, body } => {
                if let Some((held, Calling { region, .. })) = self.call_in_flight() {
                    self.judge_call(held, region, headers, body, host, effects);
                }
            }
            Event::CallReset => self.on_call_reset(host, effects),
            Event::CallRefused => {
                self.on_call_failed(Failure::NoHealthyUpstream, host, effects);
                // It comes while a callback is being handled; of a request that does not go to the primary, one of its own.
                if self.way != Way::Open {
                    return self.request_flow();
                }
            }
            Event::Waited { impatient_for } => self.on_waited(impatient_for, host, effects),
            Event::End { details } => self.on_end(details, host, effects),
        }
        self.response_flow()
    }

    const fn response_flow(&self) -> Flow {
        match &self.stage {
            Stage::Held(held, _) if !held.is_request => Flow::Hold,
            Stage::Judging(_) | Stage::Opening(_) => Flow::Hold,
            _ => Flow::Continue,
        }
    }

    fn copy_answer(&mut self, chunk: &[u8], size: usize) {
        if self.answer.is_growing() {
            self.answer.extend(chunk, size);
        }
        if let (Some(judging), Some(output)) = (&mut self.judging, &self.route.output) {
            judging.add(chunk, size, output.max_body());
        }
    }

    const fn request_flow(&self) -> Flow {
        if self.holds_request() { Flow::Hold } else { Flow::Continue }
    }

    /// The stream is gone. What was under way is counted as what it was.
    fn on_end(&mut self, details: &[u8], host: &impl Host, effects: &mut Vec<Effect>) {
        let broken_off = failure_of_broken_off(details);
        if self.is_open() {
            self.look_for_route_timeout(details, host, effects);
        }
        match &self.stage {
            Stage::Over => {}
            Stage::Request | Stage::Primary => {
                let verdict = broken_off.map_or(Verdict::Abandoned, Verdict::Failure);
                record(0, verdict, effects);
                self.hear(verdict, None, host, effects);
                self.respond(ServedBy::Nobody, host, effects);
            }
            Stage::Passing { .. } => self.stop_passing(broken_off, host, effects),
            Stage::Judging(_) | Stage::Opening(_) => {
                let verdict = broken_off.map_or(Verdict::Abandoned, Verdict::Failure);
                record(0, verdict, effects);
                self.degraded = Degraded::from_verdict(verdict);
                self.hear(verdict, None, host, effects);
                let served_by = if broken_off.is_some() { ServedBy::Primary } else { ServedBy::Nobody };
                self.respond(served_by, host, effects);
            }
            Stage::Held(..) => {
                self.give_up_call(host, effects);
                self.tell_passed_over(effects);
                // Envoy may have ended a held answer by itself, past every filter: then its error was the answer.
                let served_by = if broken_off.is_some() { ServedBy::Primary } else { ServedBy::Nobody };
                self.respond(served_by, host, effects);
            }
        }
    }

    /// Counts the answer, after which the exchange is over.
    fn respond(&mut self, served_by: ServedBy, host: &impl Host, effects: &mut Vec<Effect>) {
        self.count_admission(effects);
        self.finish_message(false, None, host);
        self.count_share(served_by, host);
        self.close();
        effects.push(Effect::Record(Record::Response { served_by, degraded: self.degraded }));
    }

    /// Ends the exchange, and gives up what it has.
    fn close(&mut self) {
        self.stage = Stage::Over;
        self.request.forget();
        self.answer.give_up();
        self.judging = None;
        self.own_failure = None;
        self.counted = (None, None);
    }
}

fn record(region: usize, verdict: Verdict, effects: &mut Vec<Effect>) {
    effects.push(Effect::Record(Record::Attempt { region, verdict }));
}
