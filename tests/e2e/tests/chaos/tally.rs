//! What the clients saw.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::faults::Journal;
use crate::judge::{Answer, Outcome};
use crate::traffic::Route;

/// The first ones tell the reason, the rest only repeat it.
const COMPLAINTS: usize = 10;

/// A request and what became of it.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) what: String,
    /// After the beginning of the run.
    pub(crate) at: Duration,
    pub(crate) latency: Duration,
    pub(crate) outcome: Outcome,
}

/// Counts, and everything that should not have happened.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    pub(crate) answers: BTreeMap<Answer, u64>,
    /// By the reason that the answer gives.
    pub(crate) not_replayable: BTreeMap<(Route, String), u64>,
    /// By status.
    pub(crate) unprotected: BTreeMap<u16, u64>,
    /// Of the protected ones.
    latencies: Vec<Duration>,
    /// And why.
    wrong: Vec<(Sent, String)>,
}

impl Tally {
    pub(crate) fn add(&mut self, sent: Sent) {
        self.requests += 1;
        match &sent.outcome {
            Outcome::Answered { answer, not_replayable } => {
                *self.answers.entry(answer.clone()).or_default() += 1;
                if let Some(reason) = not_replayable {
                    *self.not_replayable.entry((answer.route, reason.clone())).or_default() += 1;
                }
                self.latencies.push(sent.latency);
            }
            Outcome::Unprotected(status) => *self.unprotected.entry(*status).or_default() += 1,
            Outcome::Wrong(why) => {
                let why = why.clone();
                self.wrong.push((sent, why));
            }
        }
    }

    #[must_use]
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.requests += other.requests;
        merge_counts(&mut self.answers, other.answers);
        merge_counts(&mut self.not_replayable, other.not_replayable);
        merge_counts(&mut self.unprotected, other.unprotected);
        self.latencies.extend(other.latencies);
        self.wrong.extend(other.wrong);
        self
    }

    /// How many answers a rung gave, on any route.
    pub(crate) fn served_by(&self, rung: &str) -> u64 {
        self.answers.iter().filter(|(answer, _)| answer.served_by == rung).map(|(_, count)| count).sum()
    }

    /// The latencies that 50 and 99 of 100 protected requests did not exceed, and the longest.
    pub(crate) fn latencies(&self) -> [Duration; 3] {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let rank = |percent: usize| (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        [50, 99, 100].map(|percent| sorted.get(rank(percent)).copied().unwrap_or_default())
    }

    /// What no client should have seen, with what was going on at that time.
    pub(crate) fn complaints(&self, journal: &Journal) -> Vec<String> {
        let mut wrong: Vec<_> = self.wrong.iter().collect();
        wrong.sort_by_key(|(sent, _)| sent.at);
        let mut told: Vec<_> = wrong
            .iter()
            .take(COMPLAINTS)
            .map(|(Sent { what, at, latency, .. }, why)| {
                let faults = journal.around(*at, *at + *latency);
                format!("{what} at {at:?}, after {latency:?}: {why}\n    faults: {faults}")
            })
            .collect();
        if wrong.len() > COMPLAINTS {
            told.push(format!("and {} more", wrong.len() - COMPLAINTS));
        }
        told
    }
}

fn merge_counts<K: Ord>(counts: &mut BTreeMap<K, u64>, others: BTreeMap<K, u64>) {
    for (key, count) in others {
        *counts.entry(key).or_default() += count;
    }
}
