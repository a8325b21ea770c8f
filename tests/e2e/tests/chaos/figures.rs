//! The run in numbers.

use std::collections::BTreeMap;
use std::io::{Write, stderr};
use std::time::Duration;

use crate::books::Books;
use crate::faults::{Journal, Kind};
use crate::tally::Tally;

const RUNGS: [&str; 3] = ["primary", "secondary", "static"];

/// Written to the terminal itself: what a test prints is shown only when it fails, and these are wanted in any case.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(stderr().lock(), "{line}");
}

pub(crate) fn print(tally: &Tally, books: &Books, journal: &Journal, took: Duration) {
    let [kills, hangs, restarts] = [Kind::Kill, Kind::Hang, Kind::Restart].map(|kind| journal.count(kind));
    tell(&format!("  requests     {} in {:.1} s", tally.requests, took.as_secs_f64()));
    tell(&format!("  faults       {kills} kills, {hangs} hangs, {restarts} restarts"));
    let rungs = RUNGS.map(|rung| format!("{} {rung}", tally.served_by(rung)));
    tell(&format!("  protected    {}", rungs.join(", ")));
    let mut refused: BTreeMap<&str, u64> = BTreeMap::new();
    for ((_, reason), count) in &tally.not_replayable {
        *refused.entry(reason).or_default() += count;
    }
    tell(&format!("  not replayed {}", listed(&refused)));
    let unprotected: Vec<_> = tally.unprotected.iter().map(|(status, count)| format!("{count} of {status}")).collect();
    tell(&format!("  unprotected  {}", unprotected.join(", ")));
    let mut attempts: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for ((_, region, verdict), count) in &books.attempts {
        *attempts.entry(region).or_default().entry(verdict).or_default() += count;
    }
    for (region, verdicts) in attempts {
        tell(&format!("  {region:<12} {}", listed(&verdicts)));
    }
    let [p50, p99, max] = tally.latencies().map(|latency| latency.as_secs_f64() * 1000.0);
    tell(&format!("  latency      p50 {p50:.1} ms, p99 {p99:.0} ms, max {max:.0} ms"));
}

fn listed(counts: &BTreeMap<&str, u64>) -> String {
    let told: Vec<_> = counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
    told.join(", ")
}

/// A run in which nothing was at stake proves nothing.
pub(crate) fn assert_every_rung_was_used(tally: &Tally, journal: &Journal) {
    for rung in RUNGS {
        assert!(tally.served_by(rung) > 0, "no answer came from the {rung} rung");
    }
    for kind in [Kind::Kill, Kind::Hang, Kind::Restart] {
        assert!(journal.count(kind) > 0, "there was no {kind:?}");
    }
}
