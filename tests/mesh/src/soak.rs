//! Many incidents on all cores.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::incident::incident;
use crate::invariants::{Violation, judge};
use crate::mesh::play;

/// What came of many incidents.
#[derive(Debug, Default)]
pub struct Soak {
    /// Incidents that were played.
    pub played: u64,
    /// Exchanges in them.
    pub exchanges: u64,
    /// Those that broke a rule: the seed, and what it broke.
    pub failed: Vec<(u64, Vec<Violation>)>,
}

/// Plays the incidents of so many seeds. `progress` is told now and then how many have been played, and says how long
/// to wait before it is told again.
///
/// # Panics
///
/// When the module is missing.
pub fn soak(from: u64, seeds: u64, progress: impl Fn(u64) -> Duration) -> Soak {
    let (next, played, result) = (AtomicU64::new(from), AtomicU64::new(0), Mutex::new(Soak::default()));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let work = || {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= from + seeds {
                    return;
                }
                let outcome = play(&incident(seed), seed, false);
                let violations = judge(&outcome);
                played.fetch_add(1, Ordering::Relaxed);
                let Ok(mut soak) = result.lock() else { return };
                soak.played += 1;
                soak.exchanges += outcome.records.len() as u64;
                if !violations.is_empty() {
                    soak.failed.push((seed, violations));
                }
            }
        };
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        while !workers.iter().all(thread::ScopedJoinHandle::is_finished) {
            let pause = progress(played.load(Ordering::Relaxed));
            let ends = std::time::Instant::now() + pause;
            while std::time::Instant::now() < ends && !workers.iter().all(thread::ScopedJoinHandle::is_finished) {
                thread::sleep(Duration::from_millis(20));
            }
        }
    });
    let mut soak = result.into_inner().unwrap_or_default();
    soak.failed.sort_by_key(|(seed, _)| *seed);
    soak
}
