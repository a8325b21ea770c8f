//! A client that only ever sees HTTP, and says exactly what it saw.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::header::{HOST, HeaderMap, HeaderValue};
use hyper::{Method, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Sleep, sleep, timeout};

use crate::behaviour::append;

/// No test wants an answer later than this: it is there so that a lost answer fails the test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(10);
const MAX_HEADERS: usize = 1024;
/// Who has sent what was redirected. It matters to nobody.
const SOMEBODY: &str = "10.0.0.9";
const SOME_PORT: u16 = 40_000;

type RequestBody = BoxBody<Bytes, Infallible>;

/// The protocol between client and mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1
    Http1,
    /// HTTP/2 without TLS, with prior knowledge
    Http2,
}

/// A request to send.
#[derive(Debug, Clone)]
pub struct Request {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
    /// The body instead, where it is not sent at once.
    in_chunks: Option<Chunks>,
}

#[derive(Debug, Clone, Default)]
struct Chunks {
    pieces: Vec<Bytes>,
    interval: Duration,
    trailers: Option<HeaderMap>,
}

impl Request {
    /// A request without a body.
    pub fn new(method: Method, path: &str) -> Self {
        Self { method, path: path.to_owned(), headers: HeaderMap::new(), body: Bytes::new(), in_chunks: None }
    }

    /// A GET.
    pub fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    /// A POST of JSON with a known length.
    pub fn post(path: &str, body: impl Into<Bytes>) -> Self {
        Self::new(Method::POST, path).header("content-type", "application/json").body(body)
    }

    /// The body, with its length.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        (self.body, self.in_chunks) = (body.into(), None);
        self
    }

    /// The body in chunks, of a length that is not said.
    #[must_use]
    pub fn chunks<T: Into<Bytes>>(mut self, chunks: impl IntoIterator<Item = T>) -> Self {
        self.in_chunks().pieces = chunks.into_iter().map(Into::into).collect();
        self
    }

    /// Waits so long before each chunk.
    #[must_use]
    pub fn pace(mut self, interval: Duration) -> Self {
        self.in_chunks().interval = interval;
        self
    }

    /// Adds a trailer. Only HTTP/2 carries it all the way.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        append(self.in_chunks().trailers.get_or_insert_default(), name, value.as_ref());
        self
    }

    fn in_chunks(&mut self) -> &mut Chunks {
        let whole = std::mem::take(&mut self.body);
        let pieces = if whole.is_empty() { Vec::new() } else { vec![whole] };
        self.in_chunks.get_or_insert_with(|| Chunks { pieces, ..Chunks::default() })
    }

    /// Adds a header, of any bytes that HTTP allows; one that HTTP does not allow is left out, send it with
    /// [`RawConnection`](crate::RawConnection).
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        append(&mut self.headers, name, value.as_ref());
        self
    }

    fn into_http(self, addr: SocketAddr, protocol: Protocol) -> Result<hyper::Request<RequestBody>, Failure> {
        let unusable = |error: hyper::http::Error| Failure::NoAnswer(error.to_string());
        let uri = match protocol {
            Protocol::Http1 => Uri::try_from(self.path.as_str()).map_err(|error| unusable(error.into()))?,
            Protocol::Http2 => Uri::builder()
                .scheme("http")
                .authority(addr.to_string())
                .path_and_query(self.path.as_str())
                .build()
                .map_err(unusable)?,
        };
        let body = match self.in_chunks {
            None => Full::new(self.body).boxed(),
            Some(chunks) => PacedBody::of(chunks).boxed(),
        };
        let mut request = hyper::Request::builder().method(self.method).uri(uri).body(body).map_err(unusable)?;
        *request.headers_mut() = self.headers;
        if protocol == Protocol::Http1 && !request.headers().contains_key(HOST) {
            let host = HeaderValue::try_from(addr.to_string()).map_err(|error| unusable(error.into()))?;
            request.headers_mut().insert(HOST, host);
        }
        Ok(request)
    }
}

/// A complete answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body, or what came of it.
    pub body: Bytes,
    /// The trailers, if there were any.
    pub trailers: Option<HeaderMap>,
}

impl Reply {
    /// The first value of a header, if it is there and ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text, with replacements for what is not UTF-8.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// What the nearest sidecar says about the answer: the headers `x-helius-*`, without that prefix.
    pub fn marks(&self) -> BTreeMap<&str, &str> {
        let mut marks = BTreeMap::new();
        for (name, value) in &self.headers {
            if let (Some(name), Ok(value)) = (name.as_str().strip_prefix("x-helius-"), value.to_str()) {
                marks.entry(name).or_insert(value);
            }
        }
        marks
    }
}

/// What a client sees when it gets no complete answer.
#[derive(Debug, Clone)]
pub enum Failure {
    /// No connection.
    NotConnected(String),
    /// The connection broke before the headers of an answer.
    NoAnswer(String),
    /// The connection broke in mid-body.
    Truncated {
        /// What had come until then.
        reply: Box<Reply>,
        /// How it broke.
        error: String,
    },
    /// Nothing came for longer than any client waits.
    TooSlow,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected(error) => write!(formatter, "no connection: {error}"),
            Self::NoAnswer(error) => write!(formatter, "no answer: {error}"),
            Self::Truncated { reply, error } => {
                write!(formatter, "{} bytes of a {} came, then: {error}", reply.body.len(), reply.status)
            }
            Self::TooSlow => write!(formatter, "no answer within {PATIENCE:?}"),
        }
    }
}

impl Error for Failure {}

/// A client of the mesh.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    addr: SocketAddr,
    protocol: Protocol,
}

impl Client {
    /// A client that talks to this address.
    pub fn new(addr: SocketAddr, protocol: Protocol) -> Self {
        Self { addr, protocol }
    }

    /// Where it connects to.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Sends a request over a connection of its own and reads the whole answer.
    pub async fn send(&self, request: Request) -> Result<Reply, Failure> {
        self.connect().await?.send(request).await
    }

    /// A connection that stays open for several requests.
    pub async fn connect(&self) -> Result<Connection, Failure> {
        let stream = TcpStream::connect(self.addr).await.map_err(|error| Failure::NotConnected(error.to_string()))?;
        // Requests are small and written in several pieces: without this a second of delay hides in the tests.
        stream.set_nodelay(true).map_err(|error| Failure::NotConnected(error.to_string()))?;
        let sender = handshake(stream, self.protocol).await?;
        Ok(Connection { addr: self.addr, sender })
    }
}

async fn handshake<S>(stream: S, protocol: Protocol) -> Result<Sender, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(stream);
    let not_connected = |error: hyper::Error| Failure::NotConnected(explain(&error));
    Ok(match protocol {
        Protocol::Http1 => {
            let (sender, connection) =
                http1::Builder::new().max_headers(MAX_HEADERS).handshake(io).await.map_err(not_connected)?;
            tokio::spawn(connection);
            Sender::Http1(sender)
        }
        Protocol::Http2 => {
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .max_header_list_size(1 << 20)
                .handshake(io)
                .await
                .map_err(not_connected)?;
            tokio::spawn(connection);
            Sender::Http2(sender)
        }
    })
}

/// An open connection to the mesh. Dropping it closes it, whatever is under way.
#[derive(Debug)]
pub struct Connection {
    addr: SocketAddr,
    sender: Sender,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<RequestBody>),
    Http2(http2::SendRequest<RequestBody>),
}

impl Connection {
    /// A connection over HTTP/1.1 that was on its way to `destination` and came to a Unix socket instead, which is told so by
    /// a line of the PROXY protocol: what iptables does in a pod, without being root.
    pub async fn redirected(socket: &Path, destination: SocketAddr) -> Result<Self, Failure> {
        let not_connected = |error: std::io::Error| Failure::NotConnected(error.to_string());
        let mut stream = UnixStream::connect(socket).await.map_err(not_connected)?;
        let line = format!("PROXY TCP4 {SOMEBODY} {} {SOME_PORT} {}\r\n", destination.ip(), destination.port());
        stream.write_all(line.as_bytes()).await.map_err(not_connected)?;
        Ok(Self { addr: destination, sender: handshake(stream, Protocol::Http1).await? })
    }

    /// Another handle on the same connection, for requests at the same time; only HTTP/2 can.
    pub fn share(&self) -> Option<Self> {
        match &self.sender {
            Sender::Http1(_) => None,
            Sender::Http2(sender) => Some(Self { addr: self.addr, sender: Sender::Http2(sender.clone()) }),
        }
    }

    /// Whether the other side has closed it.
    pub fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&mut self, request: Request) -> Result<Reply, Failure> {
        self.open(request).await?.finish().await
    }

    /// Sends a request and returns as soon as the headers of the answer are there.
    pub async fn open(&mut self, request: Request) -> Result<OpenReply, Failure> {
        let protocol = match self.sender {
            Sender::Http1(_) => Protocol::Http1,
            Sender::Http2(_) => Protocol::Http2,
        };
        let request = request.into_http(self.addr, protocol)?;
        let response = timeout(PATIENCE, async {
            match &mut self.sender {
                Sender::Http1(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
                Sender::Http2(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
            }
        });
        match response.await {
            Ok(Ok(response)) => Ok(OpenReply::new(response)),
            Ok(Err(error)) => Err(Failure::NoAnswer(explain(&error))),
            Err(_) => Err(Failure::TooSlow),
        }
    }
}

/// An answer whose headers are there and whose body is still coming.
#[derive(Debug)]
pub struct OpenReply {
    /// What has come so far.
    pub so_far: Reply,
    body: Incoming,
}

impl OpenReply {
    fn new(response: Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        let so_far = Reply { status: head.status.as_u16(), headers: head.headers, body: Bytes::new(), trailers: None };
        Self { so_far, body }
    }

    /// The next piece of the body; none at its end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let frame = match timeout(PATIENCE, self.body.frame()).await {
                Err(_) => return Err(Failure::TooSlow),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(self.truncated(&error)),
                Ok(Some(Ok(frame))) => frame,
            };
            match frame.into_data() {
                Ok(data) => return Ok(Some(data)),
                Err(frame) => self.so_far.trailers = frame.into_trailers().ok(),
            }
        }
    }

    /// Reads the rest.
    pub async fn finish(mut self) -> Result<Reply, Failure> {
        let mut body = self.so_far.body.to_vec();
        loop {
            match self.next().await {
                Ok(Some(data)) => body.extend_from_slice(&data),
                Ok(None) => break,
                Err(Failure::Truncated { mut reply, error }) => {
                    reply.body = body.into();
                    return Err(Failure::Truncated { reply, error });
                }
                Err(other) => return Err(other),
            }
        }
        self.so_far.body = body.into();
        Ok(self.so_far)
    }

    fn truncated(&self, error: &hyper::Error) -> Failure {
        Failure::Truncated { reply: Box::new(self.so_far.clone()), error: explain(error) }
    }
}

/// A request body whose length nobody knows beforehand, and which may take its time.
#[derive(Debug)]
struct PacedBody {
    frames: VecDeque<Frame<Bytes>>,
    interval: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl PacedBody {
    fn of(Chunks { pieces, interval, trailers }: Chunks) -> Self {
        let frames = pieces.into_iter().map(Frame::data).chain(trailers.map(Frame::trailers));
        Self { frames: frames.collect(), interval, waiting: None }
    }
}

impl Body for PacedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !self.interval.is_zero() && !self.frames.is_empty() {
            let interval = self.interval;
            let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(interval)));
            ready!(waiting.as_mut().poll(context));
            self.waiting = None;
        }
        Poll::Ready(self.frames.pop_front().map(Ok))
    }
}

/// The error with its causes: hyper's own message names only the outermost.
fn explain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
