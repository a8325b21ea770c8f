//! Random incidents, each of which can be replayed.

use std::time::Duration;

use helius_mesh::{incident, play, soak};

/// Enough that each combination of two unlikely policies has been at work, and few enough to wait for.
const SEEDS: u64 = 10_000;

#[test]
fn every_rule_holds_in_every_incident() {
    let soak = soak(0, SEEDS, |_| Duration::from_secs(5));
    let shown = soak.failed.iter().take(5).map(|(seed, violations)| {
        let rules: Vec<_> =
            violations.iter().map(|it| format!("  {}, {}: {}", it.invariant, it.when, it.what)).collect();
        format!("seed {seed}\n{}\n  replay: cargo run --bin soak -- --replay {seed}", rules.join("\n"))
    });
    let failures: Vec<_> = shown.collect();
    assert!(failures.is_empty(), "{} incidents broke a rule, such as\n{}", soak.failed.len(), failures.join("\n"));
    assert_eq!(soak.played, SEEDS);
}

#[test]
fn a_seed_is_the_same_incident_each_time() {
    for seed in [3, 58, 171] {
        let trace = || play(&incident(seed), seed, true).trace;
        let first = trace();
        assert!(first.len() > 100);
        assert!(first == trace(), "seed {seed} went differently");
    }
}
