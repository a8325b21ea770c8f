//! What shadow mode says it would have done.

use super::books::{self, Pairs};
use super::{Invariant, ensure};
use crate::document::{Route, region_name};
use crate::record::Record;
use crate::scenario::Scenario;

pub(super) const WOULD: Invariant = Invariant {
    name: "would",
    sentence: "in shadow mode exactly that rung is counted that would have been turned to first, and each region that \
               would have been passed over",
    check: would,
};

fn would(_: &Scenario, record: &Record) -> Result<(), String> {
    let Some(route) = record.route().filter(|_| record.is_shadow() && !record.lost_its_vm) else { return Ok(()) };
    let (would, skipped) = (books::would(record), books::skipped(record));
    let (expected_would, expected_skipped) = needed(record, route);
    ensure(would == expected_would && skipped == expected_skipped, || {
        format!("{would:?} and {skipped:?} are counted, where {expected_would:?} and {expected_skipped:?} was needed")
    })
}

/// The rung that would have been turned to, and the regions that would have been passed over.
fn needed(record: &Record, route: &Route) -> (Pairs, Pairs) {
    let Some(why) = record.degraded().filter(|_| record.goes_on(route)) else { return (Pairs::new(), Pairs::new()) };
    let secondaries = 1..route.regions.len();
    let rung = |served_by: &str| vec![(served_by.to_owned(), why.to_owned())];
    let shown = record.shown_before.unwrap_or(record.shown);
    if record.never_replayable(route, shown).is_none() && !secondaries.is_empty() {
        return (rung("would_secondary"), Pairs::new());
    }
    let skipped = secondaries.map(|region| (region_name(region), "skipped_not_replayable".to_owned())).collect();
    let is_static = route.fixed.is_some() && why != "rate_limited";
    (if is_static { rung("would_static") } else { Pairs::new() }, skipped)
}
