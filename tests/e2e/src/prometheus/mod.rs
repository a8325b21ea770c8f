//! A real Prometheus, started for one test and gone after it.
//!
//! It needs five seconds before it reads its first target: it gathers targets that long, and no flag makes it shorter.
//! [`PrometheusSetup::start`] waits for that, so a test starts it early, or together with others.

mod answer;
mod setup;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

pub use answer::{Alert, AlertState, Labels};
pub use setup::PrometheusSetup;

use crate::daemon::Daemon;
use crate::wait::wait_for;

/// Its configuration, beside its data.
const CONFIGURATION: &str = "prometheus.yaml";

/// A running Prometheus. Dropping it kills it; if that happens while a test fails, the end of its log is printed.
#[derive(Debug)]
pub struct Prometheus(Daemon);

impl PrometheusSetup {
    /// Starts it, and waits until it has asked each target once, whatever they answered.
    pub async fn start(self) -> anyhow::Result<Prometheus> {
        let arguments =
            [&format!("--config.file={CONFIGURATION}"), "--storage.tsdb.path=data", "--storage.tsdb.retention.time=1h"];
        let write = |directory: &Path| self.write(directory);
        let this = Prometheus(Daemon::launch("Prometheus", "PROMETHEUS", write, &arguments)?);
        let targets = self.target_count();
        let asked = async || this.asked_targets().await.is_ok_and(|asked| asked.len() == targets);
        this.0.become_ready(asked).await?;
        Ok(this)
    }
}

impl Prometheus {
    /// One that reads nothing and has no rules, to be told what to read and then started.
    pub fn builder() -> PrometheusSetup {
        PrometheusSetup::new()
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
        self.0.is_alive()
    }

    /// The end of what it has logged.
    pub fn log_tail(&self) -> String {
        self.0.log_tail()
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
        answer::data(&self.0.get(path).await?)
    }
}
