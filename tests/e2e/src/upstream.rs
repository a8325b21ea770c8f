//! A stand-in region: an HTTP server in this process that does what it is told and remembers what it was asked.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::behaviour::{Answer, Behaviour};
use crate::line::Line;
use crate::port::ReservedPort;
use crate::server::Server;
use crate::wait::wait_for;

/// More than any test sends, so that the stand-in is never the one who refuses.
const MAX_HEADERS: usize = 1024;

type ResponseBody = BoxBody<Bytes, io::Error>;

/// A request as it arrived at a region.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// The headers, without the pseudo ones.
    pub headers: HeaderMap,
    /// The whole body, or nothing where the region did not read it.
    pub body: Bytes,
}

impl Recorded {
    /// The first value of a header, if it is there and ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A region that speaks HTTP/1.1 and HTTP/2 (with prior knowledge) on one port.
///
/// The port stays reserved for its whole life, also while it refuses connections.
#[derive(Debug)]
pub struct Upstream {
    port: ReservedPort,
    shared: Arc<Shared>,
    server: Option<Server>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    behaviour: Mutex<Behaviour>,
    requests: Mutex<Vec<Recorded>>,
}

impl Upstream {
    /// A region that serves on a port of its own. Its name is in its answers, as the JSON field and the header
    /// `region`.
    pub async fn start(name: &str) -> io::Result<Self> {
        Self::start_on(name, ReservedPort::any()?).await
    }

    /// A region on a port that the caller chose.
    pub async fn start_on(name: &str, port: ReservedPort) -> io::Result<Self> {
        let mut this = Self::new(name, port);
        this.accept().await?;
        Ok(this)
    }

    /// A region that refuses connections until it is told to accept them.
    ///
    /// One that has listened before may still accept a connection for a moment after [`refuse`](Self::refuse): while a
    /// test beside this one starts a process, that process has a copy of every socket.
    pub fn start_refusing(name: &str) -> io::Result<Self> {
        Ok(Self::new(name, ReservedPort::any()?))
    }

    fn new(name: &str, port: ReservedPort) -> Self {
        let shared =
            Shared { name: name.to_owned(), behaviour: Mutex::new(Behaviour::Serve), requests: Mutex::default() };
        Self { port, shared: Arc::new(shared), server: None }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.port.addr()
    }

    /// What it does with requests from now on.
    pub fn behave(&self, behaviour: impl Into<Behaviour>) {
        *lock(&self.shared.behaviour) = behaviour.into();
    }

    /// Refuses connections from now on, and breaks those that are open.
    pub async fn refuse(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    /// Whether it refuses connections.
    pub fn is_refusing(&self) -> bool {
        self.server.is_none()
    }

    /// Accepts connections again.
    pub async fn accept(&mut self) -> io::Result<()> {
        self.refuse().await;
        let listener = self.port.listen()?;
        let shared = Arc::clone(&self.shared);
        self.server = Some(Server::start(listener, move |stream| serve_connection(stream, Arc::clone(&shared))));
        Ok(())
    }

    /// Every request that it read, in order; what broke off before its end is not among them.
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.shared.requests).clone()
    }

    /// How many requests arrived.
    pub fn count(&self) -> usize {
        lock(&self.shared.requests).len()
    }

    /// Forgets the requests so far and returns them.
    pub fn take_requests(&self) -> Vec<Recorded> {
        std::mem::take(&mut *lock(&self.shared.requests))
    }

    /// Waits until so many requests have arrived.
    pub async fn wait_for_requests(&self, count: usize) -> anyhow::Result<()> {
        let what = format!("{count} requests at {}", self.shared.name);
        let deadline = Duration::from_secs(5);
        wait_for(&what, deadline, async || (self.count() >= count).then_some(())).await
    }
}

async fn serve_connection(stream: TcpStream, shared: Arc<Shared>) {
    let Ok((stream, line)) = Line::of(stream) else {
        return;
    };
    let for_requests = Arc::clone(&line);
    let service = service_fn(move |request| answer(request, Arc::clone(&shared), Arc::clone(&for_requests)));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().max_headers(MAX_HEADERS);
    // How many requests a region takes at once is for the test to say, not for its stand-in.
    builder.http2().max_header_list_size(1 << 20).max_concurrent_streams(1 << 16);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    tokio::select! {
        // How a connection ended is seen by the proxy at its other end.
        _ = connection => {}
        () = line.was_cut() => {}
    }
}

async fn answer(
    mut request: Request<Incoming>,
    shared: Arc<Shared>,
    line: Arc<Line>,
) -> io::Result<Response<ResponseBody>> {
    let behaviour = lock(&shared.behaviour).clone();
    let is_early = matches!(&behaviour, Behaviour::Answer(answer) if answer.is_early);
    let body = if is_early { Bytes::new() } else { read_body(&mut request).await? };
    lock(&shared.requests).push(Recorded {
        method: request.method().clone(),
        path: request.uri().path_and_query().map_or_else(String::new, ToString::to_string),
        headers: request.headers().clone(),
        body: body.clone(),
    });
    match behaviour {
        Behaviour::Serve => respond(&ordinary_answer(&shared.name, &body), line).await,
        Behaviour::Echo => respond(&Answer::status(200).body(body), line).await,
        Behaviour::Answer(scripted) => respond(&scripted, line).await,
        Behaviour::Hang => std::future::pending().await,
        Behaviour::Reset => {
            line.reset();
            std::future::pending().await
        }
        Behaviour::Close => Err(io::Error::other("closed as scripted")),
        Behaviour::Upgrade => upgrade(request),
    }
}

async fn read_body(request: &mut Request<Incoming>) -> io::Result<Bytes> {
    Ok(request.body_mut().collect().await.map_err(io::Error::other)?.to_bytes())
}

fn ordinary_answer(region: &str, request: &[u8]) -> Answer {
    let request: Value = serde_json::from_slice(request).unwrap_or_default();
    let mut answer = json!({
        "action": "route_to_expert",
        "confidence": 0.93,
        "rationale": "the question needs a person",
        "region": region,
    });
    if let Some(id) = request.get("id") {
        answer["id"] = id.clone();
    }
    Answer::status(200).header("region", region).json(&answer)
}

async fn respond(answer: &Answer, line: Arc<Line>) -> io::Result<Response<ResponseBody>> {
    tokio::time::sleep(answer.delay).await;
    let body = match answer.whole_body() {
        Some(whole) => Full::new(whole).map_err(|never| match never {}).boxed(),
        None => answer.scripted_body(line).boxed(),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).map_err(io::Error::other)?;
    *response.headers_mut() = answer.headers.clone();
    Ok(response)
}

fn upgrade(request: Request<Incoming>) -> io::Result<Response<ResponseBody>> {
    tokio::spawn(async move {
        let Ok(upgraded) = hyper::upgrade::on(request).await else {
            return;
        };
        let (mut reader, mut writer) = tokio::io::split(TokioIo::new(upgraded));
        // Ends when the client does, in whatever way.
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .body(Full::default().map_err(|never| match never {}).boxed())
        .map_err(io::Error::other)
}

/// A test that failed while it held the lock has its own message; the next one shall not fail for that.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
