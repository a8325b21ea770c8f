//! The life of the process: it serves, and then it is to end.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Whether the process serves, or is to end. Every clone knows of the same end.
#[derive(Clone, Debug)]
pub struct Life {
    ending: watch::Sender<bool>,
}

impl Default for Life {
    fn default() -> Self {
        Self { ending: watch::Sender::new(false) }
    }
}

impl Life {
    /// Says that the process is to end.
    pub fn end(&self) {
        self.ending.send_replace(true);
    }

    /// Whether it is to end.
    pub fn is_ending(&self) -> bool {
        *self.ending.borrow()
    }

    /// Waits until it is to end. A request that waits for something has to wait for this too.
    pub async fn ending(&self) {
        let mut watched = self.ending.subscribe();
        // It cannot be dropped meanwhile: this holds it.
        let _ = watched.wait_for(|is_ending| *is_ending).await;
    }
}

/// The signals that end the process.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one, and names it.
    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
