//! Envoy's own counts beside the client's.

use std::time::Duration;

use helius_e2e::{Envoy, Stats, wait_for};

use crate::answer::Rung;
use crate::tally::Tally;
use crate::terminal::{Style, Terminal};

/// The filter counts an exchange when Envoy logs it, which may be after the client has its answer.
const SETTLES: Duration = Duration::from_secs(5);
const METRIC: &str = "helius_responses_total";

/// Who answered how often: what Envoy says, and what the client saw.
#[derive(Debug)]
pub(crate) struct Comparison(Vec<(&'static str, u64, u64)>);

impl Comparison {
    /// Reads Envoy's counters until they agree, or long enough.
    pub(crate) async fn read(envoy: &Envoy, client: &Tally) -> anyhow::Result<Self> {
        let mut last = Self(Vec::new());
        let agreed = wait_for(METRIC, SETTLES, async || {
            last = Self::of(&envoy.stats().await.ok()?, client);
            last.agrees().then_some(())
        });
        // Not agreeing is a result too, and is told by whoever asked.
        let _ = agreed.await;
        anyhow::ensure!(!last.0.is_empty(), "Envoy does not tell its stats");
        Ok(last)
    }

    fn of(stats: &Stats, client: &Tally) -> Self {
        let counted = |word| stats.sum(METRIC, &[("served_by", word)]);
        let rungs = Rung::ALL.map(|rung| (rung.word(), counted(rung.word()), client.served_by(rung)));
        let total = ("all", stats.sum(METRIC, &[]), client.requests);
        Self(rungs.into_iter().chain([total]).collect())
    }

    pub(crate) fn agrees(&self) -> bool {
        self.0.iter().all(|(_, envoy, client)| envoy == client)
    }

    pub(crate) fn print(&self, terminal: Terminal) {
        terminal.line(&terminal.paint(Style::Title, &format!("Envoy's own counter {METRIC}")));
        terminal.line(&format!("  {:<14} {:>9} {:>9}", "served_by", "Envoy", "client"));
        for (rung, envoy, client) in &self.0 {
            terminal.line(&format!("  {rung:<14} {envoy:>9} {client:>9}"));
        }
    }
}
