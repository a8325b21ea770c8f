//! What is given where no region answers: an answer that is given again, or the static one.

use super::{Invariant, ensure};
use crate::document::LastGood;
use crate::kept::{DECIDED_WITHIN, Kept};
use crate::mesh::micros;
use crate::record::{Answer, End, Record};
use crate::scenario::Scenario;
use crate::world::Micros;

pub(super) const AGAIN: Invariant = Invariant {
    name: "again",
    sentence: "an answer that is given again is the newest good one that the same route kept to the very same question, \
               it says how old it is and whether that is stale, and it is not too old",
    check: again,
};

pub(super) const KEPT_FIRST: Invariant = Invariant {
    name: "kept_first",
    sentence: "where the last answer that a route kept is one to the same question, and not too old, neither the static \
               one is given nor, but for the bound, is anybody refused",
    check: kept_first,
};

const SECOND: Micros = 1_000_000;

fn served_by<'a>(record: &'a Record, name: &str) -> Option<&'a Answer> {
    record.answer.as_ref().filter(|answer| answer.mark("served-by") == Some(name) && !record.lost_its_vm)
}

fn again(scenario: &Scenario, record: &Record) -> Result<(), String> {
    let Some(answer) = served_by(record, "last-good") else { return Ok(()) };
    let Some(last_good) = record.route().and_then(|route| route.last_good) else {
        return Err("its route keeps nothing".to_owned());
    };
    let is_whole = record.end == Some(End::Whole);
    let is_it = |kept: &&Kept| kept.said.0 == answer.status() && (!is_whole || kept.said.1 == answer.body);
    let all: Vec<_> = record.kept.iter().filter(is_it).collect();
    ensure(!all.is_empty(), || {
        format!("nobody said {} to {} of {}", String::from_utf8_lossy(&answer.body), record.id, record.kept.len())
    })?;
    if !scenario.clock_steps.is_empty() {
        return Ok(());
    }
    let has_its_age = all.iter().any(|kept| says_its_age(answer, kept, last_good));
    ensure(has_its_age, || format!("at {} it says {:?}, of {all:?}", answer.at, answer.headers))
}

fn says_its_age(answer: &Answer, kept: &Kept, last_good: LastGood) -> bool {
    let latest = answer.at.saturating_sub(kept.at.0);
    let earliest = latest.saturating_sub(DECIDED_WITHIN);
    let said: Micros = answer.headers.text("age").parse().unwrap_or(Micros::MAX);
    let (fresh, most) = (micros(last_good.fresh), micros(last_good.max_stale));
    let is_stale = answer.mark("stale") == Some("true");
    let is_right = if is_stale { latest > fresh } else { earliest <= fresh };
    (earliest / SECOND..=latest / SECOND).contains(&said) && is_right && earliest <= most
}

fn kept_first(_: &Scenario, record: &Record) -> Result<(), String> {
    let is_capped = record.route().is_some_and(|route| route.max_share.is_some());
    let is_refused = served_by(record, "refusal").is_some() && !is_capped;
    let is_wrong = record.has_kept && (served_by(record, "static").is_some() || is_refused);
    ensure(!is_wrong, || format!("the last answer that was kept is one to {}", record.id))
}
