//! What the regions' circuit breakers are asked, and what they are told.

use std::time::Duration;

use super::{Effect, Exchange, Record};
use crate::circuit_breaker::{Admission, Admitted, Attempt, Outcome, Permit, SharedBreaker};
use crate::config::Mode;
use crate::host::Host;
use crate::time::Timestamp;
use crate::verdict::{Failure, Verdict};

/// An attempt whose region's breaker wants to know what becomes of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    region: usize,
    permit: Permit,
    attempt: Attempt,
    since: Timestamp,
    /// How long it took until a good answer began.
    took: Option<Duration>,
}

impl Exchange {
    fn breaker(&self, region: usize) -> Option<&SharedBreaker> {
        self.route.upstream.regions().nth(region)?.breaker()
    }

    /// Whether the breaker of `region` lets the request through. One that is not there does.
    pub(super) fn admit(
        &mut self,
        region: usize,
        attempt: Attempt,
        now: Timestamp,
        host: &impl Host,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let Some(breaker) = self.breaker(region) else { return true };
        let admission = breaker.admit(attempt, now, host);
        self.take(region, attempt, now, admission, effects)
    }

    /// The same when every region has rejected it.
    pub(super) fn admit_last_resort(
        &mut self,
        region: usize,
        attempt: Attempt,
        now: Timestamp,
        host: &impl Host,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let Some(breaker) = self.breaker(region) else { return false };
        let admission = breaker.admit_last_resort(attempt, now, host);
        self.take(region, attempt, now, admission, effects)
    }

    fn take(
        &mut self,
        region: usize,
        attempt: Attempt,
        now: Timestamp,
        admission: Admission,
        effects: &mut Vec<Effect>,
    ) -> bool {
        if let Some(transition) = admission.transition {
            effects.push(Effect::Record(Record::Transition { region, transition }));
        }
        let permit = match admission.admitted {
            Admitted::Allow { permit, would_reject } => {
                // Where only the breaker watches, the primary gets the request all the same, as its first region.
                self.would_reject |= would_reject && region == 0 && self.mode == Mode::Shadow;
                permit
            }
            Admitted::Probe(permit) => permit,
            Admitted::Reject { retry_after } => {
                self.retry_after = Some(self.retry_after.map_or(retry_after, |before| before.min(retry_after)));
                return false;
            }
        };
        self.asked = Some(Asked { region, permit, attempt, since: now, took: None });
        true
    }

    /// There is a verdict on the attempt under way. A good one is told at the end of the answer only.
    pub(super) fn hear(
        &mut self,
        verdict: Verdict,
        retry_after: Option<Duration>,
        host: &impl Host,
        effects: &mut Vec<Effect>,
    ) {
        let outcome = match verdict {
            Verdict::Ok => {
                if let Some(asked) = &mut self.asked {
                    // Whose request had not come when the region was asked may have been slow himself.
                    let took = if asked.attempt.is_whole { host.now().since(asked.since) } else { Duration::ZERO };
                    asked.took = Some(took);
                }
                return;
            }
            Verdict::Failure(Failure::InvalidOutput) => Outcome::InvalidOutput,
            Verdict::Failure(_) => Outcome::Failure,
            Verdict::RateLimited => Outcome::RateLimited { retry_after },
            Verdict::ClientError => Outcome::Ignored,
            Verdict::Abandoned | Verdict::Skipped(_) => Outcome::Abandoned,
        };
        self.conclude(outcome, host, effects);
    }

    /// The answer has ended, well or not.
    pub(super) fn hear_the_end(&mut self, verdict: Verdict, host: &impl Host, effects: &mut Vec<Effect>) {
        match (verdict, self.asked.and_then(|asked| asked.took)) {
            (Verdict::Ok, Some(took)) => self.conclude(Outcome::Success { took }, host, effects),
            _ => self.hear(verdict, None, host, effects),
        }
    }

    /// More of a good answer has come. Others wait for what becomes of a probe, and an answer may stream for hours: when
    /// it has gone well for as long as an attempt may take, the probe has found out what it was sent for.
    pub(super) fn hear_while_passing(&mut self, host: &impl Host, effects: &mut Vec<Effect>) {
        if let Some(Asked { took: Some(took), since, attempt, permit, .. }) = self.asked
            && permit.is_probe()
            && host.now().since(since) >= attempt.timeout
        {
            self.conclude(Outcome::Success { took }, host, effects);
        }
    }

    fn conclude(&mut self, outcome: Outcome, host: &impl Host, effects: &mut Vec<Effect>) {
        let Some(Asked { region, permit, .. }) = self.asked.take() else { return };
        let transition = self.breaker(region).and_then(|breaker| breaker.record(permit, outcome, host));
        if let Some(transition) = transition {
            effects.push(Effect::Record(Record::Transition { region, transition }));
        }
    }
}
