//! A server of the Prometheus family, started for one test and gone after it.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use tempfile::TempDir;

use crate::child::LeashedChild;
use crate::client::{Client, Protocol, Request};
use crate::port::ReservedPort;
use crate::program::named_by;
use crate::wait::wait_for;

/// Five seconds are Prometheus's own; the rest is for a machine that has other things to do.
const START: Duration = Duration::from_secs(30);
/// How much of the log explains a failure without burying it.
const LOG_TAIL: usize = 40;

/// A running server. Dropping it kills it; if that happens while a test fails, the end of its log is printed.
#[derive(Debug)]
pub(crate) struct Daemon {
    title: &'static str,
    child: Mutex<LeashedChild>,
    log: PathBuf,
    api: Client,
    /// So that nobody else serves on its port when it has ended.
    _port: ReservedPort,
    /// Holds its configuration, its log and its data, and is gone with it.
    _directory: TempDir,
}

impl Daemon {
    /// Starts the program that a variable names, in a directory that `write` has put its files into, with these arguments
    /// and a port of its own.
    pub(crate) fn launch(
        title: &'static str,
        variable: &str,
        write: impl FnOnce(&Path) -> anyhow::Result<()>,
        arguments: &[&str],
    ) -> anyhow::Result<Self> {
        let binary = named_by(variable)?;
        let prefix = format!("helius-{}-", title.to_lowercase());
        let directory = tempfile::Builder::new().prefix(&prefix).tempdir()?;
        write(directory.path())?;
        let log = directory.path().join("log");
        let (port, log_file) = (ReservedPort::any()?, File::create(&log)?);
        let mut command = Command::new(&binary);
        command
            .current_dir(directory.path())
            .args(arguments)
            .arg(format!("--web.listen-address={}", port.addr()))
            .stdin(Stdio::null())
            .stdout(log_file.try_clone()?)
            .stderr(log_file);
        let child = LeashedChild::spawn(&mut command);
        let child = child.with_context(|| format!("cannot run {} (${variable})", binary.display()))?;
        let api = Client::new(port.addr(), Protocol::Http1);
        Ok(Self { title, child: Mutex::new(child), log, api, _port: port, _directory: directory })
    }

    /// Waits until it says that it is ready, and `besides` holds. An error tells the end of its log.
    pub(crate) async fn become_ready(&self, besides: impl AsyncFn() -> bool) -> anyhow::Result<()> {
        let what = format!("{} to be ready", self.title);
        let ready = wait_for(&what, START, async || {
            ((self.is_ready().await && besides().await) || !self.is_alive()).then_some(())
        });
        let ready = match ready.await {
            Ok(()) if self.is_alive() => return Ok(()),
            Ok(()) => anyhow::anyhow!("{} ended while it started", self.title),
            Err(error) => error,
        };
        Err(ready.context(format!("{} did not start, its log ends so:\n{}", self.title, self.log_tail())))
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.api.addr()
    }

    /// Whether the process has not ended.
    pub(crate) fn is_alive(&self) -> bool {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).is_running()
    }

    /// The end of what it has logged.
    pub(crate) fn log_tail(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&bytes);
        // What it tells of a good start explains no failure.
        let lines: Vec<&str> = log.lines().filter(|line| !line.contains("level=info")).collect();
        lines[lines.len().saturating_sub(LOG_TAIL)..].join("\n")
    }

    /// A page of its API, whatever its status.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<String> {
        Ok(self.api.send(Request::get(path)).await?.text())
    }

    /// A page of its API that has to be there.
    pub(crate) async fn get_ok(&self, path: &str) -> anyhow::Result<String> {
        let reply = self.api.send(Request::get(path)).await?;
        ensure!(reply.status == 200, "{} answered {path} with {}: {}", self.title, reply.status, reply.text());
        Ok(reply.text())
    }

    async fn is_ready(&self) -> bool {
        self.get_ok("/-/ready").await.is_ok()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the end of {}'s log:\n{}", self.title, self.log_tail());
        }
    }
}
