//! Strict mode: the filter calls the primary itself, as it calls the other regions.
//!
//! An answer that comes by Envoy's route has begun before anybody knows how it ends, and what breaks off in its middle cannot
//! be repaired. The answer to a call comes whole, or it is a failure like any other, and the next rung answers.
//!
//! What cannot be called goes by Envoy's route as without strict mode, and is counted: a request that is longer than the
//! route waits for (`replay.hold`), or that no copy can carry.

use super::{Effect, Exchange, Record};
use crate::budget::Share;
use crate::http::Response;
use crate::replay::NotReplayable;
use crate::verdict::{Failure, Verdict};

impl Exchange {
    /// Whether the primary is called, and not reached by Envoy's route.
    pub(super) fn calls_primary(&self) -> bool {
        self.cluster.is_some() && self.request.is_whole() && self.request.kept().is_ok()
    }

    /// Counts a request that should have been sent by a call, and is not.
    pub(super) fn count_bypass(&self, effects: &mut Vec<Effect>) {
        if self.cluster.is_some() {
            let reason = self.request.kept().err().unwrap_or(NotReplayable::Incomplete);
            effects.push(Effect::Record(Record::StrictBypassed(reason)));
        }
    }

    /// Keeps what the primary that was called has said of its failure, if it may be the answer and there is memory for it.
    /// An answer that was judged and found invalid is never kept.
    pub(super) fn keep_own_failure(&mut self, verdict: Verdict, response: Response) {
        if verdict == Verdict::Failure(Failure::InvalidOutput) {
            self.is_unfit = true;
        } else if !self.route.has_static() {
            let mut share = Share::of(self.copies.clone());
            self.own_failure = share.grow_to(response.body.len()).then_some((response, share));
        }
    }
}
