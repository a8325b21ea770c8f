//! What the world knows of answers that are judged by what they say: from the labels of those who send them, from what the
//! filter has been shown, and from the time. The filter itself is never asked.

use crate::breakers::Told;
use crate::document::{INVALID_OUTPUT, Output};
use crate::events::{first_event, is_stream, wants_events};
use crate::fields::Fields;
use crate::grpc::{STATUS, is_grpc};
use crate::record::{Asked, Judged};
use crate::scenario::Answer;
use crate::watch::took;
use crate::world::{Micros, World};

/// More than this of a stream is not held, in bytes.
const HELD: usize = 16 << 10;

/// How long the filter waits in any case for what should come at once.
const AT_ONCE: Micros = 100_000;

impl World {
    /// Whether the answer of a region that begins with these headers is judged, and what has to come of it.
    pub(crate) fn judgement(&self, exchange: usize, region: usize, fields: &Fields, answer: &Answer) -> Option<Judged> {
        let records = self.records.borrow();
        let record = records.get(exchange)?;
        let (route, is_head) = (record.route()?, record.headers.text(":method") == "HEAD");
        let is_called = record.asked.iter().any(|asked| asked.region == region && asked.is_called);
        let is_by_route = region == 0 && !is_called && !record.is_shadow();
        let body = crate::bytes::answer_body(answer, region, fields.text("x-id"));
        let is_at_fault = is_grpc(&record.headers) && !matches!(fields.text(STATUS), "" | "0");
        if wants_events(&record.headers) && is_stream(fields) && !is_head && !is_at_fault {
            let follows = ["reset", "timeout"].iter().any(|failure| route.fail_on.contains(failure));
            let opens_at = first_event(&body);
            return Some(Judged { is_stream: true, opens_at, is_held: is_by_route && follows, ..Judged::default() });
        }
        let output = route.output.filter(|_| Output::is_about(fields, is_head) && !is_grpc(&record.headers))?;
        Some(Judged {
            is_refused: output.refuses(answer.says, body.len()),
            is_held: is_by_route && route.holds_answers(),
            ..Judged::default()
        })
    }

    /// The filter is about to be shown more of the primary's answer.
    pub(crate) fn show_answer(&self, exchange: usize, bytes: usize, is_last: bool) {
        let shown = {
            let mut records = self.records.borrow_mut();
            let Some(record) = records.get_mut(exchange).filter(|record| record.is_undecided()) else { return };
            let most = record.route().and_then(|route| route.output).map_or(0, |output| output.max_body);
            let Some(judged) = record.asked(0).and_then(|asked| asked.judged.as_mut()) else { return };
            judged.came += bytes;
            (judged.came > most, judged.is_refused, *judged)
        };
        match shown {
            (_, _, judged) if judged.is_stream => self.show_stream(exchange, judged, is_last),
            (true, ..) => self.decide(exchange, INVALID_OUTPUT),
            (_, true, _) if is_last => self.decide(exchange, INVALID_OUTPUT),
            _ if is_last => self.decide(exchange, "ok"),
            _ => {}
        }
    }

    /// The same of a stream that has to bring an event.
    fn show_stream(&self, exchange: usize, judged: Judged, is_last: bool) {
        if judged.opens_at.is_some_and(|at| judged.came >= at) || judged.came > HELD {
            self.trace("judge", || format!("the stream of {exchange} has brought an event"));
            self.record(exchange, |record| {
                if let Some(asked) = record.asked(0) {
                    asked.outcome = Some("ok");
                }
            });
            // Of one that goes on the filter wants to see the end.
            if is_last {
                self.tell_success(exchange, true);
            }
        } else if is_last {
            self.decide(exchange, "reset");
        }
    }

    /// It is known what becomes of the primary's answer.
    pub(crate) fn decide(&self, exchange: usize, outcome: &'static str) {
        self.trace("judge", || format!("the primary's answer to {exchange} is {outcome}"));
        self.record(exchange, |record| {
            if let Some(asked) = record.asked(0) {
                asked.outcome = Some(outcome);
            }
        });
        let told = match outcome {
            "ok" => self.records.borrow().get(exchange).and_then(took).map(|took| Told::Success { took }),
            INVALID_OUTPUT => Some(Told::Invalid),
            _ => Some(Told::Failure),
        };
        if let Some(told) = told {
            self.tell(exchange, 0, told);
        }
    }

    /// The primary's answer has gone to the client as it came, and this was the last of it. Says whether it is refused.
    pub(crate) fn turns_out_refused(&self, exchange: usize) -> bool {
        self.record(exchange, |record| {
            let judged = record.asked(0).and_then(|asked| asked.judged.as_mut());
            judged.is_some_and(|judged| {
                judged.is_too_late = judged.is_refused && !judged.is_held;
                judged.is_too_late
            })
        })
    }

    /// A tick passes for an answer that is held, so long after the one before. Says whether it has been coming for longer
    /// than an attempt may take.
    pub(crate) fn has_waited(&self, exchange: usize, passed: Micros) -> bool {
        let mut records = self.records.borrow_mut();
        let Some(record) = records.get_mut(exchange).filter(|record| record.is_undecided()) else { return false };
        let most = record.route().map_or(0, |route| route.regions[0].timeout * 1000);
        let Some(judged) = record.asked(0).and_then(|asked| asked.judged.as_mut()) else { return false };
        // The first may come at once.
        let waited = judged.waited.map_or(0, |before| before + passed);
        judged.waited = Some(waited);
        waited >= most.max(AT_ONCE)
    }

    /// Those of which the filter has to give the answer up in the tick under way.
    pub(crate) fn give_up_at(&self, exchange: usize) {
        if self.overdue.borrow_mut().remove(&exchange) {
            self.decide(exchange, "timeout");
        }
    }
}

/// What the answer of a secondary region is, where it is judged.
pub(crate) fn word_of_judged(asked: &Asked, word: &'static str) -> &'static str {
    match asked.judged {
        Some(judged) if judged.is_refused => INVALID_OUTPUT,
        Some(judged) if judged.is_stream && judged.opens_at.is_none() => "reset",
        _ => word,
    }
}
