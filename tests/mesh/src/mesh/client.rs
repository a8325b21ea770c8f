//! The clients: what they send, and what they get.

use super::{Event, Key, Mesh, micros};
use crate::bytes::{cut, id_of, request_body};
use crate::fields::Fields;
use crate::invariants::{ONE_ANSWER, VALID};
use crate::record::{Answer, End, Record};
use crate::scenario::Exchange;
use crate::stream::{Side, Stream};
use crate::watch::owner;

/// What Envoy reads from a connection at once, in bytes.
const READ: usize = 16 << 10;

/// Every client writes to the same host.
const AUTHORITY: &str = "mesh.example";

impl Mesh {
    /// Plans what a client will do.
    pub(super) fn admit(&mut self, index: usize, exchange: &Exchange) {
        let request = &exchange.request;
        let id = id_of(index);
        let mut headers = Fields::from_iter([
            (":authority", AUTHORITY),
            (":path", &request.path),
            (":method", &request.method),
            (":scheme", "http"),
            ("x-id", &id),
        ]);
        let comes = !request.is_silent;
        let body = if comes { request_body(request, &id) } else { Vec::new() };
        if let Some(size) = request.body {
            if request.announces_length {
                headers.push("content-length", size.to_string());
            } else {
                headers.push("transfer-encoding", "chunked");
            }
        }
        for (name, value) in &request.headers {
            headers.push(name, value);
        }
        // Those who come in the same millisecond come in an order that the seed decides.
        let begin = micros(exchange.at) + self.random.u64(0..1000);
        self.at(begin, Event::Begin(index));
        if comes && request.body.is_some() && !request.ends_with_headers() {
            for piece in 0..request.pieces.max(1) {
                let time = begin + micros(request.interval) * (piece as u64 + 1);
                self.at(time, Event::RequestPiece { exchange: index, index: piece });
            }
        }
        if comes && !request.ends_with_headers() && (request.ends_separately || request.trailers) {
            let time = begin + micros(request.interval) * (request.pieces.max(1) as u64 + 1);
            self.at(time, Event::RequestEnd(index));
        }
        if let Some(after) = exchange.leaves_after {
            let jitter = self.random.u64(0..1000);
            self.at(begin + micros(after) + jitter, Event::Leave(index));
        }
        self.world.records.borrow_mut().push(Record { index, id, headers, body, ..Record::default() });
    }

    pub(super) fn begin(&mut self, exchange: usize) {
        let world = self.world.clone();
        let thread = world.scenario.exchanges[exchange].worker;
        let headers = world.record(exchange, |record| record.headers.clone());
        world.trace("client", || format!("{headers:?} to w{thread}"));
        if !self.reload(thread) {
            return world.record(exchange, |record| {
                record.lost_its_vm = true;
                record.end = Some(End::Whole);
                let headers = Fields::from_iter([(":status", "503")]);
                record.answer = Some(Answer { headers, at: world.now.get(), ..Answer::default() });
            });
        }
        let root = self.roots[thread];
        let context = self.threads[thread].borrow_mut().new_context();
        let document = self.threads[thread].borrow().roots.get(&root).and_then(|root| root.in_force.clone());
        world.record(exchange, |record| {
            record.began = Some((world.now.get(), world.wall()));
            record.document = document;
            record.root = Some((thread, root));
            world.switch(record);
        });
        if let Some(owner) = world.record(exchange, |record| owner(record)) {
            world.flights.borrow_mut().begin(&owner, exchange);
        }
        let stream = Stream::new(exchange, root, headers.text(":method") == "HEAD");
        self.threads[thread].borrow_mut().streams.insert(context, stream);
        let key = (thread, context);
        self.live[exchange] = Some(key);
        self.call_module(thread, "proxy_on_context_create", context, &[context, root], Some(exchange));
        let request = &world.scenario.exchanges[exchange].request;
        self.show_headers(key, Side::Request, headers, request.ends_with_headers());
    }

    pub(super) fn request_piece(&mut self, exchange: usize, index: usize) {
        let Some(key) = self.reading(exchange) else { return };
        let world = self.world.clone();
        let request = &world.scenario.exchanges[exchange].request;
        let piece =
            world.record(exchange, |record| cut(&record.body, request.pieces).nth(index).unwrap_or_default().to_vec());
        let is_last = index + 1 == request.pieces.max(1) && !request.ends_separately && !request.trailers;
        self.read(key, exchange, &piece, is_last);
    }

    /// Envoy reads on until its buffer is full, and then a little more.
    fn read(&mut self, key: Key, exchange: usize, piece: &[u8], is_last: bool) {
        let limit = self.world.scenario.envoy.buffer_limit + self.random.usize(0..READ);
        let (first, rest) = piece.split_at(limit.min(piece.len()));
        self.show_body(key, Side::Request, first.to_vec(), is_last && rest.is_empty());
        if !rest.is_empty() && self.reading(exchange).is_some() {
            self.read(key, exchange, rest, is_last);
        }
    }

    pub(super) fn request_end(&mut self, exchange: usize) {
        let Some(key) = self.reading(exchange) else { return };
        if self.world.scenario.exchanges[exchange].request.trailers {
            self.show_trailers(key, Side::Request, Fields::from_iter([("x-trailer", "asked")]));
        } else {
            self.show_body(key, Side::Request, Vec::new(), true);
        }
    }

    /// Where what still comes of a request goes. With the end of the answer Envoy stops reading, also while a filter
    /// holds that answer.
    fn reading(&self, exchange: usize) -> Option<Key> {
        let key = self.live[exchange]?;
        self.with(key, |stream| stream.response.has_ended).is_some_and(|it| !it).then_some(key)
    }

    pub(super) fn leave(&mut self, exchange: usize) {
        let Some(key) = self.live[exchange] else { return };
        self.trace(key, || "the client leaves".to_owned());
        self.world.record(exchange, |record| record.end = Some(End::Left));
        self.with(key, |stream| "downstream_remote_disconnect".clone_into(&mut stream.details));
        self.end_stream(key);
    }

    /// The headers of an answer go out, through the filters before ours in the list.
    pub(super) fn send_headers(&mut self, key: Key, is_last: bool) {
        let world = self.world.clone();
        let Some((exchange, is_direct, mut headers)) = self.with(key, |stream| {
            stream.on_wire = true;
            (stream.exchange, stream.is_direct, stream.response.headers.clone().unwrap_or_default())
        }) else {
            return;
        };
        if world.scenario.envoy.outer_filter && !is_direct {
            headers.push("x-outer", "seen");
        }
        self.trace(key, || format!("to the client: {headers:?}"));
        if headers.status().is_none() {
            world.wrong(&VALID, format!("an answer has no status: {headers:?}"));
        }
        let answer = Answer { headers, at: world.now.get(), ..Answer::default() };
        // Nobody waits any more for a region that is still being asked.
        world.abandon(exchange, false);
        if world.record(exchange, |record| record.answer.replace(answer)).is_some() {
            world.wrong(&ONE_ANSWER, "a client gets a second answer");
        }
        if is_last {
            self.complete(key);
        }
    }

    pub(super) fn send_body(&mut self, key: Key, piece: &[u8], is_last: bool) {
        let Some((exchange, is_head)) = self.with(key, |stream| (stream.exchange, stream.is_head)) else { return };
        self.trace(key, || format!("to the client: {} bytes{}", piece.len(), if is_last { ", the end" } else { "" }));
        self.world.record(exchange, |record| match &mut record.answer {
            Some(answer) if !is_head => answer.body.extend_from_slice(piece),
            _ => {}
        });
        if is_last {
            self.complete(key);
        }
    }

    pub(super) fn send_trailers(&mut self, key: Key) {
        let sent = self.with(key, |stream| (stream.exchange, stream.response.trailers.clone()));
        let Some((exchange, trailers)) = sent else { return };
        self.world.record(exchange, |record| {
            if let Some(answer) = &mut record.answer {
                answer.trailers = trailers;
            }
        });
        self.complete(key);
    }

    fn complete(&mut self, key: Key) {
        if let Some(exchange) = self.with(key, |stream| stream.exchange) {
            self.world.record(exchange, |record| record.end = Some(End::Whole));
        }
        self.end_stream(key);
    }

    /// The stream is over: it is logged and destroyed.
    pub(super) fn end_stream(&mut self, key: Key) {
        let ended = self.with(key, |stream| {
            stream.router.is_over = true;
            (stream.exchange, stream.is_orphan, std::mem::replace(&mut stream.is_logging, true))
        });
        let Some((exchange, is_orphan, false)) = ended else { return };
        self.live[exchange] = None;
        if is_orphan {
            self.world.breakers.borrow_mut().lose(exchange);
        } else {
            self.world.abandon(exchange, true);
            for name in ["proxy_on_log", "proxy_on_done", "proxy_on_delete"] {
                self.call_module(key.0, name, key.1, &[key.1], Some(exchange));
            }
        }
        self.threads[key.0].borrow_mut().streams.remove(&key.1);
    }
}
