//! Why a request was not sent to another region.

use super::patience::outgrew;
use super::{Invariant, ensure};
use crate::document::Route;
use crate::mesh::micros;
use crate::record::{Record, Shown};
use crate::scenario::Scenario;
use crate::world::Micros;

pub(super) const NOT_REPLAYABLE: Invariant = Invariant {
    name: "not_replayable",
    sentence: "an answer names the true reason why no other region was asked, and names one only where there is one",
    check: not_replayable,
};

/// With less than this left of the ladder's time, no region is asked.
const LEAST_LEFT: Micros = 5_000;

fn not_replayable(_: &Scenario, record: &Record) -> Result<(), String> {
    let (Some(answer), Some(route)) = (&record.answer, record.route()) else { return Ok(()) };
    if record.past_the_filter.is_some() || record.lost_its_vm {
        return Ok(());
    }
    let named = answer.mark("not-replayable");
    if record.is_shadow() || !record.goes_on(route) {
        return ensure(named.is_none(), || format!("there is nothing to say, but it names {named:?}"));
    }
    // What is decided when the primary has failed is not changed by what comes of the request while the answer waits.
    let reasons =
        [record.shown_before.unwrap_or(record.shown), record.shown].map(|it| record.not_replayable(route, it));
    // A request that has not ended may be waited for, and something else may come first.
    let is_other =
        named.is_none() && reasons.contains(&Some("incomplete")) && (is_over(record, route) || outgrew(record));
    ensure(reasons.contains(&named) || is_other, || format!("the reason is {:?}, but it names {named:?}", reasons[1]))
}

/// Whether the ladder's time was over when the exchange was settled, by the clock that the filter can see.
fn is_over(record: &Record, route: &Route) -> bool {
    let (Some((_, began)), Some((_, settled))) = (record.began, record.settled) else { return false };
    settled.saturating_sub(began) + LEAST_LEFT >= micros(route.timeout)
}

impl Record {
    /// Whether the primary's failure leads to the next rung.
    pub(super) fn goes_on(&self, route: &Route) -> bool {
        self.degraded().is_some_and(|why| why == "rate_limited" || route.fail_on.contains(&why))
    }

    /// Why no secondary region may get the request, if there is one and it may not: the word of the header. The filter
    /// has been `shown` so much.
    fn not_replayable(&self, route: &Route, shown: Shown) -> Option<&'static str> {
        let is_incomplete = self.settled.is_some_and(|(settled, _)| shown.end.is_none_or(|end| end > settled));
        let reason = self.never_replayable(route, shown).or(is_incomplete.then_some("incomplete"));
        reason.filter(|_| route.regions.len() > 1)
    }

    /// The same, apart from a request that has not come to its end.
    pub(super) fn never_replayable(&self, route: &Route, shown: Shown) -> Option<&'static str> {
        let is_text = self.headers.iter().all(|(_, value)| std::str::from_utf8(value).is_ok());
        let announced = self.headers.text("content-length").parse().unwrap_or(0);
        let is_known = |reason: &&str| match *reason {
            "trailers" => shown.trailers,
            "body" => shown.bytes.max(announced) > route.max_body,
            _ => true,
        };
        self.uncopied.filter(is_known).or((!is_text).then_some("headers"))
    }
}
