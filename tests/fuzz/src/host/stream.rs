//! One stream as Envoy's filter manager keeps it for the filter.

use helius_policy::http::Headers;

use super::Ledger;

/// One of the two directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Request,
    Response,
}

/// How far the filter has stopped one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Iteration {
    #[default]
    Goes,
    /// The callbacks go on.
    Stopped,
    /// Nothing is shown until it is resumed: what a pause on headers means where `allow_on_headers_stop_iteration` is
    /// not set.
    StoppedAll,
}

/// One direction of a stream at the filter.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "as Envoy keeps them")]
pub(crate) struct Half {
    pub(crate) headers: Option<Headers>,
    pub(crate) headers_shown: bool,
    pub(crate) headers_gone: bool,
    pub(crate) iteration: Iteration,
    /// The piece of body that is being shown.
    pub(crate) piece: Option<Vec<u8>>,
    /// What is kept because the filter holds it; an empty body is kept too.
    pub(crate) buffer: Option<Vec<u8>>,
    /// Whether the last body callback had it kept, so that the filter is shown all of it.
    pub(crate) is_buffering: bool,
    pub(crate) trailers: Option<Headers>,
    pub(crate) trailers_shown: bool,
    /// Whether its end has come.
    pub(crate) has_ended: bool,
}

impl Half {
    pub(crate) fn keep(&mut self, piece: Vec<u8>) -> usize {
        let buffer = self.buffer.get_or_insert_default();
        buffer.extend(piece);
        buffer.len()
    }

    /// The body that the filter may look at now.
    pub(crate) const fn body(&mut self) -> Option<&mut Vec<u8>> {
        if self.is_buffering { self.buffer.as_mut() } else { self.piece.as_mut() }
    }
}

/// A stream.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// The configuration under which it began.
    pub(crate) root: u32,
    pub(crate) request: Half,
    pub(crate) response: Half,
    /// Envoy's response code details.
    pub(crate) details: Vec<u8>,
    /// Whether the access log is being written, where every map may be read.
    pub(crate) is_logging: bool,
    /// Whether Envoy has answered by itself, and reads no more of the request.
    pub(crate) stops_reading: bool,
    pub(crate) ledger: Ledger,
}

impl Stream {
    /// Whether the client has all of its answer.
    pub(crate) fn is_over(&self) -> bool {
        self.ledger.client.as_ref().is_some_and(|client| client.has_all)
    }

    pub(crate) const fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        }
    }
}
