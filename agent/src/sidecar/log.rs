//! The log: lines on the standard error, each with its fields.

use std::io;

use tracing::Level;

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON object a line.
    Json,
    /// A line for people.
    Text,
}

/// Begins the log of this process. A process that has one keeps it.
pub(super) fn begin(format: Format, level: Level) {
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr);
    let _ = match format {
        Format::Json => log.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
        Format::Text => log.with_ansi(false).try_init(),
    };
}
