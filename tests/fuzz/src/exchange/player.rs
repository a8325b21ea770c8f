//! Plays a script: to the configuration, to the clock and the clusters, and to the stream that it is about.

use helius_policy::event_stream::is_wanted;
use helius_policy::grpc::is_request;
use helius_policy::http::Headers;

use super::document::{Document, LADDER, SECONDARIES, document};
use super::script::Step;
use super::stream;
use crate::envoy::{answer_agent, answer_call, begin, configure, end, show_headers, stop, wait};
use crate::host::{ClusterState, Clusters, Side, Terms, host};

/// Streams, and configurations, that are open at most.
const MOST_OPEN: usize = 4;

/// Ticks within which everything has come to its end: the ladder's time, and some patience.
const MOST_ROUNDS: usize = 20;

/// What is open while a script is played.
#[derive(Debug, Default)]
pub(super) struct Player {
    /// The newest configuration, and what is in force under it.
    root: Option<u32>,
    in_force: Option<&'static Document>,
    stops_all: bool,
    roots: Vec<u32>,
    /// The streams that are open, and the one that the events are about.
    open: Vec<u32>,
    current: usize,
    /// Fields for the next headers.
    fields: Headers,
}

impl Player {
    pub(super) fn play(&mut self, step: Step<'_>) {
        match step {
            Step::Document { number, stops_all } => self.configure(document(number), stops_all),
            Step::Header { name, value } => self.field(name, value),
            Step::Request { method, path, is_last } => self.request(method, path, is_last),
            Step::Clusters { are_known, only } => {
                let state = if are_known { ClusterState::WithoutHosts } else { ClusterState::Unknown };
                host(|host| host.clusters = Clusters { state, only: only.to_vec() });
            }
            Step::Upstream { cluster } => host(|host| host.routed_to = cluster.to_vec()),
            Step::Call { status, body, is_reset } => {
                let headers = if is_reset { Headers::new() } else { self.headers(Some(status_of(status))) };
                answer_call(headers, body.to_vec());
            }
            Step::Operator { status, body, is_reset } => {
                let headers = if is_reset { Headers::new() } else { self.headers(Some(status_of(status))) };
                answer_agent(headers, body.to_vec());
            }
            Step::Wait { millis, backwards: true } => host(|host| host.clock = host.clock.saturating_sub(millis)),
            Step::Wait { millis, .. } => wait(millis.min(2 * LADDER)),
            Step::Stream { number } => self.current = number,
            _ => {
                if let Some(context) = self.current() {
                    self.play_in(context, step);
                }
            }
        }
        self.close();
    }

    /// Plays what is about one stream.
    fn play_in(&mut self, context: u32, step: Step<'_>) {
        let stops_all = self.stops_all;
        match step {
            Step::Body { bytes, is_last } => stream::body(context, bytes.to_vec(), is_last),
            Step::Trailers { of_answer: false } => stream::trailers(context, self.headers(None)),
            Step::Answer { status, details, is_last } => {
                let headers = self.headers(Some(status_of(status)));
                stream::answer(context, headers, details, is_last, stops_all);
            }
            Step::Piece { bytes, is_last } => stream::piece(context, bytes.to_vec(), is_last),
            Step::Trailers { of_answer: true } => stream::answer_trailers(context, self.headers(None)),
            Step::Leave { details } => {
                stream::leave(context, details);
                self.open.retain(|it| *it != context);
            }
            _ => {}
        }
    }

    fn configure(&mut self, document: &'static Document, stops_all: bool) {
        if self.roots.len() >= MOST_OPEN {
            return;
        }
        let root = configure(document.text.as_bytes());
        if document.is_good {
            self.in_force = Some(document);
        }
        let is_shadow = self.in_force.is_some_and(|document| document.is_shadow);
        host(|host| host.roots.get_mut(&root).map(|root| root.is_shadow = is_shadow));
        (self.root, self.stops_all) = (Some(root), stops_all);
        self.roots.push(root);
    }

    fn request(&mut self, method: &[u8], path: &[u8], is_last: bool) {
        if self.open.len() >= MOST_OPEN {
            return;
        }
        if self.root.is_none() {
            self.configure(document(0), false);
        }
        let Some(root) = self.root else { return };
        let mut headers = self.headers(None);
        for (name, value, instead) in [(":method", method, "GET"), (":path", path, "/"), (":authority", b"", "a")] {
            headers.push(name, if value.is_empty() { instead.as_bytes() } else { value });
        }
        let context = begin(root, self.terms(&headers));
        self.current = self.open.len();
        self.open.push(context);
        show_headers(context, Side::Request, headers, is_last, self.stops_all);
    }

    /// What the filter promises a request.
    fn terms(&self, request: &Headers) -> Terms {
        let is_shadow = self.in_force.is_some_and(|document| document.is_shadow);
        // A call brings neither events as they come nor trailers.
        let is_live = is_wanted(request) || is_request(request);
        let routed_to = host(|host| String::from_utf8(host.routed_to.clone()).unwrap_or_default());
        let is_strict = self.in_force.is_some_and(|it| it.is_strict) && !is_live && !routed_to.is_empty();
        let primary = Some(routed_to).filter(|_| is_strict);
        let clusters = SECONDARIES.map(str::to_owned).into_iter().chain(primary).collect();
        let ladder = Some((host(|host| host.clock), LADDER));
        Terms { request: request.clone(), is_shadow, ladder, clusters: Some(clusters), is_strict }
    }

    /// Keeps a field for the next headers. Envoy's codecs let no other names and values through.
    fn field(&mut self, name: &[u8], value: &[u8]) {
        let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        let is_value = |byte: &u8| !matches!(byte, 0 | b'\r' | b'\n');
        if let Ok(name) = std::str::from_utf8(name)
            && !name.is_empty()
            && name.bytes().all(|byte| is_token(&byte))
            && value.iter().all(is_value)
        {
            self.fields.push(name.to_ascii_lowercase(), value);
        }
    }

    /// The next headers.
    fn headers(&mut self, status: Option<&[u8]>) -> Headers {
        let mut headers = Headers::new();
        if let Some(status) = status {
            headers.push(":status", status);
        }
        headers.append(std::mem::take(&mut self.fields));
        headers
    }

    fn current(&self) -> Option<u32> {
        self.open.get(self.current % self.open.len().max(1)).copied()
    }

    /// Ends the streams whose clients have been answered.
    fn close(&mut self) {
        self.open.retain(|context| {
            let is_over = stream::is_over(*context);
            if is_over {
                end(*context);
            }
            !is_over
        });
    }

    /// Brings everything to its end, and checks that it comes to one.
    pub(super) fn finish(mut self) {
        for context in self.open.clone() {
            stream::bring_to_an_end(context);
        }
        self.close();
        for round in 0..MOST_ROUNDS {
            // A drill that is ready begins with the next tick.
            if round > 0 && host(|host| host.streams.is_empty() && host.calls.is_empty()) {
                break;
            }
            while answer_call(Headers::from_iter([(":status", "503")]), Vec::new()) {}
            wait(LADDER / 10);
            self.close();
        }
        host(|host| assert!(host.streams.is_empty(), "a client waits for ever: {:?}", host.streams));
        // One that waits for something new may do so for ever.
        while answer_agent(Headers::from_iter([(":status", "503")]), Vec::new()) {}
        for root in self.roots {
            stop(root);
        }
    }
}

/// The status of an answer. What stands there may be anything, because another filter may have put it there.
const fn status_of(status: &[u8]) -> &[u8] {
    if status.is_empty() { b"200" } else { status }
}
