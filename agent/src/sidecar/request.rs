//! A request to the agent as its handlers see it: whole.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};

/// Longest body that is read: a good answer of the filter.
pub const MAX_BODY: usize = crate::last_good::LONGEST;

/// What the agent answers.
pub type Answer = Response<Full<Bytes>>;

/// A request, whole.
#[derive(Debug)]
pub struct Request {
    /// Method, path, query and headers.
    pub head: Parts,
    /// At most [`MAX_BODY`] bytes.
    pub body: Bytes,
    /// Who is at the other end, as far as the kernel says it.
    pub remote: Option<String>,
}

impl Request {
    /// The value of a parameter of the query, the first where it stands twice; not decoded.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let query = self.head.uri.query()?;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// Reads the body of a request.
    pub(super) async fn read(head: Parts, body: Incoming, remote: Option<String>) -> Result<Self, Answer> {
        // Where it says its length, nobody has to wait for it.
        if body.size_hint().lower() > MAX_BODY as u64 {
            return Err(too_long());
        }
        match Limited::new(body, MAX_BODY).collect().await {
            Ok(body) => Ok(Self { head, body: body.to_bytes(), remote }),
            Err(error) if error.is::<LengthLimitError>() => Err(too_long()),
            Err(_) => Err(text(StatusCode::BAD_REQUEST, "the body cannot be read; send it whole\n")),
        }
    }
}

fn too_long() -> Answer {
    text(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 264 KiB; nothing here needs so much\n")
}

/// An answer of plain text.
pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
