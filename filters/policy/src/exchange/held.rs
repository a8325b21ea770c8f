//! What is held while the ladder is walked: the primary's failed answer or, where the primary was not asked, the request.

use super::effect::Over;

/// Most bytes of a failed answer that are held because they may be the answer in the end.
///
/// Half of the smallest buffer limit in wide use (Istio's sidecars have 32 KiB): a held body that outgrows Envoy's
/// buffer ends the exchange with Envoy's own 500, past every filter.
pub const HELD_MAX: usize = 16 << 10;

/// Largest body that replaces a held one in place, in bytes: it goes through the same buffer, with the same limit.
pub const IN_PLACE_MAX: usize = 32 << 10;

/// How much of a held answer has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// There is no answer: the request itself is held back, because the primary was not asked.
    pub(super) is_request: bool,
    /// All of it.
    pub(super) complete: bool,
    /// What has come besides its headers.
    pub(super) over: Over,
    /// The rest can be trusted to follow at once: Envoy made the answer up, or the upstream announced a short body.
    prompt: bool,
}

impl Held {
    /// A held answer of which only the headers have come.
    pub(super) fn new(from_envoy: bool, length: Option<usize>, end_of_stream: bool) -> Self {
        let is_short = length.is_some_and(|length| (1..=IN_PLACE_MAX).contains(&length));
        Self { is_request: false, complete: end_of_stream, over: Over::default(), prompt: from_envoy || is_short }
    }

    /// The request.
    pub(super) const fn request() -> Self {
        Self { is_request: true, complete: false, over: Over { body: false, trailers: false }, prompt: false }
    }

    pub(super) const fn add_body(&mut self, size: usize, end_of_stream: bool) {
        self.complete |= end_of_stream;
        self.over.body |= size > 0;
    }

    pub(super) const fn add_trailers(&mut self) {
        self.complete = true;
        self.over.trailers = true;
    }

    /// Time has passed since the headers came: an answer in hand will not wait for the rest of a failed one.
    pub(super) const fn grow_old(&mut self) {
        self.prompt = false;
    }

    /// Whether nothing but headers has come, and a body worth waiting for is about to.
    pub(super) const fn body_is_due(self) -> bool {
        self.prompt && !self.complete && !self.over.body
    }
}
