//! Answers that Envoy makes up, and those that our filter gives by itself.

use super::{Key, Mesh};
use crate::breakers::Told;
use crate::fields::Fields;
use crate::grpc::{STATUS, TYPE, is_grpc, status_of};
use crate::invariants::ONE_ANSWER;
use crate::record::{End, Record};
use crate::stream::Side;

impl Mesh {
    /// Envoy answers. Through the filters if nothing has been answered yet; past them if there are response headers
    /// that have not been sent; and not at all, but by ending the stream, if they have.
    pub(super) fn local_reply(&mut self, key: Key, status: u16, text: &str, details: &str) {
        self.trace(key, || format!("Envoy answers {status} ({details})"));
        let mut fields = Fields::from_iter([("content-length", text.len().to_string())]);
        fields.push("content-type", "text/plain");
        self.reply(key, status, &fields, text.as_bytes().to_vec(), details, true);
    }

    /// The filter answers by itself.
    pub(super) fn filter_replies(&mut self, key: Key, status: u16, mut fields: Fields, body: Vec<u8>) {
        self.trace(key, || format!("the filter answers {status} by itself"));
        match self.with(key, |stream| (stream.on_wire, stream.is_logging)) {
            None | Some((_, true)) => {
                return self.world.wrong(&ONE_ANSWER, "the filter answers a stream that is over");
            }
            Some((true, _)) => self.world.wrong(&ONE_ANSWER, "the filter answers though an answer is on its way"),
            Some((false, _)) => {}
        }
        if !body.is_empty() {
            fields.set("content-length", body.len().to_string());
            if fields.first("content-type").is_none() {
                fields.push("content-type", "text/plain");
            }
        }
        self.reply(key, status, &fields, body, "", false);
    }

    fn reply(&mut self, key: Key, status: u16, fields: &Fields, body: Vec<u8>, details: &str, is_envoys: bool) {
        let Some((has_response, on_wire, is_head, exchange)) = self.with(key, |stream| {
            details.clone_into(&mut stream.details);
            stream.router.is_over = true;
            let had_response = std::mem::replace(&mut stream.has_response, true);
            (had_response, stream.on_wire, stream.is_head, stream.exchange)
        }) else {
            return;
        };
        let is_to_grpc = self.with(key, |stream| stream.request.headers.as_ref().is_some_and(is_grpc)) == Some(true);
        let (all, body) =
            if is_to_grpc { (in_grpc(status, fields, &body), Vec::new()) } else { (in_http(status, fields), body) };
        let is_bare = is_head || body.is_empty();
        if on_wire {
            self.truncate(key);
        } else if !has_response {
            self.show_headers(key, Side::Response, all, is_bare);
            if !is_bare && self.is_alive(key) {
                self.show_body(key, Side::Response, body, true);
            }
        } else {
            if is_envoys {
                self.world.record(exchange, |record| record.past_the_filter = Some(details.to_owned()));
            }
            self.with(key, |stream| (stream.response.headers, stream.is_direct) = (Some(all), true));
            self.send_headers(key, is_bare);
            if !is_bare {
                self.send_body(key, &body, true);
            }
        }
    }

    /// A held body has outgrown Envoy's buffer.
    pub(super) fn too_large(&mut self, key: Key, side: Side) {
        match side {
            Side::Request => {
                if let Some(exchange) = self.with(key, |stream| stream.exchange) {
                    self.world.record(exchange, |record| record.request_too_large = true);
                    self.world.tell(exchange, 0, Told::Ignored);
                }
                self.local_reply(key, 413, "Payload Too Large", "request_payload_too_large");
            }
            Side::Response => {
                if let Some((exchange, false)) = self.with(key, |stream| (stream.exchange, stream.on_wire)) {
                    let has_ended = self.with(key, |stream| stream.response.has_ended) == Some(true);
                    self.break_off_undecided(exchange, has_ended);
                }
                self.local_reply(key, 500, "Internal Server Error", "response_payload_too_large");
            }
        }
    }

    /// Of an answer that was held because of what it may say nobody will know it. A stream that has brought an event is
    /// not over with that.
    fn break_off_undecided(&self, exchange: usize, has_ended: bool) {
        let is_held_stream = |record: &Record| {
            let judged = record.primary().and_then(|asked| asked.judged);
            !has_ended && judged.is_some_and(|judged| judged.is_held && judged.is_stream)
        };
        let is_open = |record: &Record| record.is_undecided() || is_held_stream(record);
        if is_open(&self.world.records.borrow()[exchange]) {
            self.broke_off(exchange, "5xx");
        }
    }

    /// The stream of a VM that died.
    pub(super) fn fail_stream(&mut self, key: Key) {
        self.with(key, |stream| stream.has_response = true);
        self.local_reply(key, 503, "", "wasm_fail_stream");
    }

    /// The stream ends in the middle of its answer.
    fn truncate(&mut self, key: Key) {
        self.trace(key, || "the client's connection is reset in the middle of the answer".to_owned());
        if let Some(exchange) = self.with(key, |stream| stream.exchange) {
            self.world.record(exchange, |record| record.end = Some(End::Truncated));
        }
        self.end_stream(key);
    }
}

fn in_http(status: u16, fields: &Fields) -> Fields {
    let mut all = Fields::from_iter([(":status", status.to_string())]);
    for (name, value) in fields.iter() {
        all.push(name, value);
    }
    all
}

/// Envoy tells gRPC of everything by a status in the headers, and nothing behind them.
fn in_grpc(status: u16, fields: &Fields, text: &[u8]) -> Fields {
    let mut all = Fields::from_iter([(":status", "200"), ("content-type", TYPE)]);
    let known = fields.first(STATUS).unwrap_or(status_of(status).as_bytes());
    all.push(STATUS, known);
    if !text.is_empty() {
        all.push("grpc-message", text);
    }
    for (name, value) in fields.iter().filter(|(name, _)| ![STATUS, "content-type", "content-length"].contains(name)) {
        all.push(name, value);
    }
    all
}
