//! How long anybody waits, by simulated time.

use super::{Invariant, ensure};
use crate::document::Route;
use crate::mesh::micros;
use crate::record::{Answer, Asked, Record};
use crate::scenario::Scenario;
use crate::world::Micros;

pub(super) const HEARD_OUT: Invariant = Invariant {
    name: "heard_out",
    sentence: "no answer comes while a region is still being asked, but a failed one that got too long to be held",
    check: heard_out,
};

pub(super) const AT_ONCE: Invariant = Invariant {
    name: "at_once",
    sentence: "a request that has come whole goes on at once, past its primary too, and so does an answer that nothing is \
               to replace; a request of which nothing comes goes on after 0.2 s",
    check: at_once,
};

pub(super) const IN_TIME: Invariant = Invariant {
    name: "in_time",
    sentence: "a degraded answer begins when the ladder's time is over, or as soon as the primary has failed or was \
               passed over and the request is whole if that is later, and 0.2 s after that if no region was \
               called; the primary has its own timeout, or Envoy's for connecting, and once \
               more where its answer is held; a request that does not end holds \
               the ladder up for the ladder's time; where the wall clock steps back, each region may have its time \
               once more",
    check: in_time,
};

/// A tick of the filter, and ten of those that come faster while somebody waits; none is exact.
const PATIENCE: Micros = 213_000;

/// What timers may be late, and the way to a region.
const SLACK: Micros = 5_000;

/// A held answer may get as long as this, in bytes.
const HELD: usize = 16 << 10;

fn heard_out(_: &Scenario, record: &Record) -> Result<(), String> {
    let Some((answer, _)) = degraded(record) else { return Ok(()) };
    let Some(asked) = record.asked.iter().find(|asked| !asked.was_told) else { return Ok(()) };
    ensure(answer.mark("served-by") == Some("primary") && outgrew(record), || {
        format!("region {} is still being asked", asked.region)
    })
}

fn at_once(scenario: &Scenario, record: &Record) -> Result<(), String> {
    if record.primary().is_none()
        && let (Some(first), Some(end)) = (record.asked.first(), record.shown.end)
    {
        return ensure(first.at.0 == end, || {
            format!("it came whole {} µs before another region is asked", first.at.0.saturating_sub(end))
        });
    }
    let (Some((began, _)), Some(primary), false) = (record.began, record.primary(), record.lost_its_vm) else {
        return Ok(());
    };
    let waits = if scenario.envoy.allow_on_headers_stop_iteration { 0 } else { PATIENCE };
    let came = came(scenario, record).map(|came| came + waits);
    if let (Some(came), Some(whole)) = (came, primary.whole_at) {
        ensure(whole <= came, || format!("it came whole {} µs ago, and goes on only now", whole - came))?;
    }
    let latest = came.unwrap_or(0).max(began + PATIENCE);
    ensure(primary.at.0 <= latest, || format!("it is held back for {} µs", primary.at.0 - began))?;
    let (Some(answer), Some(heard)) = (&record.answer, primary.heard_at) else { return Ok(()) };
    if is_by_envoy(record) || degraded(record).is_some() {
        return Ok(());
    }
    ensure(answer.at == heard, || format!("the primary answered {} µs before", answer.at.saturating_sub(heard)))
}

fn in_time(scenario: &Scenario, record: &Record) -> Result<(), String> {
    let (Some((answer, route)), Some((began, _))) = (degraded(record), record.began) else { return Ok(()) };
    let primary = record.primary();
    // Who is passed over the primary does not wait for it at all.
    let Some(heard) = primary.map_or(Some(began), |primary| primary.heard_at) else {
        return Err("it is degraded, but the primary was never heard".into());
    };
    if let Some(whole) = primary.and_then(|primary| primary.whole_at) {
        let most = micros(route.regions[0].timeout.max(scenario.envoy.connect_timeout)) + SLACK;
        let is_held = primary.and_then(|primary| primary.judged).is_some_and(|judged| judged.is_held);
        // Once more, in whole ticks, for an answer that is held.
        let most = if is_held { most + micros(route.regions[0].timeout) + PATIENCE } else { most };
        ensure(heard <= whole + most, || format!("the primary was waited for {} µs", heard - whole))?;
    }
    let due = due(scenario, record, route, heard);
    ensure(answer.at <= due, || format!("it comes {} µs too late", answer.at - due))
}

/// When a degraded answer has to begin at the latest.
fn due(scenario: &Scenario, record: &Record, route: &Route, heard: Micros) -> Micros {
    let ladder = micros(route.timeout);
    let began = record.started_at();
    let settled = record.settled.map_or(Micros::MAX, |(settled, _)| settled);
    // Timers are late by up to a hundredth, and it is ticks that are counted.
    let given_up = heard + ladder + ladder / 100 + SLACK;
    let is_ready = heard.max(record.shown.end.filter(|end| *end <= settled).unwrap_or(given_up));
    let mut over = is_ready.max(began + ladder);
    if has_stepped_back(scenario, began, settled) {
        let again: Micros = route.regions[1..].iter().map(|region| micros(region.timeout)).sum();
        over = over.max(is_ready + again);
    }
    over + SLACK + if record.secondaries().next().is_none() { PATIENCE } else { 0 }
}

fn has_stepped_back(scenario: &Scenario, from: Micros, to: Micros) -> bool {
    scenario.clock_steps.iter().any(|(at, by)| *by < 0 && (from..=to).contains(&micros(*at)))
}

/// When the last of the request comes to Envoy, if it does.
fn came(scenario: &Scenario, record: &Record) -> Option<Micros> {
    let request = &scenario.exchanges[record.index].request;
    let (began, _) = record.began.filter(|_| !request.is_silent)?;
    let (has_body, pieces) = (request.body.is_some(), request.pieces.max(1) as Micros);
    let intervals = match request.trailers || (has_body && request.ends_separately) {
        true => pieces + 1,
        false if has_body => pieces,
        false => 0,
    };
    Some(began + micros(request.interval) * intervals)
}

/// The answer and the route, where the ladder gave the answer.
fn degraded(record: &Record) -> Option<(&Answer, &Route)> {
    let is_by_ladder = record.degraded().is_some() && !record.is_shadow() && !is_by_envoy(record);
    record.answer.as_ref().filter(|_| is_by_ladder).zip(record.route())
}

/// Whether Envoy answered by itself, past the filter.
const fn is_by_envoy(record: &Record) -> bool {
    record.past_the_filter.is_some() || record.lost_its_vm || record.request_too_large
}

/// Whether the primary's failed answer was too long to be held.
pub(super) fn outgrew(record: &Record) -> bool {
    let said = |asked: &Asked| asked.said.as_ref().is_some_and(|(_, body)| body.len() > HELD);
    record.primary().is_some_and(said)
}
