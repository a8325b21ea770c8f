//! What operators have switched.

use super::passed_over::OVERRIDE;
use super::{Invariant, ensure};
use crate::record::Record;
use crate::scenario::Scenario;

pub(super) const DRAINED: Invariant = Invariant {
    name: "drained",
    sentence: "a region that is drained is not asked for anybody who comes while it is, not as a last resort and not in \
               a drill",
    check: drained,
};

pub(super) const FORCED_STATIC: Invariant = Invariant {
    name: "forced_static",
    sentence: "where the static answer is forced and there is one in a client's manner of speaking, no region is asked, and \
               whoever is let in gets it; it says why, and that nobody was asked",
    check: forced_static,
};

fn drained(_: &Scenario, record: &Record) -> Result<(), String> {
    let asked = record.asked.iter().chain(&record.drills).map(|asked| asked.region);
    let refused = record.refused.iter().map(|(region, _)| *region);
    let found = asked.chain(refused).find(|region| record.is_drained(*region));
    ensure(found.is_none(), || format!("region {found:?} is asked, and is drained"))
}

fn forced_static(_: &Scenario, record: &Record) -> Result<(), String> {
    let is_forced = record.route().is_some_and(|route| route.switched.is_static) && !record.is_shadow();
    if !is_forced {
        return Ok(());
    }
    let is_by_envoy = record.lost_its_vm || record.past_the_filter.is_some() || record.request_too_large;
    let Some(answer) = record.answer.as_ref().filter(|_| !is_by_envoy && !record.is_turned_away()) else {
        return Ok(());
    };
    let said = ["served-by", "degraded", "attempts"].map(|name| answer.mark(name).unwrap_or_default());
    ensure(said == ["static", OVERRIDE, "0"], || format!("it says {said:?}, and the static answer is forced"))
}
