//! Where the pod's agent is: `agent`.

use std::time::Duration;

use super::scalar;
use super::section::Cursor;
use super::upstream::cluster;

/// Shortest time between two questions that bring nothing new: more would be noise in Envoy's stats.
const SHORTEST: Duration = Duration::from_millis(100);
/// An agent that is back should be noticed while somebody still waits for it.
const LONGEST: Duration = Duration::from_secs(60);
const DEFAULT: Duration = Duration::from_secs(1);

/// Who tells what operators have switched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    cluster: String,
    poll_interval: Duration,
}

impl Agent {
    /// The Envoy cluster that reaches it.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// Least time between two questions that bring nothing new. One that brings something does so at once, because the
    /// agent waits with its answer until there is something.
    pub const fn poll_interval(&self) -> Duration {
        self.poll_interval
    }
}

pub(super) fn read(at: &mut Cursor<'_, '_>) -> Option<Agent> {
    let mut section = at.section("write a section such as { cluster: helius_agent }")?;
    let cluster =
        section.required("cluster", "write the Envoy cluster of the pod's agent, such as helius_agent", cluster);
    let interval = section.optional("poll_interval", |at| scalar::duration(at, SHORTEST, LONGEST));
    section.close();
    Some(Agent { cluster: cluster?, poll_interval: interval?.unwrap_or(DEFAULT) })
}
