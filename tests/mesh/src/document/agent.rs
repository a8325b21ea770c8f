//! Where the pod's agent is, as data.

use serde_json::{Value, json};

use crate::scenario::Millis;

/// The cluster of every agent.
pub(crate) const AGENT: &str = "helius_agent";

/// The agent of a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Agent {
    /// Least time between two questions that bring nothing new, where something is written.
    pub poll_interval: Option<Millis>,
}

impl Agent {
    /// The least time in any case.
    pub(crate) fn interval(self) -> Millis {
        self.poll_interval.unwrap_or(1000)
    }

    pub(super) fn to_json(self) -> Value {
        let mut section = json!({ "cluster": AGENT });
        if let Some(interval) = self.poll_interval {
            section["poll_interval"] = format!("{interval}ms").into();
        }
        section
    }
}
