//! A real Alertmanager, started for one test and gone after it. Nobody gossips with it.

mod notification;
mod routing;

use std::net::SocketAddr;

use anyhow::Context;
use serde_json::Value;

pub use notification::{Notification, NotifiedAlert};
pub use routing::AlertRouting;

use crate::daemon::Daemon;
use crate::prometheus::Labels;

/// Its configuration, beside its data.
const CONFIGURATION: &str = "alertmanager.yaml";

/// A running Alertmanager. Dropping it kills it; if that happens while a test fails, the end of its log is printed.
#[derive(Debug)]
pub struct Alertmanager(Daemon);

/// An alert as Alertmanager holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldAlert {
    /// All of its labels.
    pub labels: Labels,
    /// Whether nobody is told, because another alert or a silence says so.
    pub is_suppressed: bool,
}

impl AlertRouting {
    /// Starts it, and waits until it is ready.
    pub async fn start(self) -> anyhow::Result<Alertmanager> {
        // A file in its data directory says what it has told; without a port for gossip it forms no cluster.
        let arguments = [
            &format!("--config.file={CONFIGURATION}"),
            "--storage.path=data",
            "--cluster.listen-address=",
            "--log.level=info",
        ];
        let write = |directory: &std::path::Path| Ok(std::fs::write(directory.join(CONFIGURATION), self.text())?);
        let daemon = Daemon::launch("Alertmanager", "ALERTMANAGER", write, &arguments)?;
        daemon.become_ready(async || true).await?;
        Ok(Alertmanager(daemon))
    }
}

impl Alertmanager {
    /// Where it takes alerts, and answers questions about them.
    pub fn addr(&self) -> SocketAddr {
        self.0.addr()
    }

    /// Every alert that it holds and that has not ended.
    pub async fn alerts(&self) -> anyhow::Result<Vec<HeldAlert>> {
        let text = self.0.get_ok("/api/v2/alerts").await?;
        let answer: Value = serde_json::from_str(&text).with_context(|| format!("Alertmanager answered {text:?}"))?;
        let alerts = answer.as_array().with_context(|| format!("Alertmanager gave no list, but {answer}"))?;
        alerts.iter().map(held).collect()
    }

    /// Whether the process has not ended.
    pub fn is_alive(&self) -> bool {
        self.0.is_alive()
    }

    /// The end of what it has logged.
    pub fn log_tail(&self) -> String {
        self.0.log_tail()
    }
}

fn held(alert: &Value) -> anyhow::Result<HeldAlert> {
    let labels = notification::labels(&alert["labels"])?;
    let state = alert["status"]["state"].as_str().with_context(|| format!("an alert has no state: {alert}"))?;
    Ok(HeldAlert { labels, is_suppressed: state == "suppressed" })
}
