//! When a VM dies.

use super::{Invariant, ensure};
use crate::mesh::micros;
use crate::record::Record;
use crate::scenario::{Millis, Scenario};
use crate::world::Micros;

pub(super) const EXCUSED: Invariant = Invariant {
    name: "excused",
    sentence: "only the death of its worker's VM is an excuse: to what it had in flight, and to what came before a \
               fresh one could be started",
    check: excused,
};

/// So long after the start of a VM its successor is not started: one and a half times the `base_interval` of
/// `envoy/bootstrap.yaml`.
const BACKOFF: Micros = 150_000;

/// A pushed document reaches every worker within this time.
const PUSHED_WITHIN: Micros = 5_000;

fn excused(scenario: &Scenario, record: &Record) -> Result<(), String> {
    if !record.lost_its_vm {
        return Ok(());
    }
    let worker = scenario.exchanges[record.index].worker;
    let deaths: Vec<_> = scenario.deaths.iter().filter(|death| death.worker == worker).collect();
    ensure(!deaths.is_empty(), || format!("it has lost its VM on w{worker}, where none has died"))?;
    let came = record.began.is_none().then_some(record.settled).flatten();
    let Some((came, _)) = came else { return Ok(()) };
    let is_soon = started(scenario).any(|at| (at..=at + PUSHED_WITHIN + BACKOFF).contains(&came));
    // A second death may follow a start that only the dead themselves can tell.
    ensure(is_soon || deaths.len() > 1, || format!("there is no VM on w{worker} though nothing forbids one"))
}

/// When VMs are started that nobody has killed before: with Envoy, and with a pushed document.
fn started(scenario: &Scenario) -> impl Iterator<Item = Micros> {
    let pushed = scenario.pushes.iter().map(|(at, _): &(Millis, _)| micros(*at));
    std::iter::once(0).chain(pushed)
}
