//! Host calls that move a stream on. Envoy carries them out when the callback is over.

use helius_policy::http::Headers;

use super::{Host, Outcome, Side, Status};

/// An action after the callback.
#[derive(Debug)]
pub(crate) enum Deferred {
    Resume(u32, Side),
    Reply { context: u32, headers: Headers, body: Vec<u8> },
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

    pub(super) fn reply(&mut self, status: u32, given: Headers, body: Vec<u8>) -> Outcome {
        let context = self.effective;
        let stream = self.stream(context)?;
        stream.ledger.replies();
        assert!((200..=599).contains(&status), "a reply with status {status}");
        let mut headers = Headers::new();
        headers.push(":status", status.to_string());
        headers.append(given);
        self.deferred.push(Deferred::Reply { context, headers, body });
        Ok(())
    }
}
