//! One incident, with everything that happens in it.

use std::process::ExitCode;

use helius_mesh::{incident, judge, play};

/// Plays one seed and prints its trace.
pub(crate) fn replay(seed: u64) -> ExitCode {
    let scenario = incident(seed);
    println!("{scenario:#?}");
    println!("document: {}\n", scenario.document.text());
    let outcome = play(&scenario, seed, true);
    for line in &outcome.trace {
        println!("{line}");
    }
    let violations = judge(&outcome);
    for violation in &violations {
        println!("\nBROKEN {}, {}: {}", violation.invariant, violation.when, violation.what);
    }
    if violations.is_empty() {
        println!("\nseed {seed}: every rule holds");
        return ExitCode::SUCCESS;
    }
    ExitCode::FAILURE
}
