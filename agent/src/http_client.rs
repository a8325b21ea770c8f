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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    use super::*;

    #[tokio::test]
    async fn a_server_behind_a_socket_is_asked_and_no_more_is_read_than_may_be() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("server.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heads = String::new();
            for _ in 0..2 {
                let mut head = vec![0; 1024];
                let length = stream.read(&mut head).await.unwrap();
                heads += &String::from_utf8_lossy(&head[..length]);
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await.unwrap();
            }
            heads
        });
        let mut client = HttpClient::connect(&Address::Unix(path)).await.unwrap();
        let answer = client.get("/one").await.unwrap();
        assert_eq!(read_body(answer, 5).await.unwrap(), "hello");
        let answer = client.get("/two").await.unwrap();
        assert!(matches!(read_body(answer, 4).await, Err(HttpError::Body(_))));
        let heads = server.await.unwrap();
        assert!(heads.starts_with("GET /one HTTP/1.1\r\nhost: localhost\r\n"), "{heads}");
        assert!(heads.contains("GET /two HTTP/1.1\r\n"), "{heads}");
    }

    #[tokio::test]
    async fn nobody_there_is_an_error_that_says_where() {
        let address = Address::Unix("/nowhere/server.sock".into());
        let error = HttpClient::connect(&address).await.unwrap_err();
        assert!(error.to_string().starts_with("cannot connect to unix:/nowhere/server.sock: "), "{error}");
    }
}
