//! What a Prometheus is to read and to watch.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};

use crate::alert_rules::AlertRules;

/// Often enough that a test does not wait for it, seldom enough for a machine with other things to do.
const INTERVAL: Duration = Duration::from_millis(500);
/// Many times what an Envoy with all of our stats has to say.
const BODY_LIMIT: &str = "16MB";

/// A Prometheus that is not started yet.
#[derive(Debug, Clone)]
#[must_use]
pub struct PrometheusSetup {
    pub(super) interval: Duration,
    targets: Vec<Target>,
    pub(super) rules: Vec<AlertRules>,
    alertmanager: Option<SocketAddr>,
}

#[derive(Debug, Clone)]
struct Target {
    job: String,
    addr: SocketAddr,
    path: String,
}

impl PrometheusSetup {
    pub(super) fn new() -> Self {
        Self { interval: INTERVAL, targets: Vec::new(), rules: Vec::new(), alertmanager: None }
    }

    /// Reads metrics from there. Each sample gets the labels `job`, which is a name of its own for each target, and
    /// `instance`, which is the address.
    pub fn scrape(mut self, job: &str, addr: SocketAddr, path: &str) -> Self {
        self.targets.push(Target { job: job.to_owned(), addr, path: path.to_owned() });
        self
    }

    /// Reads each target and evaluates each rule once in this time, of whole milliseconds from 50 up; without it twice a
    /// second. A target that takes as long as that to answer is down.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Alerts by these rules.
    pub fn rules(mut self, rules: AlertRules) -> Self {
        self.rules.push(rules);
        self
    }

    /// Tells what fires to the Alertmanager at this address.
    pub fn alertmanager(mut self, addr: SocketAddr) -> Self {
        self.alertmanager = Some(addr);
        self
    }

    pub(super) fn target_count(&self) -> usize {
        self.targets.len()
    }

    /// Writes its configuration and the rules into a directory, each rule file by its number.
    pub(super) fn write(&self, directory: &Path) -> anyhow::Result<()> {
        ensure!(self.interval.as_millis() >= 50, "{:?} is too short an interval: take 50 ms or more", self.interval);
        let interval = format!("{}ms", self.interval.as_millis());
        let mut rule_files = Vec::new();
        for (index, rules) in self.rules.iter().enumerate() {
            let name = format!("rules-{index}.yaml");
            std::fs::write(directory.join(&name), rules.text())?;
            rule_files.push(name);
        }
        let alertmanagers: Vec<_> = self.alertmanager.iter().map(SocketAddr::to_string).collect();
        let configuration = json!({
            "global": { "scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval },
            "rule_files": rule_files,
            "alerting": { "alertmanagers": [{ "static_configs": [{ "targets": alertmanagers }] }] },
            "scrape_configs": self.targets.iter().map(Target::configuration).collect::<Vec<_>>(),
        });
        // JSON is YAML.
        Ok(std::fs::write(directory.join(super::CONFIGURATION), configuration.to_string())?)
    }
}

impl Target {
    fn configuration(&self) -> Value {
        json!({
            "job_name": self.job,
            "metrics_path": self.path,
            "body_size_limit": BODY_LIMIT,
            "static_configs": [{ "targets": [self.addr.to_string()] }],
        })
    }
}
