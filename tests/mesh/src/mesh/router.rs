//! The router: the request on its way to the primary, and the answer on its way back.

use super::upstream::{Step, connecting, is_early, steps, told_of, word_of_answer};
use super::{Event, Key, Mesh, micros};
use crate::breakers::Told;
use crate::bytes::answer_body;
use crate::fields::Fields;
use crate::grpc::is_grpc;
use crate::record::Asked;
use crate::scenario::Behaviour;
use crate::stream::Side;

/// How Envoy's own answers about an upstream begin.
pub(super) const UPSTREAM_ERROR: &str = "upstream connect error or disconnect/reset before headers. reset reason: ";
pub(super) const TIMED_OUT: &str = "upstream request timeout";
pub(super) const NO_HOST: &str = "no healthy upstream";
const PER_TRY_TIMEOUT: &str = "x-envoy-upstream-rq-per-try-timeout-ms";

/// How long the filter wants an attempt at the primary to take at most.
pub(crate) fn per_try_timeout(headers: &Fields) -> Option<u32> {
    headers.text(PER_TRY_TIMEOUT).parse().ok()
}

impl Mesh {
    pub(super) fn router_headers(&mut self, key: Key, is_last: bool) {
        let world = self.world.clone();
        let Some((exchange, headers, timeout, door)) = self.with(key, |stream| {
            let mut headers = stream.request.headers.clone().unwrap_or_default();
            let timeout = per_try_timeout(&headers);
            stream.router.per_try_timeout = timeout.map(u64::from);
            headers.retain(|name| name != PER_TRY_TIMEOUT);
            (stream.exchange, headers, timeout, stream.router.door)
        }) else {
            return;
        };
        let behaviour = world.behaviour(exchange, 0);
        // All of it, where the filter has been shown its end.
        let is_whole = world.record(exchange, |record| record.shown.end.is_some());
        let door = door.or_else(|| world.let_in(exchange, 0, timeout, is_whole));
        world.record(exchange, |record| {
            record.asked.push(Asked {
                at: (world.now.get(), world.wall()),
                door,
                timeout,
                headers,
                was_whole: is_whole,
                client_was_done: is_last,
                was_told: true,
                ..Asked::default()
            });
        });
        match behaviour {
            Behaviour::NoHosts => {
                self.primary_failed(key, "no_healthy_upstream");
                return self.local_reply(key, 503, NO_HOST, "no_healthy_upstream");
            }
            Behaviour::Overflow => return self.primary_reset(key, "overflow", "overflow"),
            _ => {}
        }
        let (delay, step) = connecting(&behaviour, world.scenario.envoy.connect_timeout);
        self.after(delay, Event::Upstream(key, step));
        if is_last {
            self.request_is_whole(key);
        }
    }

    pub(super) fn router_body(&mut self, key: Key, piece: &[u8], is_last: bool) {
        let Some((exchange, false)) = self.with(key, |stream| (stream.exchange, stream.router.is_over)) else { return };
        self.world.record(exchange, |record| {
            if let Some(asked) = record.asked(0) {
                asked.body.extend_from_slice(piece);
                asked.is_whole |= is_last;
            }
        });
        if is_last {
            self.request_is_whole(key);
        }
    }

    fn request_is_whole(&mut self, key: Key) {
        let Some((exchange, is_connected)) = self.with(key, |stream| {
            stream.router.request_is_whole = true;
            (stream.exchange, stream.router.is_connected)
        }) else {
            return;
        };
        self.world.record(exchange, |record| {
            if let Some(asked) = record.asked(0) {
                asked.is_whole = true;
            }
        });
        let route_timeout = self.world.scenario.envoy.route_timeout;
        if route_timeout > 0 {
            self.after(micros(route_timeout), Event::RouteTimeout(key));
        }
        if is_connected {
            self.primary_has_request(key);
        }
    }

    /// The primary is connected and has the whole request: from now on its attempt is timed.
    fn primary_has_request(&mut self, key: Key) {
        let Some((exchange, timeout, false)) = self.with(key, |stream| {
            (stream.exchange, stream.router.per_try_timeout, stream.router.has_answered || stream.router.is_over)
        }) else {
            return;
        };
        if let Some(timeout) = timeout {
            self.after(micros(timeout), Event::PerTryTimeout(key));
        }
        if !is_early(&self.world.behaviour(exchange, 0)) {
            self.primary_acts(key, exchange);
        }
    }

    fn primary_acts(&mut self, key: Key, exchange: usize) {
        let (id, is_head) = self.world.record(exchange, |record| {
            let id = record.asked(0).map(|asked| asked.headers.text("x-id").to_owned()).unwrap_or_default();
            (id, record.headers.text(":method") == "HEAD")
        });
        for (delay, step) in steps(&self.world.behaviour(exchange, 0), 0, &id, is_head) {
            self.after(delay, Event::Upstream(key, step));
        }
    }

    pub(super) fn primary_step(&mut self, key: Key, step: Step) {
        let Some((exchange, false, has_answered)) =
            self.with(key, |stream| (stream.exchange, stream.router.is_over, stream.router.has_answered))
        else {
            return;
        };
        self.trace(key, || format!("primary: {step:?}"));
        match step {
            Step::Refused => self.primary_reset(key, "connect", "remote connection failure"),
            Step::Overflow => self.primary_reset(key, "overflow", "overflow"),
            Step::ConnectTimeout => self.primary_reset(key, "connect", "connection timeout"),
            Step::Connected => self.primary_connected(key, exchange),
            Step::Headers(fields, is_last) => self.primary_headers(key, exchange, fields, is_last),
            Step::Body(piece, is_last) => {
                self.world.tell_success(exchange, is_last);
                self.note_end(key, is_last);
                self.show_body(key, Side::Response, piece, is_last);
            }
            Step::Trailers(fields) => {
                self.world.tell_success(exchange, true);
                self.note_end(key, true);
                self.show_trailers(key, Side::Response, fields);
            }
            Step::Broken if has_answered => {
                self.broke_off(exchange, "reset");
                // What ends before its end is no HTTP.
                let details = "upstream_reset_after_response_started{protocol_error}";
                self.local_reply(key, 502, &format!("{UPSTREAM_ERROR}protocol error"), details);
            }
            Step::Broken => self.primary_reset(key, "reset", "connection termination"),
        }
    }

    fn primary_connected(&mut self, key: Key, exchange: usize) {
        let is_whole = self.with(key, |stream| {
            stream.router.is_connected = true;
            stream.router.request_is_whole
        });
        self.world.record(exchange, |record| {
            if let Some(asked) = record.asked(0) {
                asked.has_reached = true;
            }
        });
        if is_early(&self.world.behaviour(exchange, 0)) {
            self.primary_acts(key, exchange);
        }
        if is_whole == Some(true) {
            self.primary_has_request(key);
        }
    }

    fn primary_headers(&mut self, key: Key, exchange: usize, fields: Fields, is_last: bool) {
        let status = fields.status().unwrap_or(0);
        let (mut said, mut judged) = (None, None);
        if let Behaviour::Answer(answer) = self.world.behaviour(exchange, 0) {
            said = Some((status, answer_body(&answer, 0, fields.text("x-id"))));
            judged = self.world.judgement(exchange, 0, &fields, &answer);
        }
        let is_held = judged.is_some_and(|judged| judged.is_held);
        // What is held is decided by what the filter is shown of it.
        let is_grpc = is_grpc(&self.world.records.borrow()[exchange].headers);
        let word = word_of_answer(&fields, is_grpc);
        let outcome = Some(word).filter(|_| !is_held);
        let wall = self.world.wall();
        self.world.record(exchange, |record| {
            if let Some(asked) = record.asked(0) {
                (asked.outcome, asked.said, asked.began, asked.judged) = (outcome, said, Some(wall), judged);
            }
        });
        // Of a good answer the filter wants to see the end.
        match told_of(Some(word), 0, &fields) {
            Told::Success { .. } if is_last => self.world.tell_success(exchange, true),
            Told::Success { .. } => {}
            told => self.world.tell(exchange, 0, told),
        }
        self.with(key, |stream| {
            (stream.router.has_answered, stream.has_response) = (true, true);
            "via_upstream".clone_into(&mut stream.details);
        });
        self.note_end(key, is_last);
        self.show_headers(key, Side::Response, fields, is_last);
    }

    /// An upstream that has answered whole is asked no more, and timed no more.
    fn note_end(&self, key: Key, is_last: bool) {
        if is_last {
            self.with(key, |stream| stream.router.is_over = true);
        }
    }

    fn primary_failed(&self, key: Key, word: &'static str) {
        if let Some(exchange) = self.with(key, |stream| stream.exchange) {
            self.world.record(exchange, |record| {
                if let Some(asked) = record.asked(0) {
                    asked.outcome = Some(word);
                }
            });
            self.world.tell(exchange, 0, Told::Failure);
        }
    }

    /// Its answer does not come to its end.
    pub(super) fn broke_off(&self, exchange: usize, word: &'static str) {
        self.world.record(exchange, |record| record.broke_off = Some(word));
        self.world.tell(exchange, 0, Told::Failure);
    }

    /// The primary's connection came to nothing before an answer.
    fn primary_reset(&mut self, key: Key, word: &'static str, reason: &str) {
        self.primary_failed(key, word);
        let details = format!("upstream_reset_before_response_started{{{}}}", reason.replace(' ', "_"));
        self.local_reply(key, 503, &format!("{UPSTREAM_ERROR}{reason}"), &details);
    }

    pub(super) fn per_try_timeout(&mut self, key: Key) {
        let is_due = self.with(key, |stream| !stream.router.has_answered && !stream.router.is_over);
        if is_due == Some(true) {
            self.primary_failed(key, "timeout");
            self.local_reply(key, 504, TIMED_OUT, "upstream_per_try_timeout");
        }
    }

    /// The route's timeout goes on running while the primary's answer has not ended.
    pub(super) fn route_timeout(&mut self, key: Key) {
        let Some((exchange, false, has_answered)) =
            self.with(key, |stream| (stream.exchange, stream.router.is_over, stream.router.has_answered))
        else {
            return;
        };
        if has_answered {
            self.broke_off(exchange, "timeout");
        } else {
            self.primary_failed(key, "timeout");
        }
        self.local_reply(key, 504, TIMED_OUT, "response_timeout");
    }
}
