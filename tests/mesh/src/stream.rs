//! One stream as Envoy's filter manager keeps it for our filter.

use crate::breakers::Door;
use crate::fields::Fields;

/// One of the two directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Request,
    Response,
}

/// How far iteration over the filters has been stopped by ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Iteration {
    #[default]
    Goes,
    /// `StopIteration`: the callbacks go on.
    Stopped,
    /// `StopAllIterationAndWatermark`: nothing is shown until it is resumed.
    StoppedAll,
}

/// One direction of a stream at our filter.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "as Envoy keeps them")]
pub(crate) struct Half {
    /// The map, which stays when the headers have gone on.
    pub(crate) headers: Option<Fields>,
    pub(crate) headers_shown: bool,
    pub(crate) headers_continued: bool,
    pub(crate) iteration: Iteration,
    /// The piece of body that is being shown.
    pub(crate) piece: Vec<u8>,
    pub(crate) piece_shown: bool,
    /// What the filter manager keeps, and whether it has begun to: an empty body is one too.
    pub(crate) buffer: Vec<u8>,
    pub(crate) has_buffer: bool,
    /// Whether the last body callback had it kept, so that the filter is shown all of it.
    pub(crate) is_buffering: bool,
    pub(crate) trailers: Option<Fields>,
    pub(crate) trailers_shown: bool,
    /// Whether its end has been seen.
    pub(crate) has_ended: bool,
}

impl Half {
    pub(crate) fn keep(&mut self, piece: Vec<u8>) {
        self.has_buffer = true;
        self.buffer.extend(piece);
    }

    /// The body that the filter may look at now.
    pub(crate) fn body(&mut self) -> Option<&mut Vec<u8>> {
        if self.is_buffering {
            return Some(&mut self.buffer);
        }
        self.piece_shown.then_some(&mut self.piece)
    }
}

/// What the router does with the request.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "as Envoy keeps them")]
pub(crate) struct Router {
    pub(crate) per_try_timeout: Option<u64>,
    /// How the primary's breaker stood when the filter let a request go on by a host call: that is carried out later.
    pub(crate) door: Option<Door>,
    pub(crate) request_is_whole: bool,
    pub(crate) is_connected: bool,
    /// Whether the upstream's headers have come.
    pub(crate) has_answered: bool,
    /// Whether nothing more is to be expected of the upstream.
    pub(crate) is_over: bool,
}

/// A stream.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "as Envoy keeps them")]
pub(crate) struct Stream {
    pub(crate) exchange: usize,
    pub(crate) root: u32,
    pub(crate) request: Half,
    pub(crate) response: Half,
    pub(crate) router: Router,
    /// Whether there are response headers, on the wire or not.
    pub(crate) has_response: bool,
    pub(crate) on_wire: bool,
    /// Whether its answer goes past the filters.
    pub(crate) is_direct: bool,
    pub(crate) details: String,
    pub(crate) is_head: bool,
    /// Whether the VM in which it began is gone.
    pub(crate) is_orphan: bool,
    pub(crate) is_logging: bool,
}

impl Stream {
    pub(crate) fn new(exchange: usize, root: u32, is_head: bool) -> Self {
        Self {
            exchange,
            root,
            request: Half::default(),
            response: Half::default(),
            router: Router::default(),
            has_response: false,
            on_wire: false,
            is_direct: false,
            details: String::new(),
            is_head,
            is_orphan: false,
            is_logging: false,
        }
    }

    pub(crate) fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        }
    }
}
