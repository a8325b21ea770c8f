//! Why a request was not sent to another region.

use super::passed_over::{BREAKER_OPEN, OVERRIDE};
use super::patience::outgrew;
use super::{Invariant, ensure};
use crate::document::Route;
use crate::mesh::micros;
use crate::record::{Asked, Record, Shown};
use crate::scenario::Scenario;
use crate::world::Micros;

pub(super) const NOT_REPLAYABLE: Invariant = Invariant {
    name: "not_replayable",
    sentence: "an answer names the true reason why no other region was asked, and names one only where there is one",
    check: not_replayable,
};

/// With less than this left of the ladder's time, no region is asked.
fn least_left(route: &Route) -> Micros {
    (micros(route.timeout) / 20).clamp(5_000, 20_000)
}

fn not_replayable(_: &Scenario, record: &Record) -> Result<(), String> {
    let (Some(answer), Some(route)) = (&record.answer, record.route()) else { return Ok(()) };
    if record.past_the_filter.is_some() || record.lost_its_vm {
        return Ok(());
    }
    let named = answer.mark("not-replayable");
    if record.is_shadow() || !record.goes_on(route) {
        return ensure(named.is_none(), || format!("there is nothing to say, but it names {named:?}"));
    }
    if record.is_asked() && record.primary().is_none() {
        let expected = record.may_not_go_on(route);
        // The last resort has no region after it.
        let is_last = named.is_none() && record.may_be_last_resort();
        return ensure(named == expected || is_last, || format!("the reason is {expected:?}, but it names {named:?}"));
    }
    // What is decided when the primary has failed is not changed by what comes of the request while the answer waits.
    let reasons =
        [record.shown_before.unwrap_or(record.shown), record.shown].map(|it| record.not_replayable(route, it));
    // Before a last resort the others may have been passed over for their breakers, and the copy is kept until it fails.
    let is_late = (record.may_be_last_resort() || record.primary_was_shut)
        && reasons.contains(&Some("method"))
        && match named {
            None => true,
            Some("trailers") => record.shown.trailers,
            Some("body") => record.shown.bytes > route.max_body,
            Some(_) => false,
        };
    // A request that has not ended may be waited for, and something else may come first.
    let is_other =
        named.is_none() && reasons.contains(&Some("incomplete")) && (is_over(record, route) || outgrew(record));
    // Of one that was held whatever its method, the method counts from when it goes on, and the rest may come at once.
    let was_held = record.calls_primary_of(route) || record.message_of().is_some();
    let is_sent = named == Some("method") && was_held && !record.is_listed(route);
    ensure(reasons.contains(&named) || is_other || is_late || is_sent, || {
        format!("the reason is {:?}, but it names {named:?}", reasons[1])
    })
}

/// Whether the ladder's time was over when the exchange was settled, by the clock that the filter can see.
fn is_over(record: &Record, route: &Route) -> bool {
    let (Some((_, began)), Some((_, settled))) = (record.began, record.settled) else { return false };
    settled.saturating_sub(began) + least_left(route) >= micros(route.timeout)
}

/// Whether a region with this verdict is followed by the next one.
fn leads_on(route: &Route, verdict: &str) -> bool {
    verdict == "rate_limited" || route.fail_on.contains(&verdict)
}

/// A call that Envoy refuses, or whose answer breaks off, leaves nothing that could be handed on.
pub(super) fn is_nothing(asked: &Asked) -> bool {
    let broke_off = asked.began.is_some() && asked.said.is_none();
    asked.is_called && broke_off && matches!(asked.outcome, Some("reset" | "timeout"))
}

impl Record {
    /// Whether the primary's failure leads to the next rung.
    pub(super) fn goes_on(&self, route: &Route) -> bool {
        // What was held has been taken apart, and cannot be the answer any more.
        let was_held = self.primary().and_then(|asked| asked.judged).is_some_and(|judged| judged.is_held);
        let is_nothing = self.is_primary_refused() || self.primary().is_some_and(is_nothing);
        self.degraded().is_some_and(|why| {
            [BREAKER_OPEN, OVERRIDE].contains(&why) || was_held || is_nothing || leads_on(route, why)
        })
    }

    /// Why a request that went past its primary may not go to the region after the last one that was asked.
    fn may_not_go_on(&self, route: &Route) -> Option<&'static str> {
        let asked = self.asked.iter().map(|asked| {
            (asked.region, is_nothing(asked) || asked.outcome.is_some_and(|outcome| leads_on(route, outcome)))
        });
        let refused = self.refused.iter().map(|(region, _)| (*region, true));
        let (last, goes_on) = asked.chain(refused).max_by_key(|(region, _)| *region)?;
        let is_over = route.others().all(|region| region <= last) || !goes_on;
        (!is_over && !self.is_listed(route)).then_some("method")
    }

    /// Why no secondary region may get the request, if there is one and it may not: the word of the header. The filter
    /// has been `shown` so much.
    fn not_replayable(&self, route: &Route, shown: Shown) -> Option<&'static str> {
        let is_incomplete = self.settled.is_some_and(|(settled, _)| shown.end.is_none_or(|end| end > settled));
        let reason = self.never_replayable(route, shown).or(is_incomplete.then_some("incomplete"));
        reason.filter(|_| route.others().next().is_some())
    }

    /// The same, apart from a request that has not come to its end.
    pub(super) fn never_replayable(&self, route: &Route, shown: Shown) -> Option<&'static str> {
        let is_known = |reason: &&str| match *reason {
            "trailers" => shown.trailers,
            "body" => shown.bytes.max(self.announced()) > route.max_body,
            _ => true,
        };
        self.uncopied.filter(is_known).or((!self.is_text()).then_some("headers"))
    }
}
