//! Whether the simulated Envoy is a true picture of the real one: the same scenarios are played to both, and whatever a
//! client or an operator could tell them apart by fails.
//!
//! `cargo test --test fidelity -- WORDS` plays the scenarios whose names contain one of the words, and prints what came
//! out. Where the two differ, the real Envoy is right.

mod outcome;
mod real;
mod scenarios;
mod simulated;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime;
use tokio::time::timeout;

use crate::outcome::Outcome;
use crate::real::Stage;
use crate::scenarios::Case;

/// How many scenarios are played at the same time: starting an Envoy keeps a core busy, playing a scenario is mostly
/// waiting.
const AT_ONCE: usize = 3;
/// Fewer than these, and somebody has lost some.
const FEWEST: usize = 300;
/// A scenario that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(40);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let all = scenarios::all();
    let names: BTreeSet<&str> = all.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), all.len(), "two scenarios have the same name");
    assert!(names.len() >= FEWEST, "there are only {} scenarios", names.len());

    let is_wanted = |case: &Case| words.is_empty() || words.iter().any(|word| case.name.contains(word));
    let wanted: Vec<Case> = all.into_iter().filter(is_wanted).collect();
    let began = Instant::now();
    println!("{} scenarios on {} Envoys", wanted.len(), groups(&wanted).len());
    let reports = play_all(&wanted, !words.is_empty());
    println!("{} scenarios in {:.1} s, {} wrong", wanted.len(), began.elapsed().as_secs_f64(), reports.len());
    for report in &reports {
        println!("\n{report}");
    }
    if reports.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays them to both and returns what is wrong, in the order of the scenarios.
fn play_all(cases: &[Case], is_verbose: bool) -> Vec<String> {
    let next = Mutex::new(groups(cases).into_iter());
    let reports = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(group) = lock(&next, Iterator::next) {
                    let wrong = play_group(&group, is_verbose);
                    lock(&reports, |reports| reports.extend(wrong));
                }
            });
        }
    });
    let mut reports = lock(&reports, std::mem::take);
    reports.sort();
    reports.into_iter().map(|(_, report)| report).collect()
}

/// A scenario with its place among all.
type Numbered<'a> = (usize, &'a Case);

/// Those that can share an Envoy together. Large groups come first, so that no thread is left with one at the end.
fn groups(cases: &[Case]) -> Vec<Vec<Numbered<'_>>> {
    let mut groups = BTreeMap::<String, Vec<Numbered<'_>>>::new();
    for (index, case) in cases.iter().enumerate() {
        let key = real::shared_key(&case.scenario).unwrap_or_else(|| case.name.to_owned());
        groups.entry(key).or_default().push((index, case));
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| Reverse(group.len()));
    groups
}

fn lock<T, R>(mutex: &Mutex<T>, act: impl FnOnce(&mut T) -> R) -> R {
    act(&mut mutex.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Plays scenarios that share an Envoy, and returns what is wrong.
fn play_group(group: &[Numbered<'_>], is_verbose: bool) -> Vec<(usize, String)> {
    let mut reports = Vec::new();
    // Simulated first: that keeps the thread on which the regions run busy.
    let simulated = group.iter().map(|(_, case)| simulate(case)).collect::<Vec<_>>();
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("there is no runtime: {error}"));
    runtime.block_on(async {
        let mut stage = None;
        for ((index, case), simulated) in group.iter().zip(simulated) {
            let wrong = match simulated {
                Ok(simulated) => compare(&mut stage, case, &simulated, is_verbose).await.err(),
                Err(wrong) => Some(wrong),
            };
            println!("{} ... {}", case.name, if wrong.is_none() { "ok" } else { "WRONG" });
            reports.extend(wrong.map(|wrong| (*index, format!("{}:\n{wrong}", case.name))));
        }
    });
    reports
}

fn simulate(case: &Case) -> Result<Outcome, String> {
    // One that the simulation cannot play shall not hide what is wrong with the others.
    let simulated = catch_unwind(AssertUnwindSafe(|| simulated::outcome(&case.scenario)));
    simulated.unwrap_or_else(|_| Err("  the simulation panicked".to_owned()))
}

/// Plays a scenario to the real Envoy; an error is what is wrong, in lines.
async fn compare(
    stage: &mut Option<Stage>,
    Case { name, scenario }: &Case,
    simulated: &Outcome,
    is_verbose: bool,
) -> Result<(), String> {
    let play = async {
        // Whatever fails leaves an Envoy that the next scenario does not get.
        let mut own = match stage.take() {
            Some(stage) => stage,
            None => Stage::of(scenario).await?,
        };
        let real = own.play(scenario, &simulated.stats).await?;
        *stage = Some(own);
        anyhow::Ok(real)
    };
    let real = match timeout(PATIENCE, play).await {
        Ok(real) => real.map_err(|error| format!("  the real Envoy: {error:#}"))?,
        Err(_) => return Err(format!("  the real Envoy takes longer than {PATIENCE:?}")),
    };
    if is_verbose {
        println!("{name}:\n{real}");
    }
    let differences = real.differences(simulated);
    if differences.is_empty() { Ok(()) } else { Err(format!("  {}", differences.join("\n  "))) }
}
