//! Who is let in, reckoned from outside the filter: by credit that grows with time, in whole microseconds.

use super::{Invariant, ensure};
use crate::document::{ORIGIN, Route};
use crate::grpc::STATUS;
use crate::host::label;
use crate::mesh::Outcome;
use crate::record::{Answer, Record};
use crate::scenario::Scenario;

pub(super) const LET_IN: &str = "let_in";

pub(super) const TURNED_AWAY: Invariant = Invariant {
    name: "turned_away",
    sentence: "where not everybody is let in each request is decided once; who comes from an isolated region gets a 503, \
               one too many a 429 with when to come again, a duplicate the status that is configured or the first one's \
               answer; no region hears of them, and in shadow mode nobody is turned away",
    check: turned_away,
};

const ADMISSION_TOTAL: &str = "helius_admission_total";

fn turned_away(_: &Scenario, record: &Record) -> Result<(), String> {
    let decisions: Vec<_> = record.decisions().collect();
    let route = record.matched().filter(|route| route.has_admission() && record.began.is_some());
    if record.lost_its_vm {
        return ensure(decisions.len() <= usize::from(route.is_some()), || format!("{decisions:?} is counted"));
    }
    let Some(route) = route else {
        return ensure(decisions.is_empty(), || format!("{decisions:?} is counted where everybody is let in"));
    };
    let [decision] = decisions[..] else { return Err(format!("{decisions:?} is counted")) };
    let origin = record.headers.text(ORIGIN);
    let isolated = route.turns_away(origin);
    let is_right = match decision.strip_prefix("would_").unwrap_or(decision) {
        "allowed" => !isolated,
        "isolated" => isolated,
        "limited" => route.limit.is_some() && !isolated,
        "duplicate" => route.dedupe.is_some() && !isolated && !record.is_live(),
        _ => false,
    };
    let is_watched = decision == "allowed" || decision.starts_with("would_") == record.is_shadow();
    ensure(is_right && is_watched, || format!("{decision} is counted"))?;
    let Some(answer) = record.answer.as_ref().filter(|_| record.is_turned_away()) else { return Ok(()) };
    ensure(record.asked.is_empty() && is_told(decision, (route, origin), answer), || {
        format!("it is {decision} with {answer:?}, and {} regions heard of it", record.asked.len())
    })
}

/// Whether the answer says what became of the request. Envoy tells gRPC of a 429 or 503 by a status of its own.
fn is_told(decision: &str, (route, origin): (&Route, &str), answer: &Answer) -> bool {
    let is_status = |status| answer.status() == status || answer.headers.text(STATUS) == "14";
    match decision {
        "limited" => is_status(429) && !answer.headers.text("retry-after").is_empty(),
        "isolated" => is_status(503) && answer.mark("isolated") == Some(origin),
        _ => {
            let is_plain = route.dedupe.is_some_and(|it| it.status == answer.status()) && answer.body.is_empty();
            let is_done = answer.mark("duplicate") == Some("done");
            let is_firsts = route.dedupe.is_some_and(|it| it.replays) && is_done && answer.status() < 400;
            (is_plain && answer.mark("duplicate").is_some()) || is_firsts
        }
    }
}

/// On every route exactly those are let in that the limit allows, be it scaled, and the others are told the exact wait.
/// Judged where one document holds for the whole run and the clock keeps time.
pub(super) fn let_in(outcome: &Outcome) -> Result<(), String> {
    let scenario = &outcome.scenario;
    if !(scenario.pushes.is_empty() && scenario.clock_steps.is_empty() && scenario.deaths.is_empty()) {
        return Ok(());
    }
    let mut limited = scenario.document.routes.iter().filter(|route| route.limit.is_some());
    limited.try_for_each(|route| judge(route, &outcome.records))
}

fn judge(route: &Route, records: &[Record]) -> Result<(), String> {
    // An isolated region uses up nobody's limit.
    let is_isolated = |record: &Record| record.decisions().any(|it| it.ends_with("isolated"));
    let is_about = |record: &&Record| record.matched().is_some_and(|it| it.name == route.name) && !is_isolated(record);
    let mut came: Vec<_> = records.iter().filter(is_about).filter_map(|it| Some((it.began?.0, it))).collect();
    // Of two who come at the same moment, either may be the first.
    let is_limited = |record: &Record| record.decisions().any(|it| it.ends_with("limited"));
    came.sort_by_key(|(at, record)| (*at, is_limited(record)));
    // When the whole of it is there again.
    let mut full = 0;
    for (at, record) in came {
        let Some((costs, most)) = record.matched().and_then(Route::allows) else { continue };
        full = full.clamp(at, at + most);
        let credit = most - (full - at);
        let is_let_in = !is_limited(record);
        ensure(is_let_in == (credit >= costs), || {
            format!("{} comes with {credit} µs of credit, needs {costs}, let in: {is_let_in}", record.id)
        })?;
        if is_let_in {
            full += costs;
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
    pub(crate) fn decisions(&self) -> impl Iterator<Item = &str> {
        self.counted.iter().filter(|name| name.ends_with(ADMISSION_TOTAL)).map(|name| label(name, "decision"))
    }

    /// Whether it was turned away before anybody asked whether it is a duplicate.
    pub(crate) fn is_refused(&self) -> bool {
        self.decisions().any(|decision| ["limited", "isolated"].contains(&decision))
    }

    /// Whether it was turned away.
    pub(super) fn is_turned_away(&self) -> bool {
        self.is_refused() || self.decisions().any(|decision| decision == "duplicate")
    }

    /// What was counted besides.
    pub(super) fn counted_by_the_ladder(&self) -> impl Iterator<Item = &String> {
        self.counted.iter().filter(|name| !name.ends_with(ADMISSION_TOTAL))
    }
}
