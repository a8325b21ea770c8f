//! What happens to an exchange, as the host reports it.

use std::time::Duration;

use crate::http::Headers;

/// Something that happened. Whatever order these come in, an exchange stays consistent.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A chunk of the request's body.
    RequestBody {
        /// The bytes; may be left empty when [`super::Exchange::wants_request_body`] says no.
        chunk: &'a [u8],
        /// How many bytes Envoy shows: all that have come while the request is held back, else a chunk.
        size: usize,
        /// Whether it is the last one.
        end_of_stream: bool,
    },
    /// The request ends with trailers.
    RequestTrailers,
    /// The primary's answer begins, or Envoy answers in its place.
    ResponseHeaders {
        /// The status; `None` where Envoy shows none that can be read.
        status: Option<u16>,
        /// Envoy's response code details; needed only where [`super::Exchange::needs_details`] says so.
        details: &'a [u8],
        /// The body's announced length in bytes; like `details`.
        length: Option<usize>,
        /// The value of `retry-after`; needed only where [`super::needs_retry_after`] says so.
        retry_after: Option<&'a [u8]>,
        /// All of them; needed only where [`super::Exchange::wants_response_headers`] says so.
        headers: Headers,
        /// Whether there is no body.
        end_of_stream: bool,
    },
    /// More of the primary's answer. While it is held, Envoy keeps what it has and adds to it.
    ResponseBody {
        /// The bytes; may be left empty when [`super::Exchange::wants_response_body`] says no.
        chunk: &'a [u8],
        /// Bytes that Envoy shows now.
        size: usize,
        /// Whether nothing follows.
        end_of_stream: bool,
    },
    /// The primary's answer ends with trailers.
    ResponseTrailers,
    /// The callout in flight brought an answer, or Envoy made one up for it.
    CallAnswered {
        /// With pseudo-headers.
        headers: Headers,
        /// The whole body.
        body: Vec<u8>,
    },
    /// The callout in flight ended without an answer.
    CallReset,
    /// Envoy did not begin the callout: it does not know the cluster, or the cluster has no host.
    CallRefused,
    /// Time has passed, and [`super::Exchange::is_impatient`].
    Waited {
        /// For how long it has been so, by a clock that does not step: the wall clock may, and nobody must wait an hour
        /// because it did.
        impatient_for: Duration,
    },
    /// The stream is gone; nothing can be answered any more.
    End {
        /// Envoy's response code details; needed only where [`super::Exchange::is_open`] says so.
        details: &'a [u8],
    },
}

/// Whether the `retry-after` of an answer with this status decides anything.
pub const fn needs_retry_after(status: Option<u16>) -> bool {
    matches!(status, Some(429))
}
