//! What was counted since a certain moment, compared whole: a count too many fails as a missing one does.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::mesh::Mesh;
use crate::stats::Stats;
use crate::wait::wait_for;

/// The filter counts an exchange when Envoy logs it, which may be after the client has its answer.
const SETTLES: Duration = Duration::from_secs(5);

type Counts = BTreeMap<(String, String), u64>;

/// The counts of the filter since the ledger was opened.
#[derive(Debug)]
pub struct Ledger<'a> {
    mesh: &'a Mesh,
    before: Stats,
}

impl<'a> Ledger<'a> {
    pub(crate) async fn open(mesh: &'a Mesh) -> anyhow::Result<Self> {
        Ok(Self { mesh, before: mesh.stats().await? })
    }

    /// Asserts that exactly these attempts were counted: region, verdict, how many.
    ///
    /// # Panics
    ///
    /// When others are counted than expected and that does not change in a while.
    pub async fn attempts(&self, expected: &[(&str, &str, u64)]) {
        self.settle("helius_attempts_total", ["region", "verdict"], expected).await;
    }

    /// Asserts that exactly these answers were counted: served by, degraded, how many.
    ///
    /// # Panics
    ///
    /// When others are counted than expected and that does not change in a while.
    pub async fn responses(&self, expected: &[(&str, &str, u64)]) {
        self.settle("helius_responses_total", ["served_by", "degraded"], expected).await;
    }

    /// Asserts that exactly these decisions about letting requests in were counted: route, decision, how many.
    ///
    /// # Panics
    ///
    /// When others are counted than expected and that does not change in a while.
    pub async fn admissions(&self, expected: &[(&str, &str, u64)]) {
        self.settle("helius_admission_total", ["route", "decision"], expected).await;
    }

    async fn settle(&self, metric: &str, labels: [&str; 2], expected: &[(&str, &str, u64)]) {
        let expected: Counts = expected.iter().map(|(a, b, n)| (((*a).to_owned(), (*b).to_owned()), *n)).collect();
        let mut seen = Counts::new();
        let settled = wait_for(metric, SETTLES, async || {
            seen = self.since_opened(metric, labels).await;
            (seen == expected).then_some(())
        });
        let settled = settled.await.is_ok();
        assert!(settled, "{metric} by {labels:?} should have grown by {expected:?}, but grew by {seen:?}");
    }

    async fn since_opened(&self, metric: &str, labels: [&str; 2]) -> Counts {
        let mut counts = self.mesh.stats().await.map_or_else(|_| Counts::new(), |now| tally(&now, metric, labels));
        for (key, before) in tally(&self.before, metric, labels) {
            let grown = counts.entry(key).or_default();
            *grown = grown.saturating_sub(before);
        }
        counts.retain(|_, count| *count > 0);
        counts
    }
}

fn tally(stats: &Stats, metric: &str, labels: [&str; 2]) -> Counts {
    let mut counts = Counts::new();
    for sample in stats.of(metric) {
        let [first, second] = labels.map(|label| sample.labels.get(label).cloned().unwrap_or_default());
        *counts.entry((first, second)).or_default() += sample.value;
    }
    counts
}
