//! Host calls that move a stream on. Envoy carries them out when the callback is over.

use helius_policy::http::Headers;

use super::{Host, Outcome, Side, Status};

/// An action after the callback.
#[derive(Debug)]
pub(crate) enum Deferred {
    Resume(u32, Side),
    Reply(u32, Reply),
}

/// An answer of the filter's own, or of Envoy's.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u32,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
    /// Negative where nobody says one.
    pub(crate) grpc_status: i32,
}

impl Host {
    pub(super) fn act_for(&mut self, context: u32) -> Outcome {
        if !self.streams.contains_key(&context) && !self.roots.contains_key(&context) {
            return Err(Status::BadArgument);
        }
        self.effective = context;
        Ok(())
    }

    pub(super) fn resume(&mut self, kind: u32) -> Outcome {
        let side = match kind {
            0 => Side::Request,
            1 => Side::Response,
            _ => return Err(Status::BadArgument),
        };
        let context = self.effective;
        let stream = self.stream(context)?;
        stream.ledger.is_changed();
        // Envoy forgets the request whichever side goes on.
        (stream.request.headers_shown, stream.request.trailers_shown) = (false, false);
        stream.request.piece = None;
        self.deferred.push(Deferred::Resume(context, side));
        Ok(())
    }

    pub(super) fn reply(&mut self, reply: Reply) -> Outcome {
        let context = self.effective;
        self.stream(context)?.ledger.replies();
        assert!((200..=599).contains(&reply.status), "a reply with status {}", reply.status);
        assert!(reply.grpc_status <= 16, "a reply with gRPC status {}", reply.grpc_status);
        self.deferred.push(Deferred::Reply(context, reply));
        Ok(())
    }
}
