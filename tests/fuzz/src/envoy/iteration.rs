//! The filter manager around the filter: what it is shown, and what goes on when it lets go.
//!
//! Both directions follow the same rules. With `allow_on_headers_stop_iteration` a pause on headers stops the headers
//! only: the body is shown as it comes, kept while the filter says so, and the first "continue" lets everything go.
//! Without it nothing is shown until the filter resumes the stream.

use helius_policy::http::Headers;

use super::stream::{send_body, send_headers, send_trailers, too_large};
use super::vm::call;
use crate::host::{Half, Iteration, Side, border, host};

/// `per_connection_buffer_limit_bytes`, as small as Istio's sidecars have it.
const BUFFER_LIMIT: usize = 32 << 10;

/// What a callback returns for "keep it".
const PAUSE: u32 = 1;

/// Does something with one direction of a stream, unless the stream is over: a reply of the filter's own ends it in the
/// middle of a callback, and what that callback returns does not count.
fn with<T>(context: u32, side: Side, act: impl FnOnce(&mut Half) -> T) -> Option<T> {
    host(|host| host.stream(context).ok().filter(|stream| !stream.is_over()).map(|stream| act(stream.half(side))))
}

/// Headers come. `stops_all` says what a pause means: nothing else is shown until it is resumed.
pub(crate) fn show_headers(context: u32, side: Side, headers: Headers, is_last: bool, stops_all: bool) {
    let count = headers.iter().count();
    let is_there = with(context, side, |half| {
        (half.headers, half.headers_shown) = (Some(headers), true);
        half.has_ended |= is_last;
    });
    if is_there.is_none() {
        return;
    }
    let action = call(context, || match side {
        Side::Request => border::proxy_on_request_headers(context, count, is_last),
        Side::Response => border::proxy_on_response_headers(context, count, is_last),
    });
    let goes_on = with(context, side, |half| {
        if action == PAUSE {
            half.iteration = if stops_all { Iteration::StoppedAll } else { Iteration::Stopped };
            return false;
        }
        half.headers_shown = false;
        // It may have been resumed while it was called.
        !std::mem::replace(&mut half.headers_gone, true)
    });
    if goes_on == Some(true) {
        forward_headers(context, side, is_last);
    }
}

/// What becomes of a piece of body.
enum Next {
    Nothing,
    Show(usize),
    Forward(Vec<u8>),
    LetGo,
    TooLarge,
}

/// A piece of body comes.
pub(crate) fn show_body(context: u32, side: Side, piece: Vec<u8>, is_last: bool) {
    let next = with(context, side, |half| {
        half.has_ended |= is_last;
        if half.iteration == Iteration::StoppedAll {
            half.keep(piece);
            return Next::Nothing;
        }
        if !half.is_buffering {
            let length = piece.len();
            half.piece = Some(piece);
            return Next::Show(length);
        }
        let length = half.keep(piece);
        if length > BUFFER_LIMIT { Next::TooLarge } else { Next::Show(length) }
    });
    let length = match next {
        Some(Next::Show(length)) => length,
        Some(Next::TooLarge) => return too_large(context, side),
        _ => return,
    };
    let action = call(context, || match side {
        Side::Request => border::proxy_on_request_body(context, length, is_last),
        Side::Response => border::proxy_on_response_body(context, length, is_last),
    });
    match with(context, side, |half| after_body(half, action)) {
        Some(Next::Forward(piece)) => forward_body(context, side, &piece, is_last),
        Some(Next::LetGo) => let_go(context, side),
        Some(Next::TooLarge) => too_large(context, side),
        _ => {}
    }
}

fn after_body(half: &mut Half, action: u32) -> Next {
    let piece = half.piece.take().unwrap_or_default();
    let was_stopped = half.iteration == Iteration::Stopped;
    half.is_buffering = action == PAUSE;
    if half.is_buffering {
        half.iteration = Iteration::Stopped;
    } else if !was_stopped {
        return Next::Forward(piece);
    }
    if half.keep(piece) > BUFFER_LIMIT {
        Next::TooLarge
    } else if half.is_buffering {
        Next::Nothing
    } else {
        Next::LetGo
    }
}

/// Trailers come, which end it.
pub(crate) fn show_trailers(context: u32, side: Side, trailers: Headers) {
    let count = trailers.iter().count();
    let is_shown = with(context, side, |half| {
        half.has_ended = true;
        (half.trailers, half.trailers_shown) = (Some(trailers), true);
        half.iteration != Iteration::StoppedAll
    });
    if is_shown != Some(true) {
        return;
    }
    let action = call(context, || match side {
        Side::Request => border::proxy_on_request_trailers(context, count),
        Side::Response => border::proxy_on_response_trailers(context, count),
    });
    let was_stopped = with(context, side, |half| {
        half.trailers_shown = action == PAUSE;
        let was = half.iteration;
        if action == PAUSE {
            half.iteration = Iteration::Stopped;
        }
        was == Iteration::Stopped
    });
    match was_stopped {
        Some(true) if action != PAUSE => let_go(context, side),
        Some(false) if action != PAUSE => forward_trailers(context, side),
        _ => {}
    }
}

/// The filter resumes a stream by a host call.
pub(super) fn resume(context: u32, side: Side) {
    let has_headers = with(context, side, |half| half.headers.is_some());
    assert_ne!(has_headers, Some(false), "a {side:?} is resumed that has no headers");
    let_go(context, side);
}

/// Lets go what is held: headers, then the body so far, then trailers.
fn let_go(context: u32, side: Side) {
    let held = with(context, side, |half| {
        let was = std::mem::take(&mut half.iteration);
        half.is_buffering = false;
        let headers_first = !std::mem::replace(&mut half.headers_gone, true);
        assert!(was != Iteration::Goes || headers_first, "a {side:?} is resumed that is not held");
        let ends = half.has_ended && half.trailers.is_none();
        (was, headers_first, half.buffer.take(), ends)
    });
    let Some((was, headers_first, body, ends)) = held else { return };
    if headers_first {
        forward_headers(context, side, ends && body.is_none());
    }
    let shows = was == Iteration::StoppedAll;
    match body {
        Some(body) if shows => show_body(context, side, body, ends),
        Some(body) => forward_body(context, side, &body, ends),
        None => {}
    }
    match with(context, side, |half| half.trailers.clone()).flatten() {
        Some(trailers) if shows => show_trailers(context, side, trailers),
        Some(_) => forward_trailers(context, side),
        None => {}
    }
}

// Whatever goes on of a request is the primary's, and of no interest here.

fn forward_headers(context: u32, side: Side, is_last: bool) {
    if side == Side::Response {
        send_headers(context, is_last);
    }
}

fn forward_body(context: u32, side: Side, piece: &[u8], is_last: bool) {
    if side == Side::Response {
        send_body(context, piece, is_last);
    }
}

fn forward_trailers(context: u32, side: Side) {
    if side == Side::Response {
        send_trailers(context);
    }
}
