//! What the filter adds to the time that a client waits, at a rate that Envoy keeps easily.

use std::time::Duration;

use helius_e2e::{Mesh, OpenLoop, Sent};
use serde_json::Value;

use crate::cpu::Machine;
use crate::filter;
use crate::load::{LANES, question, region};
use crate::slices::tell;
use crate::statistics::{Spread, quantile};

/// Requests a second, and in each turn.
pub(crate) const RATE: u32 = 1000;
const COUNT: u32 = 2000;
const TURNS: u32 = 8;

/// Milliseconds, of each turn one.
#[derive(Clone, Debug)]
pub(crate) struct Latency {
    pub(crate) name: &'static str,
    pub(crate) p50: Spread,
    pub(crate) p99: Spread,
}

/// Measures them in turn.
pub(crate) async fn measure(machine: &Machine) -> anyhow::Result<Vec<Latency>> {
    let regions = [region("us-east-1").await?, region("us-west-2").await?];
    let documents: [(&'static str, Option<Value>); 5] = [
        ("bare", None),
        ("admission", Some(filter::admission_only())),
        ("ladder", Some(filter::ladder())),
        ("schema", Some(filter::schema())),
        ("strict", Some(filter::strict())),
    ];
    let mut running = Vec::new();
    for (name, document) in documents {
        let mesh = filter::sidecar(document, regions[0].addr(), regions[1].addr(), 1).start().await?;
        machine.pin(mesh.envoy().pid())?;
        running.push((name, mesh, Vec::new(), Vec::new()));
    }
    for turn in 0..=TURNS {
        tell(&format!("latency, turn {turn} of {TURNS}"));
        for (name, mesh, halves, hundredths) in &mut running {
            let load = OpenLoop::connect(mesh.addr(), LANES)?;
            let (_, sent) = load.spawn(COUNT, RATE, |_| question(0)).await??;
            anyhow::ensure!(sent.iter().all(|it| it.status() == 200), "{name}: an answer was not 200");
            // The first turn is for V8.
            if turn > 0 {
                let sorted = sorted(&sent);
                halves.push(quantile(&sorted, 0.5));
                hundredths.push(quantile(&sorted, 0.99));
            }
        }
    }
    let of = |(name, _, p50, p99): (&'static str, Mesh, Vec<f64>, Vec<f64>)| Latency {
        name,
        p50: Spread::of(p50),
        p99: Spread::of(p99),
    };
    Ok(running.into_iter().map(of).collect())
}

/// From the moment that a request was sent, in milliseconds: a client that was late is no fault of Envoy.
fn sorted(sent: &[Sent]) -> Vec<f64> {
    let millis = |it: &Sent| it.took.saturating_sub(it.late);
    let mut sorted: Vec<f64> = sent.iter().map(|it| Duration::as_secs_f64(&millis(it)) * 1000.0).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}
