//! The headers by which a client can tell that an answer is degraded, and why.

use crate::http::Headers;
use crate::replay::NotReplayable;
use crate::verdict::{Degraded, ServedBy};

/// Which rung answered.
pub const SERVED_BY: &str = "x-helius-served-by";
/// Which region answered.
pub const REGION: &str = "x-helius-region";
/// The verdict of the first rung that failed.
pub const DEGRADED: &str = "x-helius-degraded";
/// How many regions were asked.
pub const ATTEMPTS: &str = "x-helius-attempts";
/// Why the request was not sent to a secondary region.
pub const NOT_REPLAYABLE: &str = "x-helius-not-replayable";

/// What an answer says of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark<'a> {
    pub(super) served_by: ServedBy,
    pub(super) region: Option<&'a str>,
    pub(super) degraded: Option<Degraded>,
    pub(super) attempts: u32,
    pub(super) not_replayable: Option<NotReplayable>,
}

impl Mark<'_> {
    /// The mark as headers.
    pub(super) fn headers(self) -> Headers {
        let mut headers = Headers::new();
        headers.push(SERVED_BY, self.served_by.word());
        if let Some(region) = self.region {
            headers.push(REGION, region);
        }
        if let Some(degraded) = self.degraded {
            headers.push(DEGRADED, degraded.word());
        }
        headers.push(ATTEMPTS, self.attempts.to_string());
        if let Some(reason) = self.not_replayable {
            headers.push(NOT_REPLAYABLE, reason.word());
        }
        headers
    }
}
