//! What the client saw, as a table and as JSON.

use anyhow::Context;
use helius_e2e::repository;
use serde_json::{Value, json};

use crate::answer::Rung;
use crate::counters::Comparison;
use crate::tally::Tally;
use crate::terminal::{Style, Terminal};
use crate::world::DIRECTORY;

const FILE: &str = "summary.json";

/// The whole story in numbers.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) phases: Vec<(&'static str, Tally)>,
    pub(crate) total: Tally,
}

impl Summary {
    pub(crate) fn of(phases: Vec<(&'static str, Tally)>) -> Self {
        let total = Tally::total(phases.iter().map(|(_, tally)| tally));
        Self { phases, total }
    }

    /// Prints the table.
    pub(crate) fn print(&self, terminal: Terminal) {
        terminal.line(&format!("\n{}", terminal.paint(Style::Title, "What the client saw")));
        terminal.line(&format!(
            "  {:<14} {:>8} {:>8} {:>9} {:>7} {:>8} {:>8} {:>4} {:>6} {:>5}",
            "phase", "requests", "primary", "secondary", "static", "p50", "p99", "5xx", "errors", "wrong"
        ));
        for (name, tally) in &self.phases {
            terminal.line(&row(name, tally));
        }
        terminal.line(&row("all", &self.total));
        terminal.line("");
    }

    /// Writes the JSON and returns where it is.
    pub(crate) fn write(&self, counters: &Comparison) -> anyhow::Result<String> {
        let phases: Vec<Value> = self
            .phases
            .iter()
            .map(|(name, tally)| {
                let mut phase = numbers(tally);
                phase["name"] = (*name).into();
                phase
            })
            .collect();
        let mut summary = numbers(&self.total);
        summary["phases"] = phases.into();
        summary["counters_agree"] = counters.agrees().into();
        let file = format!("{DIRECTORY}/{FILE}");
        let text = format!("{summary:#}\n");
        std::fs::write(repository().join(&file), text).with_context(|| format!("cannot write {file}"))?;
        Ok(file)
    }

    /// The reason why this run is a failure, if it is one.
    pub(crate) fn fault(&self, counters: &Comparison) -> Option<String> {
        let Tally { server_errors, errors, wrong, .. } = self.total;
        if !self.total.is_clean() {
            return Some(format!(
                "the client saw {server_errors} answers of 5xx, {errors} errors and {wrong} wrong answers, and should have seen none"
            ));
        }
        (!counters.agrees()).then(|| {
            "Envoy and the client have counted differently (did anybody else send requests meanwhile?)".to_owned()
        })
    }
}

fn row(name: &str, tally: &Tally) -> String {
    let [primary, secondary, fixed] = Rung::ALL.map(|rung| tally.served_by(rung));
    let [p50, p99] = [50, 99].map(|percent| format!("{} ms", tally.percentile(percent).as_millis()));
    let Tally { requests, server_errors, errors, wrong, .. } = tally;
    format!(
        "  {name:<14} {requests:>8} {primary:>8} {secondary:>9} {fixed:>7} {p50:>8} {p99:>8} {server_errors:>4} {errors:>6} {wrong:>5}"
    )
}

fn numbers(tally: &Tally) -> Value {
    let [primary, secondary, fixed] = Rung::ALL.map(|rung| tally.served_by(rung));
    let milliseconds = |percent| u64::try_from(tally.percentile(percent).as_millis()).unwrap_or(u64::MAX);
    json!({
        "requests": tally.requests,
        "client_5xx": tally.server_errors,
        "client_errors": tally.errors,
        "client_wrong": tally.wrong,
        "served_by": { "primary": primary, "secondary": secondary, "static": fixed },
        "p50_ms": milliseconds(50),
        "p99_ms": milliseconds(99),
    })
}
