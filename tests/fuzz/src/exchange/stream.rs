//! What is played to one stream. Whatever its phase does not allow is not played.

use helius_policy::http::Headers;

use crate::envoy::{end, show_body, show_headers, show_trailers};
use crate::host::{Side, Stream, host};

/// A piece of the request's body.
pub(super) fn body(context: u32, piece: Vec<u8>, is_last: bool) {
    if !is_reading(context) {
        return;
    }
    host(|host| host.streams.get_mut(&context).map(|stream| stream.ledger.body.extend_from_slice(&piece)));
    show_body(context, Side::Request, piece, is_last);
}

/// The request ends with trailers.
pub(super) fn trailers(context: u32, trailers: Headers) {
    if is_reading(context) {
        show_trailers(context, Side::Request, trailers);
    }
}

/// The primary's answer begins, or Envoy answers.
pub(super) fn answer(context: u32, headers: Headers, details: &[u8], is_last: bool, stops_all: bool) {
    if has(context, |stream| stream.response.headers.is_some()) {
        return;
    }
    set_details(context, details);
    let is_bare = has(context, |stream| stream.ledger.is_head()) || matches!(headers.status(), Some(204 | 304));
    show_headers(context, Side::Response, headers, is_last || is_bare, stops_all);
}

/// A piece of the answer's body.
pub(super) fn piece(context: u32, piece: Vec<u8>, is_last: bool) {
    if is_answering(context) {
        show_body(context, Side::Response, piece, is_last);
    }
}

/// The answer ends with trailers.
pub(super) fn answer_trailers(context: u32, trailers: Headers) {
    if is_answering(context) {
        show_trailers(context, Side::Response, trailers);
    }
}

/// The stream is gone before its answer has ended.
pub(super) fn leave(context: u32, details: &[u8]) {
    set_details(context, details);
    end(context);
}

/// The request ends, and the primary answers if it has not yet.
pub(super) fn bring_to_an_end(context: u32) {
    body(context, Vec::new(), true);
    let headers = Headers::from_iter([(":status", "503"), ("content-type", "text/plain")]);
    answer(context, headers, b"upstream_reset_before_response_started{remote_connection_failure}", false, false);
    piece(context, Vec::new(), true);
}

/// Whether the client has all of its answer.
pub(super) fn is_over(context: u32) -> bool {
    has(context, Stream::is_over)
}

fn set_details(context: u32, details: &[u8]) {
    host(|host| host.streams.get_mut(&context).map(|stream| details.clone_into(&mut stream.details)));
}

/// Whether more of the request may come: with the last byte of an answer Envoy stops reading it.
fn is_reading(context: u32) -> bool {
    has(context, |stream| {
        !stream.request.has_ended && !stream.stops_reading && !stream.response.has_ended && !stream.is_over()
    })
}

/// Whether more of an answer may come.
fn is_answering(context: u32) -> bool {
    has(context, |stream| stream.response.headers.is_some() && !stream.response.has_ended && !stream.is_over())
}

fn has(context: u32, question: impl FnOnce(&Stream) -> bool) -> bool {
    host(|host| host.streams.get(&context).is_some_and(question))
}
