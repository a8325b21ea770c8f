//! The filter manager around our filter: what it is shown, and what goes on when it lets it go.
//!
//! Both directions follow the same rules. With `allow_on_headers_stop_iteration` a pause on headers stops the headers
//! only: the body is shown as it comes, kept while the filter says so, and the first "continue" lets everything go.
//! Without it nothing is shown until the filter resumes the stream.

use super::{Key, Mesh, per_try_timeout};
use crate::fields::Fields;
use crate::host::Action;
use crate::invariants::{ONE_ANSWER, ONLY_HELD};
use crate::stream::{Iteration, Side};

impl Mesh {
    pub(super) fn show_headers(&mut self, key: Key, side: Side, fields: Fields, is_last: bool) {
        let count = u32::try_from(fields.len()).unwrap_or(u32::MAX);
        self.with(key, |stream| {
            let half = stream.half(side);
            (half.headers, half.headers_shown) = (Some(fields), true);
            half.has_ended |= is_last;
        });
        self.note_headers(key, side, is_last);
        let name = match side {
            Side::Request => "proxy_on_request_headers",
            Side::Response => "proxy_on_response_headers",
        };
        let Some(action) = self.call_stream(key, name, &[count, u32::from(is_last)]) else { return };
        let stops_all = !self.world.scenario.envoy.allow_on_headers_stop_iteration;
        let goes_on = self.with(key, |stream| {
            let half = stream.half(side);
            if action == Action::Pause {
                half.iteration = if stops_all { Iteration::StoppedAll } else { Iteration::Stopped };
                return false;
            }
            half.headers_shown = false;
            // It may have been resumed while it was called.
            !std::mem::replace(&mut half.headers_continued, true)
        });
        if goes_on == Some(true) {
            self.forward_headers(key, side, is_last);
        }
    }

    pub(super) fn show_body(&mut self, key: Key, side: Side, piece: Vec<u8>, is_last: bool) {
        let limit = self.world.scenario.envoy.buffer_limit;
        let length = piece.len();
        let shown = self.with(key, |stream| {
            let half = stream.half(side);
            half.has_ended |= is_last;
            if half.iteration == Iteration::StoppedAll {
                half.keep(piece);
                return Shown::Nothing;
            }
            if half.is_buffering {
                half.keep(piece);
                if half.buffer.len() > limit {
                    return Shown::TooLarge;
                }
                return Shown::Bytes(half.buffer.len());
            }
            (half.piece, half.piece_shown) = (piece, true);
            Shown::Bytes(half.piece.len())
        });
        let count = match shown {
            None | Some(Shown::Nothing) => return,
            Some(Shown::TooLarge) => return self.too_large(key, side),
            Some(Shown::Bytes(count)) => u32::try_from(count).unwrap_or(u32::MAX),
        };
        self.note_shown(key, side, length, is_last);
        let name = match side {
            Side::Request => "proxy_on_request_body",
            Side::Response => "proxy_on_response_body",
        };
        let Some(action) = self.call_stream(key, name, &[count, u32::from(is_last)]) else { return };
        self.after_body(key, side, action, is_last);
    }

    fn after_body(&mut self, key: Key, side: Side, action: Action, is_last: bool) {
        let limit = self.world.scenario.envoy.buffer_limit;
        let next = self.with(key, |stream| {
            let half = stream.half(side);
            let piece = std::mem::take(&mut half.piece);
            let was_stopped = half.iteration == Iteration::Stopped;
            half.is_buffering = action == Action::Pause;
            if action == Action::Pause {
                half.iteration = Iteration::Stopped;
            } else {
                half.piece_shown = false;
                if !was_stopped {
                    return Next::Forward(piece);
                }
            }
            half.keep(piece);
            match action {
                _ if half.buffer.len() > limit => Next::TooLarge,
                Action::Continue => Next::LetGo,
                Action::Pause => Next::Nothing,
            }
        });
        match next {
            None | Some(Next::Nothing) => {}
            Some(Next::Forward(piece)) => self.forward_body(key, side, &piece, is_last),
            Some(Next::TooLarge) => {
                if action == Action::Continue && side == Side::Request {
                    self.was_let_in(key);
                }
                self.too_large(key, side);
            }
            Some(Next::LetGo) => self.let_go(key, side),
        }
    }

    /// The filter has let a request go on to its primary, and asked its breaker for that, though Envoy does not.
    fn was_let_in(&self, key: Key) {
        let Some((exchange, timeout, None)) = self.with(key, |stream| {
            let timeout = stream.request.headers.as_ref().and_then(per_try_timeout);
            (stream.exchange, timeout, stream.router.door)
        }) else {
            return;
        };
        let is_whole = self.world.records.borrow()[exchange].shown.end.is_some();
        self.world.let_in(exchange, 0, timeout, is_whole);
    }

    pub(super) fn show_trailers(&mut self, key: Key, side: Side, fields: Fields) {
        let count = u32::try_from(fields.len()).unwrap_or(u32::MAX);
        let is_shown = self.with(key, |stream| {
            let half = stream.half(side);
            half.has_ended = true;
            (half.trailers, half.trailers_shown) = (Some(fields), true);
            half.iteration != Iteration::StoppedAll
        });
        if is_shown != Some(true) {
            return;
        }
        self.note_trailers(key, side);
        let name = match side {
            Side::Request => "proxy_on_request_trailers",
            Side::Response => "proxy_on_response_trailers",
        };
        let Some(action) = self.call_stream(key, name, &[count]) else { return };
        let was_stopped = self.with(key, |stream| {
            let half = stream.half(side);
            half.trailers_shown = action == Action::Pause;
            let was_stopped = half.iteration == Iteration::Stopped;
            if action == Action::Pause {
                half.iteration = Iteration::Stopped;
            }
            was_stopped
        });
        match (action, was_stopped) {
            (Action::Continue, Some(true)) => self.let_go(key, side),
            (Action::Continue, Some(false)) => self.forward_trailers(key, side),
            _ => {}
        }
    }

    /// The filter resumes a stream by a host call.
    pub(super) fn resume(&mut self, key: Key, side: Side) {
        self.trace(key, || format!("  {side:?} is resumed"));
        if self.with(key, |stream| stream.is_logging) == Some(true) {
            return self.world.wrong(&ONE_ANSWER, format!("a {side:?} is resumed whose stream is over"));
        }
        let is_sensible = self.with(key, |stream| stream.half(side).headers.is_some());
        match is_sensible {
            Some(true) => self.let_go(key, side),
            // Envoy ignores it when the stream is over, and once crashed where there were no headers.
            Some(false) => self.world.wrong(&ONLY_HELD, format!("a {side:?} is resumed that has no headers")),
            None => {}
        }
    }

    /// Lets go what is held: headers, then the body so far, then trailers.
    fn let_go(&mut self, key: Key, side: Side) {
        let Some((was, headers_first, body, has_ended, has_trailers)) = self.with(key, |stream| {
            let half = stream.half(side);
            let was = std::mem::take(&mut half.iteration);
            half.is_buffering = false;
            let headers_first = !std::mem::replace(&mut half.headers_continued, true);
            let body = std::mem::take(&mut half.has_buffer).then(|| std::mem::take(&mut half.buffer));
            (was, headers_first, body, half.has_ended, half.trailers.is_some())
        }) else {
            return;
        };
        let ends = has_ended && !has_trailers;
        if was == Iteration::Goes && !headers_first {
            return self.world.wrong(&ONLY_HELD, format!("a {side:?} is resumed that is not held"));
        }
        if headers_first {
            self.forward_headers(key, side, ends && body.is_none());
        }
        match body {
            Some(body) if was == Iteration::StoppedAll => self.show_body(key, side, body, ends),
            Some(body) => self.forward_body(key, side, &body, ends),
            None => {}
        }
        if !has_trailers {
            return;
        }
        if was == Iteration::StoppedAll {
            let trailers = self.with(key, |stream| stream.half(side).trailers.take()).flatten();
            self.show_trailers(key, side, trailers.unwrap_or_default());
        } else {
            self.forward_trailers(key, side);
        }
    }

    fn note_headers(&self, key: Key, side: Side, is_last: bool) {
        self.note_shown(key, side, 0, is_last);
        if let Some(exchange) = self.with(key, |stream| stream.exchange).filter(|_| side == Side::Response) {
            self.world.record(exchange, |record| record.shown_before = record.shown_before.or(Some(record.shown)));
        }
    }

    /// What the filter is shown of a request, or of an answer.
    fn note_shown(&self, key: Key, side: Side, bytes: usize, is_last: bool) {
        let now = self.world.now.get();
        if let Some(exchange) = self.with(key, |stream| stream.exchange).filter(|_| side == Side::Response) {
            self.world.show_answer(exchange, bytes, is_last);
            if is_last {
                self.world.keep_shown(exchange);
            }
        }
        if let Some(exchange) = self.with(key, |stream| stream.exchange).filter(|_| side == Side::Request) {
            self.world.record(exchange, |record| {
                record.shown.bytes += bytes;
                record.shown.end = record.shown.end.or(is_last.then_some(now));
            });
        }
    }

    fn note_trailers(&self, key: Key, side: Side) {
        self.note_shown(key, side, 0, true);
        if let Some(exchange) = self.with(key, |stream| stream.exchange).filter(|_| side == Side::Request) {
            self.world.record(exchange, |record| record.shown.trailers = true);
        }
    }

    fn forward_headers(&mut self, key: Key, side: Side, is_last: bool) {
        match side {
            Side::Request => self.router_headers(key, is_last),
            Side::Response => self.send_headers(key, is_last),
        }
    }

    fn forward_body(&mut self, key: Key, side: Side, piece: &[u8], is_last: bool) {
        match side {
            Side::Request => self.router_body(key, piece, is_last),
            Side::Response => self.send_body(key, piece, is_last),
        }
    }

    fn forward_trailers(&mut self, key: Key, side: Side) {
        match side {
            Side::Request => self.router_body(key, &[], true),
            Side::Response => self.send_trailers(key),
        }
    }
}

/// What the filter is shown of a body.
enum Shown {
    Nothing,
    TooLarge,
    Bytes(usize),
}

/// What becomes of a piece of body after the filter has seen it.
enum Next {
    Nothing,
    Forward(Vec<u8>),
    TooLarge,
    LetGo,
}
