//! What a stand-in region does with a request.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::body::{Body, Frame};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use tokio::sync::Semaphore;

use crate::line::Line;

/// How long a failure in mid-body waits after the last byte, so that the proxy has read what came before: a TCP
/// reset throws away what is still under way.
const BEFORE_BREAKING: Duration = Duration::from_millis(50);

/// What a stand-in region does with each request until it is told otherwise.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// Answers as a working AI service does: 200 with JSON that names the region and repeats the request's `id`.
    Serve,
    /// Answers 200 with the request's own body.
    Echo,
    /// Gives this answer.
    Answer(Box<Answer>),
    /// Accepts the request and never answers.
    Hang,
    /// Breaks the connection with a TCP reset before any header.
    Reset,
    /// Closes the connection properly before any header.
    Close,
    /// Answers 101 and then sends back every byte it gets.
    Upgrade,
}

impl From<Answer> for Behaviour {
    fn from(answer: Answer) -> Self {
        Self::Answer(Box::new(answer))
    }
}

/// How a scripted answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As HTTP wants it.
    Complete,
    /// A TCP reset after what has been sent of the body.
    Reset,
    /// The connection closes where more of the body was promised.
    Close,
    /// Nothing more comes, and the connection stays open.
    Stall,
}

/// A scripted answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) delay: Duration,
    pub(crate) is_early: bool,
    chunks: Vec<Bytes>,
    pace: Pace,
    trailers: Option<HeaderMap>,
    ending: Ending,
}

impl Answer {
    /// An answer with an empty body and `content-length: 0`.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            delay: Duration::ZERO,
            is_early: false,
            chunks: Vec::new(),
            pace: Pace::AtOnce,
            trailers: None,
            ending: Ending::Complete,
        }
    }

    /// The whole body, sent with its length.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.chunks = vec![body.into()];
        self
    }

    /// A body of text.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.header(CONTENT_TYPE.as_str(), "text/plain").body(text.to_owned())
    }

    /// A body of JSON.
    #[must_use]
    pub fn json(self, json: &serde_json::Value) -> Self {
        self.header(CONTENT_TYPE.as_str(), "application/json").body(json.to_string())
    }

    /// Adds a header. The value may be any bytes that HTTP allows, also such that are not UTF-8; a name or a value
    /// that HTTP does not allow is left out.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        append(&mut self.headers, name, value.as_ref());
        self
    }

    /// Adds a trailer. Only HTTP/2 carries it all the way.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        append(self.trailers.get_or_insert_default(), name, value.as_ref());
        self
    }

    /// Waits so long before the headers.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Answers as soon as the headers of the request are there, without reading its body.
    #[must_use]
    pub fn early(mut self) -> Self {
        self.is_early = true;
        self
    }

    /// Sends the body in these chunks, with a pause before each, and without a length.
    #[must_use]
    pub fn drip<T: Into<Bytes>>(mut self, chunks: impl IntoIterator<Item = T>, interval: Duration) -> Self {
        self.chunks = chunks.into_iter().map(Into::into).collect();
        self.pace = Pace::Every(interval);
        self
    }

    /// Sends the body in these chunks, each with a permit of the gate, and without a length.
    #[must_use]
    pub fn gated<T: Into<Bytes>>(mut self, chunks: impl IntoIterator<Item = T>, gate: &Arc<Semaphore>) -> Self {
        self.chunks = chunks.into_iter().map(Into::into).collect();
        self.pace = Pace::Gated(Arc::clone(gate));
        self
    }

    /// Server-sent events with a pause before each; the stream then stays open.
    pub fn event_stream(events: &[&str], interval: Duration) -> Self {
        Self::status(200)
            .header(CONTENT_TYPE.as_str(), "text/event-stream")
            .drip(events.iter().map(|event| format!("data: {event}\n\n")), interval)
            .ending(Ending::Stall)
    }

    /// The answer of a service that is asked too often.
    pub fn rate_limited(retry_after: u32) -> Self {
        Self::status(429).header("retry-after", retry_after.to_string()).text("slow down")
    }

    /// How the answer ends.
    #[must_use]
    pub fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    /// The body, if it can be sent at once and with its length.
    pub(crate) fn whole_body(&self) -> Option<Bytes> {
        let plain = matches!(self.pace, Pace::AtOnce) && self.trailers.is_none() && self.ending == Ending::Complete;
        match self.chunks.as_slice() {
            [] if plain => Some(Bytes::new()),
            [only] if plain => Some(only.clone()),
            _ => None,
        }
    }

    /// The body as a sequence of steps.
    pub(crate) fn scripted_body(&self, line: Arc<Line>) -> ScriptedBody {
        let mut steps = VecDeque::new();
        for chunk in &self.chunks {
            match &self.pace {
                Pace::AtOnce => {}
                Pace::Every(interval) => steps.push_back(Step::Wait(*interval)),
                Pace::Gated(gate) => steps.push_back(Step::Pass(Arc::clone(gate))),
            }
            steps.push_back(Step::Send(chunk.clone()));
        }
        if self.ending != Ending::Complete {
            steps.push_back(Step::Wait(BEFORE_BREAKING));
        }
        match self.ending {
            Ending::Complete => steps.extend(self.trailers.clone().map(Step::Trailers)),
            Ending::Reset => steps.extend([Step::Reset, Step::Stall]),
            Ending::Close => steps.push_back(Step::Close),
            Ending::Stall => steps.push_back(Step::Stall),
        }
        ScriptedBody { steps, waiting: None, line }
    }
}

/// Adds a header, if HTTP allows its name and its value.
pub(crate) fn append(headers: &mut HeaderMap, name: &str, value: &[u8]) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value)) {
        headers.append(name, value);
    }
}

/// When the next chunk of a body is sent.
#[derive(Debug, Clone)]
enum Pace {
    AtOnce,
    Every(Duration),
    Gated(Arc<Semaphore>),
}

enum Step {
    Wait(Duration),
    Pass(Arc<Semaphore>),
    Send(Bytes),
    Trailers(HeaderMap),
    Close,
    Reset,
    Stall,
}

/// A body that plays its steps one after the other.
pub(crate) struct ScriptedBody {
    steps: VecDeque<Step>,
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
    line: Arc<Line>,
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                if waiting.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                self.waiting = None;
            }
            match self.steps.pop_front() {
                None => return Poll::Ready(None),
                Some(Step::Wait(time)) => self.waiting = Some(Box::pin(tokio::time::sleep(time))),
                Some(Step::Pass(gate)) => self.waiting = Some(Box::pin(pass(gate))),
                Some(Step::Send(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Some(Step::Trailers(trailers)) => {
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
                Some(Step::Close) => {
                    return Poll::Ready(Some(Err(io::Error::other("closed as scripted"))));
                }
                Some(Step::Reset) => self.line.reset(),
                Some(Step::Stall) => {
                    // Nothing will wake this body: the server drops it with the connection.
                    self.steps.push_front(Step::Stall);
                    return Poll::Pending;
                }
            }
        }
    }
}

async fn pass(gate: Arc<Semaphore>) {
    // Nobody closes a gate; if it were closed, what is behind it would be sent at once.
    if let Ok(permit) = gate.acquire().await {
        permit.forget();
    }
}
