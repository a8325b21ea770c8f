//! Which core does what, and how much of it a process has used.

use std::fmt;
use std::fs;

use anyhow::{Context, ensure};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The machine, divided: one core for the Envoy that is measured, the others for clients and regions.
#[derive(Debug)]
pub(crate) struct Machine {
    envoys: usize,
    name: String,
    cores: usize,
}

impl Machine {
    /// Takes the last core away from this process.
    pub(crate) fn divide() -> anyhow::Result<Self> {
        let all = sched_getaffinity(None)?;
        let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu)).collect();
        ensure!(
            cores.len() >= 2,
            "one core is not enough: Envoy has one, and who asks it another; run it where there are two"
        );
        let envoys = cores[cores.len() - 1];
        let mut others = all;
        others.unset(envoys);
        pin(std::process::id(), &others)?;
        Ok(Self { envoys, name: name(), cores: cores.len() })
    }

    /// Keeps all threads of an Envoy on the core for Envoys.
    pub(crate) fn pin(&self, process: u32) -> anyhow::Result<()> {
        let mut set = CpuSet::new();
        set.set(self.envoys);
        pin(process, &set)
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} cores", self.name, self.cores)
    }
}

fn name() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("model name"));
    line.map_or_else(|| "unknown machine".to_owned(), |it| it.trim_start_matches(['\t', ' ', ':']).to_owned())
}

fn pin(process: u32, set: &CpuSet) -> anyhow::Result<()> {
    for thread in threads(process)? {
        // A thread that has ended meanwhile needs no core.
        let _ = sched_setaffinity(Pid::from_raw(thread), set);
    }
    Ok(())
}

fn threads(process: u32) -> anyhow::Result<Vec<i32>> {
    let directory = format!("/proc/{process}/task");
    let entries = fs::read_dir(&directory).with_context(|| format!("cannot read {directory}"))?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

/// The time that all threads of a process have been on a core, in nanoseconds.
///
/// From `schedstat`: `stat` counts in hundredths of a second, which is a hundredth of a slice.
pub(crate) fn used(process: u32) -> anyhow::Result<u64> {
    let mut sum = 0;
    for thread in threads(process)? {
        let text = fs::read_to_string(format!("/proc/{process}/task/{thread}/schedstat")).unwrap_or_default();
        sum += text.split(' ').next().and_then(|it| it.parse::<u64>().ok()).unwrap_or(0);
    }
    ensure!(sum > 0, "the kernel does not say how long threads run (/proc/{process}/task/*/schedstat)");
    Ok(sum)
}
