//! What the filter takes of memory in each worker that has served.

use helius_e2e::{OpenLoop, resident_memory};

use crate::filter;
use crate::load::{question, region};
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
    let region = region("us-east-1").await?;
    let mut found = Vec::new();
    for (name, document) in [("bare", None), ("ladder", Some(filter::ladder())), ("schema", Some(filter::schema()))] {
        tell(&format!("memory of {name}"));
        let mut sizes = [0.0; 2];
        for (size, workers) in sizes.iter_mut().zip(WORKERS) {
            let mesh = filter::sidecar(document.clone(), region.addr(), region.addr(), workers).start().await?;
            let load = OpenLoop::connect(mesh.addr(), CONNECTIONS)?;
            load.spawn(COUNT, RATE, |_| question(0)).await??;
            *size = bytes(resident_memory(mesh.envoy().pid())?);
        }
        let [one, five] = sizes;
        found.push(Memory { name, process: one, worker: (five - one) / f64::from(WORKERS[1] - WORKERS[0]) });
    }
    Ok(found)
}

#[expect(clippy::cast_precision_loss, reason = "no process has more bytes than an f64 has digits")]
fn bytes(bytes: u64) -> f64 {
    bytes as f64
}
