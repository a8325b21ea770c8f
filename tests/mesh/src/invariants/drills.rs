//! What follows an exchange whose primary has answered well.

use super::attempts::expected_of_call;
use super::{Invariant, ensure};
use crate::document::{DRILL, Route, region_name};
use crate::host::label;
use crate::mesh::Outcome;
use crate::record::{Asked, Record};
use crate::scenario::Scenario;

pub(super) const DRILLED: Invariant = Invariant {
    name: "drilled",
    sentence: "a drill follows the good answer of a primary, asks one other region after the other, each once, with all \
               that the client sent and the word that it is a drill, and for as long as the region may take",
    check: drilled,
};

pub(super) const REHEARSED: Invariant = Invariant {
    name: "rehearsed",
    sentence: "where every exchange is followed by a drill, each of the lower rungs is tried or passed over with a reason, \
               and where none is, nothing is counted",
    check: rehearsed,
};

pub(super) const DRILLS_COUNTED: &str = "drills_counted";

const DRILL_TOTAL: &str = "helius_drill_total";

fn drilled(_: &Scenario, record: &Record) -> Result<(), String> {
    let Some(last) = record.drills.last() else { return Ok(()) };
    let Some(route) = route(record).filter(|_| record.ended_well) else {
        return Err("there is nothing that a drill could follow".to_owned());
    };
    let is_in_turn = record.drills.windows(2).all(|pair| pair[0].region < pair[1].region && pair[0].was_told);
    ensure(is_in_turn, || format!("region {} is asked too early, or once more", last.region))?;
    let is_whole = last.body == record.body && record.is_listed(route) && record.body.len() <= route.max_body;
    ensure(is_whole, || format!("region {} gets {} bytes of {}", last.region, last.body.len(), record.body.len()))?;
    let most = route.regions.get(last.region).map(|region| region.timeout);
    ensure(last.timeout.map(u64::from) == most, || format!("region {} gets {:?} ms", last.region, last.timeout))?;
    let expected = expected_of_call(record, last.region);
    let given = last.headers.iter().filter(|(name, _)| *name != DRILL);
    ensure(given.eq(expected.iter()) && last.headers.text(DRILL) == "true", || {
        format!("region {} got {:?}, and not {expected:?}", last.region, last.headers)
    })
}

fn rehearsed(scenario: &Scenario, record: &Record) -> Result<(), String> {
    let counted: Vec<_> = record.counted.iter().filter(|name| name.ends_with(DRILL_TOTAL)).collect();
    let of = |rung: &str| counted.iter().filter(|name| label(name, "rung") == rung).count();
    let Some(route) = route(record).filter(|_| record.ended_well) else {
        return ensure(counted.is_empty(), || format!("{counted:?} is counted"));
    };
    // Regions that are passed over for their breakers are counted when the stream is gone.
    let is_lost = !(scenario.deaths.is_empty() && scenario.pushes.is_empty());
    if counted.is_empty() && record.drills.is_empty() {
        let has_own = route.fixed.is_some() || route.last_good.is_some();
        let is_for_sure = route.drill == Some(100) && (route.regions.len() > 1 || has_own);
        let is_drained = route.others().count() + 1 < route.regions.len();
        let may_be_passed_over = !has_own && (route.breaker.is_some() || is_drained);
        return ensure(!is_for_sure || is_lost || may_be_passed_over, || "no drill follows it".to_owned());
    }
    let expected = [usize::from(route.last_good.is_some()), usize::from(route.fixed.is_some())];
    ensure(is_lost || ["last-good", "static"].map(of) == expected, || format!("{counted:?} is counted"))?;
    let regions: Vec<_> = (1..route.regions.len()).collect();
    let skipped: Vec<_> = counted.iter().filter(|name| label(name, "rung").starts_with("secondary")).collect();
    if !skipped.is_empty() {
        let is_true = |result| match result {
            "skipped_not_replayable" => !may_be_repeated(record, route),
            "skipped_overflow" => true,
            _ => false,
        };
        let are_true = skipped.iter().all(|name| is_true(label(name, "result")));
        let are_all = regions.iter().all(|region| of(&region_name(*region)) == 1) && record.drills.is_empty();
        return ensure(are_true && (are_all || is_lost), || format!("{counted:?} is counted"));
    }
    let is_asked =
        |region: &usize| record.drills.iter().any(|asked| asked.region == *region) || route.is_drained(*region);
    let are_asked = regions.iter().all(is_asked) || route.breaker.is_some();
    ensure(is_lost || are_asked, || format!("of {regions:?} not all are asked, nor passed over"))
}

/// What came of drills is counted as what it was. Judged where nothing is lost.
pub(super) fn counted(outcome: &Outcome) -> Result<(), String> {
    if !(outcome.scenario.pushes.is_empty() && outcome.scenario.deaths.is_empty()) {
        return Ok(());
    }
    let is_region = |name: &str| label(name, "rung").starts_with("secondary");
    let results = outcome.stats.iter().filter(|(name, _)| name.ends_with(DRILL_TOTAL) && is_region(name));
    for (name, value) in results {
        let [route, rung, result] = ["route", "rung", "result"].map(|it| label(name, it));
        let is_it = |asked: &&Asked| region_name(asked.region) == rung && asked.outcome == Some(result);
        let of_route = outcome.records.iter().filter(|record| record.route().is_some_and(|it| it.name == route));
        let found: usize = of_route.map(|record| record.drills.iter().filter(is_it).count()).sum();
        let is_right = result.starts_with("skipped") || u64::try_from(found) == Ok(*value);
        ensure(is_right, || format!("{rung} of {route} said {result} {found} times in drills, {value} are counted"))?;
    }
    Ok(())
}

/// The route of an exchange that a drill may follow.
fn route(record: &Record) -> Option<&Route> {
    let route = record.route().filter(|route| route.drill.is_some_and(|share| share > 0))?;
    let is_drill = record.headers.first(DRILL).is_some();
    (!record.is_shadow() && !record.is_live() && !is_drill).then_some(route)
}

/// Whether its copy is there when its answer ends.
fn may_be_repeated(record: &Record, route: &Route) -> bool {
    let is_short = record.body.len().max(record.announced()) <= route.max_body;
    let is_whole = record.shown.end.is_some() && !record.shown.trailers;
    record.is_listed(route) && is_short && is_whole && record.is_text() && record.uncopied.is_none()
}
