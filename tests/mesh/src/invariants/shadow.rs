//! What shadow mode says it would have done.

use super::books::{self, Pairs};
use super::passed_over::BREAKER_OPEN;
use super::{Invariant, ensure};
use crate::document::{Mode, Route, region_name};
use crate::record::{Record, Shown};
use crate::scenario::Scenario;

pub(super) const WOULD: Invariant = Invariant {
    name: "would",
    sentence: "in shadow mode exactly that rung is counted that would have been turned to first, and each region that \
               would have been passed over",
    check: would,
};

fn would(_: &Scenario, record: &Record) -> Result<(), String> {
    let Some(route) = record.route().filter(|_| record.is_shadow() && !record.lost_its_vm) else { return Ok(()) };
    let found = (books::would(record), books::skipped(record));
    let needed = match (record.degraded().filter(|_| record.goes_on(route)), record.turned_out()) {
        (Some(why), _) => needed(record, route, record.shown_before, why),
        // What is found at the end of the answer is decided there.
        (None, Some(why)) if route.fail_on.contains(&why) => needed(record, route, None, why),
        _ => Default::default(),
    };
    let found = without_kept(record, route, found);
    // A breaker that only watches would have kept it away, or not: where it does not stand closed, nobody can tell.
    let is_watched = record.breaker(0).is_some_and(|breaker| breaker.mode == Mode::Shadow);
    let door = record.primary().and_then(|asked| asked.door).filter(|door| is_watched && !door.stood_closed);
    ensure(
        found == needed || (door.is_some() && found == self::needed(record, route, record.shown_before, BREAKER_OPEN)),
        || format!("{found:?} is counted, where {needed:?} was needed"),
    )
}

/// What was found, as if no answer had been kept: one that another document has kept stands before the static one.
fn without_kept(record: &Record, route: &Route, (rungs, skipped): (Pairs, Pairs)) -> (Pairs, Pairs) {
    let is_kept = |served_by: &str| served_by == "would_last_good" && !record.kept.is_empty();
    let instead = |(served_by, why): (String, String)| {
        if is_kept(&served_by) {
            return record.has_fixed(route).then(|| ("would_static".to_owned(), why));
        }
        Some((served_by, why))
    };
    (rungs.into_iter().filter_map(instead).collect(), skipped)
}

/// The rung that would have been turned to, and the regions that would have been passed over.
fn needed(record: &Record, route: &Route, shown: Option<Shown>, why: &str) -> (Pairs, Pairs) {
    let secondaries = 1..route.regions.len();
    let rung = |served_by: &str| vec![(served_by.to_owned(), why.to_owned())];
    let shown = shown.unwrap_or(record.shown);
    let reason = record.never_replayable(route, shown);
    // One that no region would have seen may go to any, whatever its method.
    let may_be_first = why == BREAKER_OPEN && reason == Some("method") && record.is_text() && !shown.trailers;
    let is_kept = reason.is_none() || (may_be_first && shown.bytes <= route.max_body);
    if is_kept && !secondaries.is_empty() {
        return (rung("would_secondary"), Pairs::new());
    }
    let skipped = secondaries.map(|region| (region_name(region), "skipped_not_replayable".to_owned())).collect();
    let is_static = record.has_fixed(route) && why != "rate_limited";
    (if is_static { rung("would_static") } else { Pairs::new() }, skipped)
}
