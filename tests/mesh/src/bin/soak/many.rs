//! Many incidents, on all cores.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use helius_mesh::{Soak, soak};

/// Time between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(1);

/// How many failing seeds are printed.
const MOST_SHOWN: usize = 5;

/// Plays `seeds` incidents from `from` on.
pub(crate) fn play_all(from: u64, seeds: u64) -> ExitCode {
    let begun = Instant::now();
    let is_terminal = std::io::stderr().is_terminal();
    let soak = soak(from, seeds, |played| {
        let rate = f64::from(u32::try_from(played).unwrap_or(u32::MAX)) / begun.elapsed().as_secs_f64();
        let (start, end) = if is_terminal { ("\r", "") } else { ("", "\n") };
        // Nobody is left to read it if this fails.
        let _ = write!(std::io::stderr(), "{start}{played} of {seeds} incidents, {rate:.0} per second{end}");
        PROGRESS
    });
    eprintln!();
    report(&soak)
}

fn report(soak: &Soak) -> ExitCode {
    println!("{} incidents with {} exchanges: {} broke a rule", soak.played, soak.exchanges, soak.failed.len());
    for (seed, violations) in soak.failed.iter().take(MOST_SHOWN) {
        println!("\nseed {seed}");
        for violation in violations {
            println!("  {}, {}: {}", violation.invariant, violation.when, violation.what);
        }
        println!("  replay: cargo run --bin soak -- --replay {seed}");
    }
    if soak.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
