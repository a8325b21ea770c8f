//! The agent as a process beside Envoy.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::bootstrap::repository;
use crate::child::LeashedChild;
use crate::client::{Client, Protocol, Request};
use crate::resident_memory::resident_memory;
use crate::stats::Stats;
use crate::wait::wait_for;

const START: Duration = Duration::from_secs(10);

/// The verb `sidecar` of the agent, on ports of the kernel's choice. Dropping it kills it.
#[derive(Debug)]
pub struct AgentProcess {
    child: LeashedChild,
    api: Client,
    metrics: Client,
    log: PathBuf,
    /// Its log, where it is gone with it.
    _directory: Option<TempDir>,
}

impl AgentProcess {
    /// Starts it beside the Envoy with this admin interface, with these flags besides.
    pub async fn start(envoy_admin: SocketAddr, flags: &[&str]) -> anyhow::Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), envoy_admin, flags).await
    }

    /// The same with its API where the Envoy looks for it.
    pub async fn start_at(api: SocketAddr, envoy_admin: SocketAddr, flags: &[&str]) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("helius-agent-").tempdir()?;
        let log = directory.path().join("log");
        let metrics = SocketAddr::from(([127, 0, 0, 1], 0));
        let started = Self::start_as(&binary()?, [api, metrics, envoy_admin], &log, flags).await?;
        Ok(Self { _directory: Some(directory), ..started })
    }

    /// Starts this program with these addresses of its API, its metrics and Envoy's admin interface. Its log is there to
    /// be read after it has ended.
    pub async fn start_as(
        program: &Path,
        [api, metrics, envoy_admin]: [SocketAddr; 3],
        log: &Path,
        flags: &[&str],
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command
            .args(["sidecar", "--listen", &api.to_string(), "--metrics-listen", &metrics.to_string()])
            .args(["--envoy-admin", &envoy_admin.to_string()])
            .args(flags)
            .stdin(Stdio::null())
            .stderr(File::create(log)?);
        let mut child =
            LeashedChild::spawn(&mut command).with_context(|| format!("cannot run {}", program.display()))?;
        let ready = wait_for("the agent to be ready", START, async || {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            let ready = text.lines().find_map(ready);
            ready.map(Some).or_else(|| (!child.is_running()).then_some(None))
        });
        let ready = ready.await?;
        let told = || std::fs::read_to_string(log).unwrap_or_default();
        ensure!(ready.is_some(), "the agent ended while it started: {}", told());
        let [api, metrics] = ready.context("it is ready")?.map(|addr| Client::new(addr, Protocol::Http1));
        Ok(Self { child, api, metrics, log: log.to_owned(), _directory: None })
    }

    /// A client of its API.
    pub fn api(&self) -> &Client {
        &self.api
    }

    /// Where its metrics are.
    pub fn metrics_addr(&self) -> SocketAddr {
        self.metrics.addr()
    }

    /// Kills it as the kernel does when memory is short.
    pub fn kill(&mut self) {
        self.child.kill();
    }

    /// Its metrics as they stand.
    pub async fn page(&self) -> anyhow::Result<String> {
        let reply = self.metrics.send(Request::get("/metrics")).await?;
        ensure!(reply.status == 200, "/metrics answered {}: {}", reply.status, reply.text());
        Ok(reply.text())
    }

    /// Its metrics, read.
    pub async fn metrics(&self) -> anyhow::Result<Stats> {
        Ok(Stats::parse(&self.page().await?))
    }

    /// Its memory (resident set), in bytes.
    pub fn memory(&self) -> anyhow::Result<u64> {
        resident_memory(self.child.id())
    }

    /// Everything that it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// The addresses of API and metrics, where this line of the log says them.
fn ready(line: &str) -> Option<[SocketAddr; 2]> {
    let event: Value = serde_json::from_str(line).ok().filter(|event: &Value| event["message"] == "ready")?;
    let addr = |which: &str| event[which].as_str()?.parse().ok();
    Some([addr("api")?, addr("metrics")?])
}

/// The agent that `$HELIUS_AGENT` names, such as a release build, or the one that cargo puts beside whatever uses it.
fn binary() -> anyhow::Result<PathBuf> {
    if let Some(named) = std::env::var_os("HELIUS_AGENT").filter(|named| !named.is_empty()) {
        return Ok(repository().join(named));
    }
    let own = std::env::current_exe()?;
    let directories = own.ancestors().skip(1).take(2);
    let found = directories.map(|directory| directory.join("agent")).find(|candidate| candidate.is_file());
    found.context("the program `agent` is not built: `cargo build -p helius-e2e`")
}
