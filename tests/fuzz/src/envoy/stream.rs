//! A stream from its first callback to its last, and what its client gets.

use helius_policy::http::Headers;

use super::iteration::{show_body, show_headers};
use super::local_reply::form;
use super::vm::call;
use crate::host::{Ledger, Reply, Side, Stream, Terms, border, host};

/// A stream comes in under the configuration of `root`: nothing is shown yet.
pub(crate) fn begin(root: u32, terms: Terms) -> u32 {
    let context = host(|host| {
        let context = host.new_context();
        host.streams.insert(context, Stream { root, ledger: Ledger::new(terms), ..Stream::default() });
        context
    });
    call(context, || border::proxy_on_context_create(context, root));
    context
}

/// A stream is over: its answer has been sent, or somebody left. Does nothing where it is over already.
pub(crate) fn end(context: u32) {
    let is_open = host(|host| {
        let Ok(stream) = host.stream(context) else { return false };
        // Sending the last of an answer may happen inside a callback that the stream has still to return from.
        !std::mem::replace(&mut stream.is_logging, true)
    });
    if !is_open {
        return;
    }
    call(context, || border::proxy_on_log(context));
    call(context, || border::proxy_on_done(context));
    call(context, || border::proxy_on_delete(context));
    if let Some(stream) = host(|host| host.streams.remove(&context)) {
        stream.ledger.check_books();
        host(|host| host.served.extend(stream.ledger.client));
    }
}

/// The filter answers by itself: in place of the answer that it holds, which goes past all filters, or before there is
/// one, which goes through them, itself included.
pub(super) fn reply(context: u32, reply: Reply) {
    let (is_first, headers, body, is_last) = host(|host| {
        let stream = host.stream(context).expect("a reply to a stream that is there");
        let is_first = stream.response.headers.is_none();
        stream.stops_reading |= is_first;
        stream.details.clear();
        let (headers, body) = form(stream, reply);
        let is_last = stream.ledger.is_head() || body.is_empty();
        (is_first, headers, body, is_last)
    });
    if !is_first {
        return send_past(context, headers, &body, is_last);
    }
    show_headers(context, Side::Response, headers, is_last, false);
    if !is_last {
        show_body(context, Side::Response, body, true);
    }
}

/// A held body has outgrown Envoy's buffer: Envoy answers, through the filter if nothing has been answered yet.
pub(super) fn too_large(context: u32, side: Side) {
    let (status, details, text) = match side {
        Side::Request => (413, "request_payload_too_large", "Payload Too Large"),
        Side::Response => (500, "response_payload_too_large", "Internal Server Error"),
    };
    let headers = Headers::from_iter([("content-type", "text/plain")]);
    let reply = Reply { status, headers, body: text.into(), grpc_status: -1 };
    let (state, headers, body, is_last) = host(|host| {
        let stream = host.stream(context).expect("a stream that is held");
        details.as_bytes().clone_into(&mut stream.details);
        stream.stops_reading = true;
        let (headers, body) = form(stream, reply);
        let is_last = stream.ledger.is_head() || body.is_empty();
        ((stream.response.headers.is_some(), stream.ledger.client.is_some()), headers, body, is_last)
    });
    match state {
        (false, _) => {
            show_headers(context, Side::Response, headers, is_last, false);
            if !is_last {
                show_body(context, Side::Response, body, true);
            }
        }
        (true, false) => send_past(context, headers, &body, is_last),
        // What is on its way can only be cut off.
        (true, true) => end(context),
    }
}

/// An answer that no filter sees takes the place of the one in hand.
fn send_past(context: u32, headers: Headers, body: &[u8], is_last: bool) {
    host(|host| host.stream(context).map(|stream| stream.response.headers = Some(headers)).ok());
    send_headers(context, is_last);
    if !is_last {
        send_body(context, body, true);
    }
}

/// Headers go to the client.
pub(super) fn send_headers(context: u32, is_last: bool) {
    host(|host| {
        let stream = host.stream(context).expect("an answer of a stream that is there");
        let headers = stream.response.headers.clone().unwrap_or_default();
        assert!(stream.ledger.client.is_none(), "a second answer: {headers:?}");
        stream.ledger.client.get_or_insert_default().headers = headers;
    });
    if is_last {
        send_body(context, b"", true);
    }
}

/// A piece of body goes to the client.
pub(super) fn send_body(context: u32, piece: &[u8], is_last: bool) {
    host(|host| {
        let ledger = &mut host.stream(context).expect("an answer of a stream that is there").ledger;
        let client = ledger.client.as_mut().expect("headers go before the body");
        assert!(!client.has_all, "more of an answer that has ended");
        client.body.extend_from_slice(piece);
        if is_last {
            client.has_all = true;
            ledger.check_answer();
        }
    });
}

/// Trailers go to the client.
pub(super) fn send_trailers(context: u32) {
    send_body(context, b"", true);
}
