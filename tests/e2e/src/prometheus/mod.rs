//! A real Prometheus, started for one test and gone after it.
//!
//! It needs five seconds before it reads its first target: it gathers targets that long, and no flag makes it shorter.
//! [`PrometheusSetup::start`] waits for that, so a test starts it early, or together with others.

mod answer;
mod setup;

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tempfile::TempDir;

pub use answer::{Alert, AlertState, Labels};
pub use setup::PrometheusSetup;

use crate::child::LeashedChild;
use crate::client::{Client, Protocol, Request};
use crate::port::ReservedPort;
use crate::program::named_by;
use crate::wait::wait_for;

/// Five seconds are Prometheus's own; the rest is for a machine that has other things to do.
const START: Duration = Duration::from_secs(30);
/// How much of the log explains a failure without burying it.
const LOG_TAIL: usize = 40;
/// Its configuration, beside its data.
const CONFIGURATION: &str = "prometheus.yaml";

/// A running Prometheus. Dropping it kills it; if that happens while a test fails, the end of its log is printed.
#[derive(Debug)]
pub struct Prometheus {
    child: Mutex<LeashedChild>,
    log: PathBuf,
    api: Client,
    /// So that nobody else serves on its port when it has ended.
    _port: ReservedPort,
    /// Holds its configuration, its log and its data, and is gone with it.
    _directory: TempDir,
}

impl PrometheusSetup {
    /// Starts it, and waits until it has asked each target once, whatever they answered.
    pub async fn start(self) -> anyhow::Result<Prometheus> {
        let this = self.launch()?;
        match this.become_ready(self.target_count()).await {
            Ok(()) => Ok(this),
            Err(error) => {
                Err(error.context(format!("Prometheus did not start, its log ends so:\n{}", this.log_tail())))
            }
        }
    }

    fn launch(&self) -> anyhow::Result<Prometheus> {
        let binary = named_by("PROMETHEUS")?;
        let directory = tempfile::Builder::new().prefix("helius-prometheus-").tempdir()?;
        self.write(directory.path())?;
        let log = directory.path().join("log");
        let (port, log_file) = (ReservedPort::any()?, File::create(&log)?);
        let mut command = Command::new(&binary);
        command
            .current_dir(directory.path())
            .arg(format!("--config.file={CONFIGURATION}"))
            .arg("--storage.tsdb.path=data")
            .arg("--storage.tsdb.retention.time=1h")
            .arg(format!("--web.listen-address={}", port.addr()))
            .stdin(Stdio::null())
            .stdout(log_file.try_clone()?)
            .stderr(log_file);
        let child = LeashedChild::spawn(&mut command);
        let child = child.with_context(|| format!("cannot run {} ($PROMETHEUS)", binary.display()))?;
        let api = Client::new(port.addr(), Protocol::Http1);
        Ok(Prometheus { child: Mutex::new(child), log, api, _port: port, _directory: directory })
    }
}

impl Prometheus {
    /// One that reads nothing and has no rules, to be told what to read and then started.
    pub fn builder() -> PrometheusSetup {
        PrometheusSetup::new()
    }

    async fn become_ready(&self, targets: usize) -> anyhow::Result<()> {
        let ready = wait_for("Prometheus to ask each of its targets", START, async || {
            let asked = async { self.asked_targets().await.is_ok_and(|asked| asked.len() == targets) };
            ((self.is_ready().await && asked.await) || !self.is_alive()).then_some(())
        });
        ready.await?;
        ensure!(self.is_alive(), "Prometheus ended while it started");
        Ok(())
    }

    /// What an expression is worth now, such as `up{job="envoy"}`: the labels and the value of each sample. A number
    /// alone has no labels; what is neither a number nor a list of samples is an error.
    pub async fn query(&self, expression: &str) -> anyhow::Result<Vec<(Labels, f64)>> {
        let encoded = utf8_percent_encode(expression, NON_ALPHANUMERIC);
        let data = self.get(&format!("/api/v1/query?query={encoded}")).await;
        data.and_then(|data| answer::samples(&data)).with_context(|| format!("cannot evaluate {expression}"))
    }

    /// Evaluates an expression again and again until the predicate holds for its samples, and returns these.
    ///
    /// An error tells what the expression was worth last, and which targets could not be read. An expression that
    /// Prometheus refuses is an error at once.
    pub async fn wait_for(
        &self,
        expression: &str,
        mut predicate: impl FnMut(&[(Labels, f64)]) -> bool,
        deadline: Duration,
    ) -> anyhow::Result<Vec<(Labels, f64)>> {
        let mut last = Vec::new();
        let waited = wait_for(expression, deadline, async || match self.query(expression).await {
            Err(error) => Some(Err(error)),
            Ok(samples) => {
                last = samples;
                predicate(&last).then_some(Ok(()))
            }
        });
        match waited.await {
            Ok(Ok(())) => Ok(last),
            Ok(Err(refused)) => Err(refused),
            Err(late) => bail!("{late}, which was {last:?} at the end; {}", self.tell_targets().await),
        }
    }

    /// Every alert that is pending or fires. To wait for one, wait for the series `ALERTS{alertname="…"}`.
    pub async fn alerts(&self) -> anyhow::Result<Vec<Alert>> {
        answer::alerts(&self.get("/api/v1/alerts").await?)
    }

    /// Whether the process has not ended.
    pub fn is_alive(&self) -> bool {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).is_running()
    }

    /// The end of what it has logged.
    pub fn log_tail(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&bytes);
        // What it tells of a good start explains no failure.
        let lines: Vec<&str> = log.lines().filter(|line| !line.contains("level=info")).collect();
        lines[lines.len().saturating_sub(LOG_TAIL)..].join("\n")
    }

    async fn is_ready(&self) -> bool {
        self.api.send(Request::get("/-/ready")).await.is_ok_and(|reply| reply.status == 200)
    }

    async fn asked_targets(&self) -> anyhow::Result<Vec<(String, Option<String>)>> {
        answer::asked_targets(&self.get("/api/v1/targets?state=active").await?)
    }

    async fn tell_targets(&self) -> String {
        let Ok(targets) = self.asked_targets().await else { return "it does not tell its targets".to_owned() };
        let told = targets.into_iter().map(|(url, error)| match error {
            None => format!("{url} was read"),
            Some(error) => format!("{url} was not read: {error}"),
        });
        told.collect::<Vec<_>>().join("; ")
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        answer::data(&self.api.send(Request::get(path)).await?.text())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the end of Prometheus's log:\n{}", self.log_tail());
        }
    }
}
