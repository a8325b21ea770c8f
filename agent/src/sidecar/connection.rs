//! One connection, one request, and an end to it, whatever the client does.
//!
//! A connection is closed after its answer. The clients are a Prometheus every few seconds and an Envoy on the same
//! machine, to whom a connection costs nothing; and a server that closes connections while they are idle does so just as a
//! request comes, which the client sees as a failure.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request as HttpRequest, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::debug;

use super::Sidecar;
use super::request::{Answer, Request, text};
use super::router::{Found, Router};

/// How long a client may take for the head of its request.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// How long a client may take to read its answer.
const READING_TIME: Duration = Duration::from_secs(5);
/// Longest head; hyper wants at least 8 KiB.
const MAX_HEAD: usize = 16 * 1024;

/// Serves one connection to its end.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    remote: Option<String>,
    sidecar: Arc<Sidecar>,
    router: Arc<Router>,
) {
    let end = Arc::new(Mutex::new(Instant::now() + HEAD_TIME + READING_TIME));
    let service = service_fn(|request: HttpRequest<Incoming>| {
        let (sidecar, router, end) = (Arc::clone(&sidecar), Arc::clone(&router), Arc::clone(&end));
        let remote = remote.clone();
        async move { Ok::<_, Infallible>(answer(request, remote, sidecar, &router, &end).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(MAX_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let mut is_told = false;
    loop {
        let until = *end.lock().unwrap_or_else(PoisonError::into_inner);
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    debug!(%error, "a connection ended early");
                }
                return;
            }
            // A client that has not asked yet is not waited for.
            () = sidecar.life.ending(), if !is_told => {
                is_told = true;
                connection.as_mut().graceful_shutdown();
            }
            () = sleep_until(until) => {
                if *end.lock().unwrap_or_else(PoisonError::into_inner) <= Instant::now() {
                    debug!("a client took too long");
                    return;
                }
            }
        }
    }
}

async fn answer(
    request: HttpRequest<Incoming>,
    remote: Option<String>,
    sidecar: Arc<Sidecar>,
    router: &Router,
    end: &Mutex<Instant>,
) -> Answer {
    let (head, body) = request.into_parts();
    let (handler, deadline) = match router.find(&head.method, head.uri.path()) {
        Found::Handler(handler, deadline) => (handler, deadline),
        Found::Answer(answer) => return answer,
    };
    *end.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + deadline + READING_TIME;
    let answering = timeout(deadline, async {
        match Request::read(head, body, remote).await {
            Ok(request) => handler(sidecar, request).await,
            Err(answer) => answer,
        }
    });
    answering.await.unwrap_or_else(|_| text(StatusCode::REQUEST_TIMEOUT, "this took too long\n"))
}
