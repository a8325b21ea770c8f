//! Who is let in, reckoned from outside the filter: by credit that grows with time, in whole microseconds.

use super::{Invariant, ensure};
use crate::document::{Limit, Route};
use crate::grpc::STATUS;
use crate::host::label;
use crate::mesh::Outcome;
use crate::record::Record;
use crate::scenario::Scenario;
use crate::world::Micros;

pub(super) const LET_IN: &str = "let_in";

pub(super) const TURNED_AWAY: Invariant = Invariant {
    name: "turned_away",
    sentence: "each request under a limit is decided once; who is turned away gets a 429 and no region hears of it, \
               and in shadow mode nobody is",
    check: turned_away,
};

const ADMISSION_TOTAL: &str = "helius_admission_total";

fn turned_away(_: &Scenario, record: &Record) -> Result<(), String> {
    let decisions: Vec<_> = record.decisions().collect();
    let is_limited = record.matched().is_some_and(|route| route.limit.is_some());
    if record.lost_its_vm {
        return ensure(decisions.len() <= usize::from(is_limited), || format!("{decisions:?} is counted"));
    }
    let right: &[&str] = match (is_limited && record.began.is_some(), record.is_shadow()) {
        (false, _) => return ensure(decisions.is_empty(), || format!("{decisions:?} is counted without a limit")),
        (true, false) => &["allowed", "limited"],
        (true, true) => &["allowed", "would_limited"],
    };
    let [decision] = decisions[..] else { return Err(format!("{decisions:?} is counted")) };
    ensure(right.contains(&decision), || format!("{decision} is counted"))?;
    let Some(answer) = record.answer.as_ref().filter(|_| record.is_turned_away()) else { return Ok(()) };
    // Envoy tells gRPC of a 429 by a status of its own.
    let is_status = answer.status() == 429 || answer.headers.text(STATUS) == "14";
    let is_told = is_status && !answer.headers.text("retry-after").is_empty() && record.asked.is_empty();
    ensure(is_told, || format!("it is turned away with {answer:?}, and {} regions heard of it", record.asked.len()))
}

/// On every route exactly those are let in that the limit allows, and the others are told the exact wait. Judged where
/// one limit holds for the whole run and the clock keeps time.
pub(super) fn let_in(outcome: &Outcome) -> Result<(), String> {
    let scenario = &outcome.scenario;
    if !(scenario.pushes.is_empty() && scenario.clock_steps.is_empty() && scenario.deaths.is_empty()) {
        return Ok(());
    }
    scenario.document.routes.iter().try_for_each(|route| match route.limit {
        Some(limit) => judge(limit, route, &outcome.records),
        None => Ok(()),
    })
}

fn judge(limit: Limit, route: &Route, records: &[Record]) -> Result<(), String> {
    let is_about = |record: &&Record| record.matched().is_some_and(|it| it.name == route.name);
    let mut came: Vec<_> = records.iter().filter(is_about).filter_map(|it| Some((it.began?.0, it))).collect();
    // Of two who come at the same moment, either may be the first.
    came.sort_by_key(|(at, record)| (*at, record.decisions().any(|it| it != "allowed")));
    let costs = 1_000_000 / Micros::from(limit.per_second);
    let most = costs * Micros::from(limit.burst);
    let (mut credit, mut last) = (most, 0);
    for (at, record) in came {
        credit = most.min(credit + (at - last));
        last = at;
        let is_let_in = record.decisions().any(|it| it == "allowed");
        ensure(is_let_in == (credit >= costs), || {
            format!("{} comes with {credit} µs of credit, needs {costs}, let in: {is_let_in}", record.id)
        })?;
        if is_let_in {
            credit -= costs;
        } else if let Some(answer) = record.answer.as_ref().filter(|_| !record.is_shadow()) {
            let wait = (costs - credit).div_ceil(1_000_000).to_string();
            let told = answer.headers.text("retry-after");
            ensure(told == wait, || format!("{} is told to wait {told} s instead of {wait}", record.id))?;
        }
    }
    Ok(())
}

impl Record {
    /// What was decided about letting it in, as it was counted.
    fn decisions(&self) -> impl Iterator<Item = &str> {
        self.counted.iter().filter(|name| name.ends_with(ADMISSION_TOTAL)).map(|name| label(name, "decision"))
    }

    /// Whether a limit turned it away.
    pub(super) fn is_turned_away(&self) -> bool {
        self.decisions().any(|decision| decision == "limited")
    }

    /// What was counted besides.
    pub(super) fn counted_by_the_ladder(&self) -> impl Iterator<Item = &String> {
        self.counted.iter().filter(|name| !name.ends_with(ADMISSION_TOTAL))
    }
}
