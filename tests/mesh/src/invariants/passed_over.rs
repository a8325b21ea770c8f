//! When the primary is not asked, and when a region is asked all the same.

use super::replay::is_nothing;
use super::{Invariant, ensure};
use crate::breakers::State;
use crate::document::INVALID_OUTPUT;
use crate::grpc::STATUS;
use crate::record::{Asked, Record};
use crate::scenario::Scenario;

pub(super) const SHUT: Invariant = Invariant {
    name: "shut",
    sentence: "the primary is passed over only where its breaker was not closed, or on the ramp, since the request came",
    check: shut,
};

pub(super) const LAST_RESORT: Invariant = Invariant {
    name: "last_resort",
    sentence: "a region whose breaker is open is asked only where no other region may have the request",
    check: last_resort,
};

pub(super) const REFUSED: Invariant = Invariant {
    name: "refused",
    sentence: "a request is refused with 503 only where its primary was not asked, and then with when to come back, or \
               where the primary's answer was held and is of no use, or the filter called it and nothing came; and \
               only where no region has an answer for it and there is no static one, or too much is made up already",
    check: refused,
};

/// The word for why an answer is not the primary's, where the primary was not asked.
pub(super) const BREAKER_OPEN: &str = "skipped_breaker_open";

/// The same where an operator has said so.
pub(super) const OVERRIDE: &str = "skipped_override";

/// All that is said where nobody may be asked.
const NOBODY: &[u8] = b"no region may be asked now\n";

/// All that is said where the primary's answer is of no use.
const UNFIT: &[u8] = b"no region gave a valid answer\n";

/// The same where the filter called it, and nothing came.
const UNANSWERED: &[u8] = b"no region gave an answer\n";

/// The same where too much is made up already.
const TOO_MANY: &[u8] = b"no region gave an answer, and too many answers are made up already\n";

/// Whether the primary was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passed {
    No,
    /// Its breaker was not closed, and the exchange was over before anybody could see what came of it.
    Maybe,
    Yes,
}

fn shut(_: &Scenario, record: &Record) -> Result<(), String> {
    ensure(record.passed_over() != Passed::Yes || record.primary_was_shut, || "it was closed all the time".into())
}

fn last_resort(_: &Scenario, record: &Record) -> Result<(), String> {
    // Whether it may be sent a second time does not matter to one that is sent for the first time.
    let is_kept = record.uncopied.is_none_or(|why| why == "method") && record.is_text();
    let (Some(asked), Some(breaker)) =
        (record.asked.first(), record.asked.first().and_then(|it| record.breaker(it.region)))
    else {
        return Ok(());
    };
    let door = asked.door.filter(|door| door.state == Some(State::Open) && breaker.mode.rejects());
    ensure(!(is_kept && door.is_some_and(|door| door.was_another_free)), || {
        format!("region {} is asked, whose breaker is open, and another one's is closed", asked.region)
    })
}

fn refused(_: &Scenario, record: &Record) -> Result<(), String> {
    let Some(answer) = record.answer.as_ref().filter(|it| it.mark("served-by") == Some("refusal")) else {
        return Ok(());
    };
    let is_final = |outcome: Option<&str>| matches!(outcome, Some("ok" | "client_error" | "rate_limited"));
    let is_capped = record.route().is_some_and(|route| route.max_share.is_some() && route.makes_up());
    let is_bare = record.route().is_some_and(|route| !record.has_fixed(route)) && record.primary().is_none_or(was_held);
    let is_needed = (is_bare || is_capped) && !record.asked.iter().any(|asked| is_final(asked.outcome));
    let wait = answer.headers.text("retry-after").parse().unwrap_or(0);
    let says_enough = wait >= 1_u64
        || (is_capped && TOO_MANY.starts_with(&answer.body))
        || (record.is_drained(0) && [NOBODY, UNFIT, UNANSWERED].iter().any(|text| text.starts_with(&answer.body)))
        || (record.primary().is_some() || record.is_primary_refused())
            && [UNFIT, UNANSWERED].iter().any(|text| text.starts_with(&answer.body));
    // What it says to gRPC stands in its headers.
    let is_unavailable = answer.status() == 503 || answer.headers.text(STATUS) == "14";
    let is_right = is_needed && is_unavailable && says_enough;
    ensure(is_right, || format!("it says {:?}, and {} regions were asked", answer.headers, record.tried()))
}

/// Whether there is nothing of its answer to hand on: it was one that nobody may see before it has been judged, or the
/// filter called it in vain.
fn was_held(primary: &Asked) -> bool {
    let is_invalid = primary.is_called && primary.outcome == Some(INVALID_OUTPUT);
    is_nothing(primary) || is_invalid || primary.judged.is_some_and(|judged| judged.is_held)
}

impl Record {
    /// Whether its primary was passed over, as far as anybody outside can tell.
    pub(super) fn passed_over(&self) -> Passed {
        let rejects = self.breaker(0).is_some_and(|breaker| breaker.mode.rejects());
        let may_be = (rejects || self.is_drained(0)) && !self.is_turned_away();
        if self.primary().is_some() || self.is_primary_refused() || !may_be {
            return Passed::No;
        }
        let is_by_ladder = self.answer.as_ref().is_some_and(|answer| answer.mark("served-by").is_some());
        if is_by_ladder || self.is_asked() {
            Passed::Yes
        } else if self.primary_was_shut {
            Passed::Maybe
        } else {
            Passed::No
        }
    }

    /// Why its primary was passed over, if it was.
    pub(super) fn why_passed_over(&self) -> &'static str {
        if self.is_drained(0) { OVERRIDE } else { BREAKER_OPEN }
    }

    /// How many regions were asked, those included that Envoy refused to ask.
    pub(super) const fn tried(&self) -> usize {
        self.asked.len() + self.refused.len()
    }
}
