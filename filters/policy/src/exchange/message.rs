//! De-duplication: whether the message that a request is has been seen, and what becomes of the first one.
//!
//! A message is claimed when its request could go on at once, so one that a slow client is still sending keeps nobody
//! else's from going on. What is claimed gets its outcome with the client's answer, whatever that is.

use std::time::Duration;

use super::{Answer, Effect, Exchange, Record, Way};
use crate::admission::Decision;
use crate::config::{Mode, Route};
use crate::dedupe::{Claim, Dedupe, Ticket};
use crate::event_stream;
use crate::grpc;
use crate::host::Host;
use crate::http::{Headers, Response};
use crate::time::Timestamp;

/// Time of a lease beyond that of the ladder: an answer that begins at the ladder's last moment has still to be passed
/// on. A message whose worker has died is in flight for as long, and one whose answer takes longer may be sent twice.
const TO_PASS_ON: Duration = Duration::from_secs(30);

/// The message that a request is.
#[derive(Debug)]
pub(super) struct Message {
    /// What has been decided about letting the request in, until it is counted.
    decision: Option<Decision>,
    key: Key,
    /// Of the first one, until its outcome is known.
    ticket: Option<Ticket>,
}

/// What tells a message apart.
#[derive(Clone, Copy, Debug)]
enum Key {
    /// Nothing does, or nobody asks.
    Nothing,
    /// Its hash is known.
    Hash(u64),
    /// It is known when the body is there.
    Body {
        /// A number that clients do not know.
        salt: u64,
    },
    /// It will not be known.
    Unknown,
}

impl Message {
    /// The message of a request with these headers, about which so much has been decided.
    pub(super) fn new(
        route: &Route,
        decision: Option<Decision>,
        headers: &Headers,
        end_of_stream: bool,
        salt: u64,
    ) -> Self {
        // Whom a limit would have turned away in shadow mode would have claimed nothing.
        // Neither an event stream nor gRPC is a message: nobody can tell when it is done.
        let is_message = !event_stream::is_wanted(headers) && !grpc::is_request(headers);
        let is_let_in = is_message && matches!(decision, Some(Decision::Allowed | Decision::Undecided));
        let key = match route.dedupe().filter(|_| is_let_in) {
            Some(dedupe) if !dedupe.reads_body() => dedupe.hash(headers, &[], salt).map_or(Key::Nothing, Key::Hash),
            Some(_) if !end_of_stream => Key::Body { salt },
            _ => Key::Nothing,
        };
        Self { decision, key, ticket: None }
    }

    /// Whether nobody has claimed it yet who is going to.
    pub(super) const fn is_pending(&self) -> bool {
        self.decision.is_some() && !matches!(self.key, Key::Nothing)
    }
}

impl Exchange {
    /// The request could go on: says whether it must not, because it is a duplicate, which then has its answer.
    pub(super) fn is_duplicate(&mut self, now: Timestamp, host: &impl Host, effects: &mut Vec<Effect>) -> bool {
        let route = self.route.clone();
        let Some((dedupe, decision)) = route.dedupe().zip(self.message.decision) else { return false };
        let (decision, answer) = match self.key(dedupe) {
            // Shadow mode holds nothing back: the body is still to come.
            Key::Body { .. } => return false,
            Key::Nothing => (decision, None),
            Key::Unknown => (Decision::Undecided, None),
            Key::Hash(hash) => self.claim(dedupe, hash, decision, now, host),
        };
        self.message.decision = Some(decision);
        self.count_admission(effects);
        answer.is_some_and(|answer| {
            self.turn_away(answer, effects);
            true
        })
    }

    /// Claims the message with this hash: what has been decided then, and the answer to a duplicate.
    fn claim(
        &mut self,
        dedupe: &Dedupe,
        hash: u64,
        decision: Decision,
        now: Timestamp,
        host: &impl Host,
    ) -> (Decision, Option<Response>) {
        match dedupe.claim(hash, host, now, self.lease()) {
            Claim::First(ticket) => {
                self.message.ticket = Some(ticket);
                (decision, None)
            }
            Claim::Undecided => (Decision::Undecided, None),
            Claim::Duplicate { .. } if self.mode == Mode::Shadow => (Decision::WouldDuplicate, None),
            Claim::Duplicate { is_in_flight } => {
                (Decision::Duplicate, Some(dedupe.duplicate(hash, is_in_flight, host, now)))
            }
        }
    }

    /// What tells the message apart, as far as the request has come.
    fn key(&self, dedupe: &Dedupe) -> Key {
        let Key::Body { salt } = self.message.key else { return self.message.key };
        let hold = self.route.upstream.replay.hold();
        match self.request.whole() {
            Some(kept) if kept.body.len() <= hold => {
                dedupe.hash(&kept.headers, &kept.body, salt).map_or(Key::Nothing, Key::Hash)
            }
            None if self.mode == Mode::Shadow && self.request.is_growing() => self.message.key,
            _ => Key::Unknown,
        }
    }

    fn lease(&self) -> Duration {
        self.route.upstream.timeout.saturating_add(TO_PASS_ON)
    }

    /// A duplicate's answer is one of no rung: only that it was turned away is counted.
    fn turn_away(&mut self, answer: Response, effects: &mut Vec<Effect>) {
        self.way = Way::Shut;
        effects.push(Effect::Answer(Answer::Reply(answer)));
        self.close();
    }

    /// Counts what was decided about letting the request in, once.
    pub(super) fn count_admission(&mut self, effects: &mut Vec<Effect>) {
        let decision = self.message.decision.take();
        effects.extend(decision.map(|decision| Effect::Record(Record::Admission(decision))));
    }

    /// Whether a region's answer is to be kept for duplicates.
    pub(super) fn keeps_answer(&self) -> bool {
        let is_first = self.mode == Mode::Enforce && self.message.ticket.is_some();
        is_first && self.route.dedupe().is_some_and(Dedupe::keeps_answers)
    }

    /// The outcome of the message is known, if nobody has said it before: done, where a region's good answer has gone to
    /// the client; otherwise its retry may go on.
    pub(super) fn finish_message(&mut self, is_done: bool, answer: Option<&Response>, host: &impl Host) {
        let answer = answer.filter(|_| self.keeps_answer());
        let Some((dedupe, ticket)) = self.route.dedupe().zip(self.message.ticket.take()) else { return };
        let now = host.now();
        if let Some(answer) = answer {
            dedupe.keep_answer(&ticket, answer, host, now);
        }
        dedupe.finish(ticket, is_done, host, now);
    }
}
