//! What the filter takes of memory in each worker that has served.

use anyhow::Context;
use helius_e2e::{LeanRegion, Mesh, Mood, OpenLoop};
use serde_json::Value;

use crate::filter;
use crate::load::{ANSWER, question};
use crate::slices::tell;

/// So many that the kernel gives some to every worker.
const CONNECTIONS: usize = 64;
const RATE: u32 = 1000;
const COUNT: u32 = 3000;

/// Of so many workers, and so many more.
const WORKERS: [u32; 2] = [1, 5];

/// Resident memory, in bytes.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    pub(crate) name: &'static str,
    /// Of the process with one worker.
    pub(crate) process: f64,
    /// Of each worker more.
    pub(crate) worker: f64,
}

/// Measures Envoys whose every worker has served, each with one worker and with five.
pub(crate) async fn measure() -> anyhow::Result<Vec<Memory>> {
    let region = LeanRegion::start("us-east-1").await?;
    region.behave(Mood::Say(ANSWER));
    region.forget();
    let mut found = Vec::new();
    for (name, document) in [("bare", None), ("ladder", Some(filter::ladder())), ("schema", Some(filter::schema()))] {
        tell(&format!("memory of {name}"));
        let mut sizes = [0.0; 2];
        for (size, workers) in sizes.iter_mut().zip(WORKERS) {
            let bootstrap = Mesh::builder().assist(region.addr(), region.addr()).concurrency(workers);
            let bootstrap = match &document {
                Some(document) => bootstrap.configure(|it: &mut Value| it.clone_from(document)),
                None => bootstrap.without_filter(),
            };
            let mesh = bootstrap.start().await?;
            let load = OpenLoop::connect(mesh.addr(), CONNECTIONS)?;
            load.spawn(COUNT, RATE, |_| question(0)).await??;
            *size = resident(mesh.envoy().pid())?;
        }
        let [one, five] = sizes;
        found.push(Memory { name, process: one, worker: (five - one) / f64::from(WORKERS[1] - WORKERS[0]) });
    }
    Ok(found)
}

fn resident(process: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("there is no VmRSS")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024.0)
}
