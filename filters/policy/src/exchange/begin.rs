//! How an exchange begins: with the headers of its request, and what it shares with others.

use std::rc::Rc;
use std::sync::Arc;

use super::answer_copy::AnswerCopy;
use super::drill::Drilling;
use super::last_good::{Question, Salts};
use super::message::Message;
use super::{Effect, Exchange, Stage, Way, judging};
use crate::admission::Decision;
use crate::budget::{Budget, Share};
use crate::config::{Mode, Route};
use crate::degraded_share::DegradedShare;
use crate::event_stream;
use crate::grpc;
use crate::host::Host;
use crate::http::Headers;
use crate::replay::{NotReplayable, RequestCopy, Use};
use crate::retry_budget::RetryBudget;
use crate::time::Timestamp;

/// What an exchange shares with the others of its worker.
#[derive(Debug)]
pub struct Shares {
    /// Memory for copies of requests and answers.
    pub copies: Rc<Budget>,
    /// Places for drills, [`crate::drill::MOST`] of them.
    pub drills: Rc<Budget>,
    /// What is under way on its route.
    pub retries: Rc<RetryBudget>,
    /// The answers of its route.
    pub answers: Rc<DegradedShare>,
    /// [`Salt::Places`](crate::salt::Salt::Places).
    pub salt: u64,
    /// [`Salt::Bodies`](crate::salt::Salt::Bodies).
    pub bodies_salt: u64,
}

/// A request as it comes.
#[derive(Debug)]
pub struct Arrival {
    /// When.
    pub now: Timestamp,
    /// With pseudo-headers.
    pub headers: Headers,
    /// Whether that is all of it.
    pub end_of_stream: bool,
    /// What isolation and limits have decided, where they were asked. It has let the request in, and is counted when it
    /// is known whether the request is a duplicate.
    pub decision: Option<Decision>,
    /// The Envoy cluster that the route of the request leads to, if any; needed only where [`Upstream::is_strict`] says so.
    ///
    /// [`Upstream::is_strict`]: crate::config::Upstream::is_strict
    pub cluster: Option<String>,
}

impl Exchange {
    /// Begins an exchange with the headers of its request.
    pub fn begin(
        route: Arc<Route>,
        mode: Mode,
        arrival: Arrival,
        shares: Shares,
        host: &impl Host,
        effects: &mut Vec<Effect>,
    ) -> Self {
        let Arrival { now, mut headers, end_of_stream, decision, cluster } = arrival;
        let asks_plainly = mode == Mode::Enforce && judging::ask_plainly(&route, &mut headers);
        let is_head = headers.first(":method") == Some(b"HEAD");
        let fixed = route.choose_fixed(&headers);
        let wants_events = event_stream::is_wanted(&headers);
        let is_grpc = grpc::is_request(&headers);
        // Of neither a call brings what the client waits for.
        let is_live = wants_events || is_grpc;
        let message = Message::new(&route, decision, &headers, end_of_stream, shares.salt);
        let cluster = cluster.filter(|_| mode == Mode::Enforce && route.upstream.is_strict() && !is_live);
        let salts = Salts { place: shares.salt, bodies: shares.bodies_salt };
        let question =
            if is_live { Question::default() } else { Question::new(&route, &headers, end_of_stream, salts) };
        let drilling = Drilling::draw(&route, mode, &headers, host);
        // What its body is to say has to be there before anybody answers: from then on Envoy reads no more of it.
        let is_awaited = message.is_pending() || question.is_growing();
        let has_fixed = if is_grpc { route.grpc().is_some() } else { route.has_static() };
        let is_out = route.upstream.primary.is_drained || (route.is_forced_static() && has_fixed);
        let usage = usage(&route, is_awaited, cluster.is_some(), is_out);
        let mut this = Self {
            mode,
            started: now,
            request: keep(&route, mode, headers, end_of_stream, Share::of(shares.copies.clone()), usage),
            message,
            answer: AnswerCopy::new(Share::of(shares.copies.clone())),
            question,
            drilling,
            drills: shares.drills,
            is_head,
            wants_events,
            is_grpc,
            is_stream: false,
            way: Way::Open,
            attempts: 0,
            next: 0,
            asked: None,
            would_reject: false,
            passed_over: Vec::new(),
            retry_after: None,
            degraded: None,
            not_replayable: None,
            limited: None,
            limited_for: None,
            cluster,
            own_failure: None,
            counted: (route.upstream.retry_budget.map(|_| shares.retries.begin()), None),
            judging: None,
            asks_plainly,
            is_unfit: false,
            is_well_answered: false,
            is_capped: false,
            is_route_timeout_told: false,
            fixed,
            budget: shares.retries,
            copies: shares.copies,
            degraded_share: shares.answers,
            stage: Stage::Request,
            route,
        };
        if is_grpc {
            // It may go on for as long as its answer, and the answer to a call has no trailers.
            this.request.let_go();
            this.request.refuse(NotReplayable::Grpc);
        }
        if !this.message.is_pending() {
            this.count_admission(effects);
        }
        if !this.request.is_held() {
            this.set_out(now, host, effects);
        }
        this
    }
}

/// What a copy of the request is for.
const fn usage(route: &Route, is_awaited: bool, is_called: bool, is_out: bool) -> Use {
    match route.upstream.primary.breaker {
        _ if is_called => Use::Call,
        // Its body may tell whether it is a duplicate, or which answer was given to it before; and Envoy closes the
        // connection of whoever is answered before his request has come to its end, which one who sends everything many
        // times should not pay each time.
        _ if is_awaited => Use::Judge,
        _ if is_out => Use::PassOver,
        Some(_) => Use::PassOver,
        None => Use::Repeat,
    }
}

/// Begins a copy of the request, which is held back only where that is of use.
fn keep(route: &Route, mode: Mode, headers: Headers, end_of_stream: bool, share: Share, usage: Use) -> RequestCopy {
    let upstream = &route.upstream;
    let request = RequestCopy::begin(&upstream.replay, headers, end_of_stream, share, usage);
    let has_a_use = matches!(usage, Use::Judge | Use::Call) || !upstream.secondaries.is_empty();
    if mode == Mode::Enforce && has_a_use { request } else { request.without_hold() }
}
