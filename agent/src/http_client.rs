//! A small HTTP/1.1 client for one server on this machine, over TCP or a Unix socket.
//!
//! It has no deadline of its own: who calls it knows how long there is, and wraps the whole in one.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;

use crate::address::Address;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Nobody listens there.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Where.
        address: Address,
        /// Why not.
        source: std::io::Error,
    },
    /// It was no HTTP, or broke off.
    #[error("the exchange failed: {0}")]
    Exchange(#[from] hyper::Error),
    /// The request cannot be written.
    #[error("the request cannot be written: {0}")]
    Request(#[from] hyper::http::Error),
    /// The answer is too long, or broke off.
    #[error("the answer cannot be read: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
}

/// A connection to a server. All its requests meet the same process.
#[derive(Debug)]
pub struct HttpClient {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for HttpClient {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl HttpClient {
    /// Connects.
    ///
    /// # Errors
    ///
    /// Where nobody listens.
    pub async fn connect(address: &Address) -> Result<Self, HttpError> {
        let failed = |source| HttpError::Connect { address: address.clone(), source };
        match address {
            Address::Tcp(addr) => Self::over(TcpStream::connect(addr).await.map_err(failed)?).await,
            Address::Unix(path) => Self::over(UnixStream::connect(path).await.map_err(failed)?).await,
        }
    }

    async fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Self, HttpError> {
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(async move {
            // What goes wrong is told to whoever waits for an answer.
            let _ = connection.await;
        });
        Ok(Self { sender, driver })
    }

    /// Sends a request whose address is a path, and gives the answer as soon as its head is there.
    ///
    /// # Errors
    ///
    /// Where the connection breaks, or what comes is no HTTP.
    pub async fn send(&mut self, mut request: Request<Full<Bytes>>) -> Result<Response<Incoming>, HttpError> {
        // HTTP/1.1 asks for one; on a Unix socket there is no name to give.
        request.headers_mut().entry(HOST).or_insert(HeaderValue::from_static("localhost"));
        self.sender.ready().await?;
        Ok(self.sender.send_request(request).await?)
    }

    /// Asks for a path.
    ///
    /// # Errors
    ///
    /// As [`HttpClient::send`].
    pub async fn get(&mut self, path: &str) -> Result<Response<Incoming>, HttpError> {
        self.send(Request::get(path).body(Full::default())?).await
    }
}

/// Reads the body of an answer, at most `max` bytes of it.
///
/// # Errors
///
/// Where it is longer, or breaks off.
pub async fn read_body(answer: Response<Incoming>, max: usize) -> Result<Bytes, HttpError> {
    Ok(Limited::new(answer.into_body(), max).collect().await.map_err(HttpError::Body)?.to_bytes())
}
