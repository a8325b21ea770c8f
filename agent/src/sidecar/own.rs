//! What the agent counts of itself.

use std::sync::atomic::{AtomicU64, Ordering};

/// What the agent counts of itself.
#[derive(Debug, Default)]
pub struct Own {
    connections_refused: AtomicU64,
}

impl Own {
    /// Counts a connection that was closed because there were too many.
    pub(super) fn refuse_connection(&self) {
        self.connections_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Connections that were closed because there were too many.
    pub fn connections_refused(&self) -> u64 {
        self.connections_refused.load(Ordering::Relaxed)
    }
}
