//! A real Envoy, started for one test and gone after it.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::bootstrap::repository;
use crate::child::LeashedChild;
use crate::client::{Client, Protocol, Request};
use crate::program::named_by;
use crate::stats::Stats;
use crate::wait::wait_for;

/// Loading the module takes most of it; the rest is for a machine that has other things to do.
const START: Duration = Duration::from_secs(30);
/// How much of the log explains a failure without burying it.
const LOG_TAIL: usize = 60;
/// What Envoy writes when a callback of a module ended in a trap, and what the module itself writes just before.
const TRAPS: [&str; 2] = ["failed: Uncaught", "panicked at"];
/// The ends of the stats `wasm.<plugin>.…` that only move after a VM has died.
const RELOADS: [&str; 3] = ["_vm_reload_success", "_vm_reload_failure", "_vm_reload_backoff"];

/// A running Envoy. Dropping it kills it; if that happens while a test fails, the end of its log is printed.
#[derive(Debug)]
pub struct Envoy {
    child: Mutex<LeashedChild>,
    pid: u32,
    log: PathBuf,
    admin: Client,
    /// Holds what Envoy was started with, and is gone with it.
    _directory: TempDir,
}

impl Envoy {
    /// Starts Envoy with this bootstrap and waits until it is ready.
    pub async fn start(bootstrap: &Value, concurrency: u32) -> anyhow::Result<Self> {
        let directory = new_directory()?;
        let (config, log) = (directory.path().join("envoy.json"), directory.path().join("log"));
        std::fs::write(&config, bootstrap.to_string())?;
        Self::launch(directory, &config, log, concurrency).await
    }

    /// Starts Envoy with a bootstrap file as it stands, as an operator does in the root of the repository. The log is
    /// there to be read after it has ended.
    pub async fn start_file(config: &Path, log: &Path, concurrency: u32) -> anyhow::Result<Self> {
        Self::launch(new_directory()?, config, log.to_owned(), concurrency).await
    }

    async fn launch(directory: TempDir, config: &Path, log: PathBuf, concurrency: u32) -> anyhow::Result<Self> {
        let binary = named_by("ENVOY")?;
        let admin_file = directory.path().join("admin");
        let log_file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new(&binary);
        command
            .current_dir(repository())
            .arg("--config-path")
            .arg(config)
            .arg("--admin-address-path")
            .arg(&admin_file)
            .args(["--concurrency", &concurrency.to_string()])
            // Several Envoys run at the same time: none of them takes part in hot restarts.
            .arg("--disable-hot-restart")
            .stdin(Stdio::null())
            .stdout(log_file.try_clone()?)
            .stderr(log_file);
        let child =
            LeashedChild::spawn(&mut command).with_context(|| format!("cannot run {} ($ENVOY)", binary.display()))?;
        let pid = child.id();
        let nowhere = Client::new(SocketAddr::from(([127, 0, 0, 1], 0)), Protocol::Http1);
        let mut this = Self { child: Mutex::new(child), pid, log, admin: nowhere, _directory: directory };
        match this.become_ready(&admin_file).await {
            Ok(()) => Ok(this),
            Err(error) => Err(error.context(format!("Envoy did not start, its log ends so:\n{}", this.log_tail()))),
        }
    }

    async fn become_ready(&mut self, admin_file: &Path) -> anyhow::Result<()> {
        let admin = wait_for("Envoy's admin address", START, async || {
            let written = std::fs::read_to_string(admin_file).ok().and_then(|text| text.parse().ok());
            // An Envoy that has ended will never write it: stop waiting.
            written.map(Some).or_else(|| (!self.is_alive()).then_some(None))
        });
        let Some(admin) = admin.await? else { bail!("Envoy ended while it started") };
        self.admin = Client::new(admin, Protocol::Http1);
        let ready = wait_for("Envoy to be ready", START, async || {
            (self.admin_get("/ready").await.is_ok() || !self.is_alive()).then_some(())
        });
        ready.await?;
        ensure!(self.is_alive(), "Envoy ended while it started");
        Ok(())
    }

    /// Where its first listener accepts connections.
    pub async fn listener(&self) -> anyhow::Result<SocketAddr> {
        let listeners: Value = serde_json::from_str(&self.admin_get("/listeners?format=json").await?)?;
        let address = &listeners["listener_statuses"][0]["local_address"]["socket_address"];
        let port = address["port_value"].as_u64().and_then(|port| u16::try_from(port).ok());
        let ip = address["address"].as_str().context("Envoy has no listener")?;
        Ok(SocketAddr::new(ip.parse()?, port.context("the listener has no port")?))
    }

    /// Where its admin interface is, and so its stats.
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin.addr()
    }

    /// Reads a page of its admin interface.
    pub async fn admin_get(&self, path: &str) -> anyhow::Result<String> {
        let reply = self.admin.send(Request::get(path)).await?;
        ensure!(reply.status == 200, "{path} answered {}: {}", reply.status, reply.text());
        Ok(reply.text())
    }

    /// All stats at this moment.
    pub async fn stats(&self) -> anyhow::Result<Stats> {
        Ok(Stats::parse(&self.admin_get("/stats/prometheus").await?))
    }

    /// Every sign that a VM of the module died: traps in the log, and reloads in the stats. Empty is good.
    ///
    /// The log says it at once; the stats move only when the next request meets the dead VM.
    pub async fn vm_failures(&self) -> anyhow::Result<Vec<String>> {
        let is_trap = |line: &&str| TRAPS.iter().any(|trap| line.contains(trap));
        let mut failures: Vec<String> = self.log().lines().filter(is_trap).map(str::to_owned).collect();
        let stats = self.stats().await?;
        for reload in RELOADS {
            let count = stats.sum_named("envoy_wasm_", reload);
            if count > 0 {
                failures.push(format!("{reload}: {count}"));
            }
        }
        Ok(failures)
    }

    /// Whether the process has not ended.
    pub fn is_alive(&self) -> bool {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).is_running()
    }

    /// The process id, to look at its memory or its CPU time.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Everything that it has logged.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The end of what it has logged.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        // At its start Envoy lists everything that it can do, which nobody looks for in a failed test.
        let lines: Vec<&str> = log.lines().filter(|line| !line.contains("[info][main]")).collect();
        lines[lines.len().saturating_sub(LOG_TAIL)..].join("\n")
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the end of Envoy's log:\n{}", self.log_tail());
        }
    }
}

fn new_directory() -> std::io::Result<TempDir> {
    tempfile::Builder::new().prefix("helius-envoy-").tempdir()
}
