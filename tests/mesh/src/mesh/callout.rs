//! The filter's own calls. They belong to the root context: a client that leaves does not end them.

use super::router::{TIMED_OUT, UPSTREAM_ERROR};
use super::upstream::{Step, connecting, steps, told_of, word_of};
use super::{Event, Key, Mesh, micros};
use crate::bytes::answer_body;
use crate::document::region_name;
use crate::fields::Fields;
use crate::host::{CallAnswer, Callout};
use crate::judging::word_of_judged;
use crate::record::Asked;
use crate::scenario::Behaviour;

/// A call under way.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) callout: Callout,
    answer: CallAnswer,
    has_answered: bool,
}

/// The exchange, the region, and whether it is a drill.
type Whose = (usize, usize, bool);

const fn whose(callout: &Callout) -> Whose {
    (callout.exchange, callout.region, callout.is_drill)
}

impl Mesh {
    /// Begins a call that Envoy has not refused.
    pub(super) fn begin_call(&mut self, thread: usize, callout: Callout) {
        let world = self.world.clone();
        let (exchange, region, timeout) = (callout.exchange, callout.region, callout.timeout_ms);
        let client_was_done = self.with((thread, callout.stream), |stream| stream.request.has_ended);
        let asked = Asked::call(&callout, (world.now.get(), world.wall()), client_was_done == Some(true));
        world.record(
            exchange,
            |record| {
                if callout.is_drill { record.drills.push(asked) } else { record.asked.push(asked) }
            },
        );
        let key = (thread, callout.token);
        let behaviour = world.behaviour(exchange, region);
        self.calls.insert(key, Call { callout, answer: CallAnswer::default(), has_answered: false });
        if timeout > 0 {
            self.after(micros(u64::from(timeout)), Event::CallTimeout(key));
        }
        let (delay, step) = connecting(&behaviour, world.scenario.envoy.connect_timeout);
        self.after(delay, Event::Call(key, step));
    }

    pub(super) fn call_step(&mut self, key: Key, step: Step) {
        let Some(call) = self.calls.get_mut(&key) else { return };
        let (exchange, region, is_drill) = whose(&call.callout);
        self.world.trace(format!("call {}", key.1), || format!("{}: {step:?}", region_name(region)));
        match step {
            Step::Refused => self.make_up(key, "connect", 503, &format!("{UPSTREAM_ERROR}remote connection failure")),
            Step::Overflow => self.make_up(key, "overflow", 503, &format!("{UPSTREAM_ERROR}overflow")),
            Step::ConnectTimeout => self.make_up(key, "connect", 503, &format!("{UPSTREAM_ERROR}connection timeout")),
            Step::Connected => self.call_connected(key, (exchange, region, is_drill)),
            Step::Headers(fields, is_last) => {
                let (status, id) = (fields.status().unwrap_or(0), fields.text("x-id").to_owned());
                let Behaviour::Answer(answer) = self.world.behaviour(exchange, region) else { return };
                let judged = self.world.judgement(exchange, region, &fields, &answer);
                (call.has_answered, call.answer.headers) = (true, fields);
                let (said, began) = ((status, answer_body(&answer, region, &id)), self.world.wall());
                self.note((exchange, region, is_drill), |asked| {
                    asked.judged = judged;
                    let outcome = word_of_judged(asked, word_of(status));
                    (asked.outcome, asked.said, asked.began) = (Some(outcome), Some(said), Some(began));
                });
                if is_last {
                    self.deliver(key);
                }
            }
            Step::Body(piece, is_last) => {
                call.answer.body.extend(piece);
                if is_last {
                    self.deliver(key);
                }
            }
            Step::Trailers(fields) => {
                call.answer.trailers = fields;
                self.deliver(key);
            }
            Step::Broken if call.has_answered => self.break_off(key),
            Step::Broken => self.make_up(key, "reset", 503, &format!("{UPSTREAM_ERROR}connection termination")),
        }
    }

    fn call_connected(&mut self, key: Key, whose @ (exchange, region, is_drill): Whose) {
        self.note(whose, |asked| asked.has_reached = true);
        let (id, is_head) = self.world.record(exchange, |record| {
            let id =
                record.called(region, is_drill).map(|asked| asked.headers.text("x-id").to_owned()).unwrap_or_default();
            (id, record.headers.text(":method") == "HEAD")
        });
        for (delay, step) in steps(&self.world.behaviour(exchange, region), region, &id, is_head) {
            self.after(delay, Event::Call(key, step));
        }
    }

    pub(super) fn call_timeout(&mut self, key: Key) {
        match self.calls.get(&key).map(|call| call.has_answered) {
            Some(true) => self.break_off(key),
            Some(false) => self.make_up(key, "timeout", 504, TIMED_OUT),
            None => {}
        }
    }

    /// Envoy answers in the region's place.
    fn make_up(&mut self, key: Key, word: &'static str, status: u16, text: &str) {
        let Some(call) = self.calls.get_mut(&key) else { return };
        let mut headers = Fields::from_iter([(":status", status.to_string())]);
        headers.push("content-length", text.len().to_string());
        headers.push("content-type", "text/plain");
        call.answer = CallAnswer { headers, body: text.as_bytes().to_vec(), trailers: Fields::default() };
        let whose = whose(&call.callout);
        self.note(whose, |asked| asked.outcome = Some(word));
        self.deliver(key);
    }

    /// An answer that had begun does not end: the filter is told of no headers at all. Whether its time was over only the
    /// wall clock says, give or take what a timer may be early.
    fn break_off(&mut self, key: Key) {
        let Some(call) = self.calls.get_mut(&key) else { return };
        call.answer = CallAnswer::default();
        let whose = whose(&call.callout);
        let timeout = micros(u64::from(call.callout.timeout_ms));
        let (wall, early) = (self.world.wall(), (timeout / 4).min(20_000));
        self.note(whose, |asked| {
            let is_late = wall >= asked.at.1 + timeout - early;
            (asked.outcome, asked.said) = (Some(if is_late { "timeout" } else { "reset" }), None);
        });
        self.deliver(key);
    }

    /// Tells the root context what came of its call.
    fn deliver(&mut self, (thread, token): Key) {
        let Some(Call { callout, answer, .. }) = self.calls.remove(&(thread, token)) else { return };
        if !self.threads[thread].borrow().roots.contains_key(&callout.root) {
            return;
        }
        let is_awaited = self.with((thread, callout.stream), |stream| !stream.on_wire) == Some(true);
        self.note(whose(&callout), |asked| asked.was_told = is_awaited || callout.is_drill);
        if is_awaited {
            self.tell_of_call(&callout, &answer);
            self.world.keep(callout.exchange, callout.region);
        }
        let sizes = [answer.headers.len(), answer.body.len(), answer.trailers.len()];
        let [headers, body, trailers] = sizes.map(|size| u32::try_from(size).unwrap_or(u32::MAX));
        self.threads[thread].borrow_mut().call_answer = Some(answer);
        let arguments = [callout.root, token, headers, body, trailers];
        let name = "proxy_on_http_call_response";
        let exchange = Some(callout.exchange).filter(|_| !callout.is_drill);
        self.call_module(thread, name, callout.root, &arguments, exchange);
    }

    /// What the filter is about to hear of a call.
    fn tell_of_call(&self, Callout { exchange, region, .. }: &Callout, answer: &CallAnswer) {
        let wall = self.world.wall();
        let found = self.world.record(*exchange, |record| {
            record.asked(*region).map(|asked| (asked.outcome, wall.saturating_sub(asked.at.1)))
        });
        let Some((outcome, took)) = found else { return };
        self.world.tell(*exchange, *region, told_of(outcome, took, &answer.headers));
    }

    fn note(&self, (exchange, region, is_drill): Whose, change: impl FnOnce(&mut Asked)) {
        self.world.record(exchange, |record| {
            if let Some(asked) = record.called(region, is_drill) {
                change(asked);
            }
        });
    }
}
