//! The operator's counters beside what the clients saw.

use std::collections::BTreeMap;
use std::time::Duration;

use helius_e2e::{Mesh, Stats, wait_for};

use crate::judge::Answer;
use crate::tally::Tally;
use crate::traffic::Route;

/// The filter counts an exchange when Envoy logs it, which may be after the client has its answer.
const SETTLES: Duration = Duration::from_secs(5);
const PRIMARY: &str = "us-east-1";
const SECONDARY: &str = "us-west-2";
const NOT_REPLAYABLE: &str = "skipped_not_replayable";

/// What was counted, and where that does not add up.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// By route, region and verdict.
    pub(crate) attempts: BTreeMap<(String, String, String), u64>,
    pub(crate) complaints: Vec<String>,
}

/// Compares until it adds up, or long enough.
pub(crate) async fn balance(mesh: &Mesh, tally: &Tally) -> Books {
    let mut books = Books::default();
    let balanced = wait_for("the counters to add up", SETTLES, async || {
        books = match mesh.stats().await {
            Ok(stats) => Books::of(&stats, tally),
            Err(error) => {
                Books { complaints: vec![format!("Envoy does not tell its stats: {error:#}")], ..Books::default() }
            }
        };
        books.complaints.is_empty().then_some(())
    });
    // That they do not is told by the complaints.
    let _ = balanced.await;
    books
}

impl Books {
    fn of(stats: &Stats, tally: &Tally) -> Self {
        let attempts = counted(stats, "helius_attempts_total", ["route", "region", "verdict"]);
        let mut books = Self { attempts, complaints: Vec::new() };
        let responses = counted(stats, "helius_responses_total", ["route", "served_by", "degraded"]);
        let seen: BTreeMap<_, _> = tally.answers.iter().map(|(answer, count)| (labels(answer), *count)).collect();
        if responses != seen {
            books.complaints.push(format!("Envoy counted the answers {responses:?}, the clients saw {seen:?}"));
        }
        for route in Route::ALL {
            books.balance_route(route, tally);
        }
        books
    }

    /// Every request is one attempt at the primary, made or not, each that is not good one at the secondary, and each that
    /// is not good there a static answer.
    fn balance_route(&mut self, route: Route, tally: &Tally) {
        let answers = |pick: &dyn Fn(&Answer) -> bool| -> u64 {
            let picked = tally.answers.iter().filter(|(answer, _)| answer.route == route && pick(answer));
            picked.map(|(_, count)| count).sum()
        };
        let (all, secondary) = (answers(&|_| true), answers(&|answer| answer.served_by == "secondary"));
        let from_primary = answers(&|answer| answer.served_by == "primary");
        let fixed = answers(&|answer| answer.served_by == "static");
        let refused = tally.not_replayable.iter().filter(|((refused_by, _), _)| *refused_by == route);
        let not_replayable = refused.map(|(_, count)| count).sum();
        let good = self.attempts(route, PRIMARY, "ok") + self.attempts(route, PRIMARY, "client_error");
        let at = |region| self.attempts_at(route, region);
        let mut lines = vec![
            ("attempts at the primary, requests", at(PRIMARY), all),
            ("good attempts at the primary, its answers", good, from_primary),
            ("attempts at the secondary or skips, failures of the primary", at(SECONDARY), all - from_primary),
            ("good attempts at the secondary, its answers", self.attempts(route, SECONDARY, "ok"), secondary),
            ("refused replays, answers that say so", self.attempts(route, SECONDARY, NOT_REPLAYABLE), not_replayable),
            (
                "other attempts at the secondary, static answers",
                at(SECONDARY) - self.attempts(route, SECONDARY, "ok"),
                fixed,
            ),
        ];
        let failures = ["connect", "reset", "timeout", "5xx", "overflow", "no_healthy_upstream"];
        for verdict in failures.into_iter().chain(["skipped_breaker_open"]) {
            let degraded = answers(&|answer| answer.degraded == verdict);
            lines.push((verdict, self.attempts(route, PRIMARY, verdict), degraded));
        }
        let wrong = lines.into_iter().filter(|(_, counted, seen)| counted != seen);
        let told = wrong.map(|(what, counted, seen)| format!("{route:?}: {what}: {counted} is not {seen}"));
        self.complaints.extend(told.collect::<Vec<_>>());
    }

    fn attempts(&self, route: Route, region: &str, verdict: &str) -> u64 {
        let key = (route.name().to_owned(), region.to_owned(), verdict.to_owned());
        self.attempts.get(&key).copied().unwrap_or(0)
    }

    fn attempts_at(&self, route: Route, region: &str) -> u64 {
        let at = self.attempts.iter().filter(|((name, at, _), _)| name == route.name() && at == region);
        at.map(|(_, count)| count).sum()
    }
}

fn labels(answer: &Answer) -> (String, String, String) {
    (answer.route.name().to_owned(), answer.served_by.clone(), answer.degraded.clone())
}

/// The counts of a metric that are not 0.
fn counted(stats: &Stats, metric: &str, labels: [&str; 3]) -> BTreeMap<(String, String, String), u64> {
    let label = |sample: &helius_e2e::Sample, label: &str| sample.labels.get(label).cloned().unwrap_or_default();
    let mut counts = BTreeMap::new();
    for sample in stats.of(metric).filter(|sample| sample.value > 0) {
        let [first, second, third] = labels.map(|name| label(sample, name));
        *counts.entry((first, second, third)).or_default() += sample.value;
    }
    counts
}
