//! An answer that goes to the client as it comes: it can be counted, and not changed.

use super::{Effect, Exchange, Stage, record};
use crate::config::Mode;
use crate::host::Host;
use crate::verdict::{Degraded, Failure, ServedBy, Skip, Verdict};

impl Exchange {
    /// Lets the primary's answer go to the client as it comes.
    pub(super) fn pass(
        &mut self,
        verdict: Verdict,
        would: Option<(ServedBy, Degraded)>,
        is_whole: bool,
        host: &impl Host,
        effects: &mut Vec<Effect>,
    ) {
        self.stage = Stage::Passing { verdict, would };
        // Shadow mode has still to say whether another region would have had it, when the answer has been judged.
        if (self.judging.is_none() || self.mode == Mode::Enforce) && self.drilling.is_none() {
            self.request.forget();
        }
        if is_whole {
            self.finish_passing(None, host, effects);
        }
    }

    /// Whom shadow mode would have turned to, and why; what it would have passed over is counted.
    pub(super) fn would(
        &self,
        verdict: Verdict,
        host: &impl Host,
        effects: &mut Vec<Effect>,
    ) -> Option<(ServedBy, Degraded)> {
        let why = match self.degraded {
            _ if self.would_reject => Degraded::BreakerOpen,
            Some(degraded) if self.goes_on(verdict) => degraded,
            _ => return None,
        };
        let regions = self.route.upstream.secondaries.len();
        if self.request.kept().is_ok() && regions > 0 {
            return Some((ServedBy::WouldSecondary, why));
        }
        for region in 1..=regions {
            record(region, Verdict::Skipped(Skip::NotReplayable), effects);
        }
        if why == Degraded::RateLimited {
            return None;
        }
        if self.last_good(host).is_some() {
            return Some((ServedBy::WouldLastGood, why));
        }
        self.has_fixed().then_some((ServedBy::WouldStatic, why))
    }

    /// The answer that went to the client as it came has ended; `broken_off` says how, if too early.
    pub(super) fn finish_passing(&mut self, broken_off: Option<Failure>, host: &impl Host, effects: &mut Vec<Effect>) {
        let Stage::Passing { verdict, mut would } = self.stage else { return };
        let verdict = match broken_off {
            Some(failure) => Verdict::Failure(failure),
            None => self.judge_what_passed(verdict, host, effects),
        };
        self.degraded = self.degraded.or(Degraded::from_verdict(verdict));
        let is_invalid = verdict == Verdict::Failure(Failure::InvalidOutput);
        if self.mode == Mode::Shadow && is_invalid && !self.would_reject {
            would = self.would(verdict, host, effects);
        }
        self.hear_the_end(verdict, host, effects);
        if verdict == Verdict::Ok {
            let answer = self.answer.take();
            if let Some(answer) = answer.as_ref().filter(|_| !self.route.judges_output()) {
                self.keep_good_of_primary(answer, host);
            }
            self.finish_message(true, answer.as_ref(), host);
            self.drill(effects);
        }
        self.count(verdict, would, ServedBy::Primary, host, effects);
    }

    /// The stream has ended, and the answer may not have.
    pub(super) fn stop_passing(&mut self, broken_off: Option<Failure>, host: &impl Host, effects: &mut Vec<Effect>) {
        let Stage::Passing { verdict, would } = self.stage else { return };
        if broken_off.is_some() {
            return self.finish_passing(broken_off, host, effects);
        }
        self.hear_the_end(Verdict::Abandoned, host, effects);
        self.count(verdict, would, ServedBy::Nobody, host, effects);
    }

    fn count(
        &mut self,
        verdict: Verdict,
        would: Option<(ServedBy, Degraded)>,
        served_by: ServedBy,
        host: &impl Host,
        effects: &mut Vec<Effect>,
    ) {
        record(0, verdict, effects);
        if let Some((would, why)) = would {
            let degraded = self.degraded.replace(why);
            self.respond(would, host, effects);
            self.degraded = degraded;
        }
        self.respond(served_by, host, effects);
    }
}
