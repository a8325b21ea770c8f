//! Waiting for a condition with a deadline, instead of sleeping and hoping.

use std::time::Duration;

use anyhow::bail;
use tokio::time::Instant;

/// Short enough that a wait costs no noticeable time, long enough not to keep a core busy.
const PAUSE: Duration = Duration::from_millis(10);

/// Asks `probe` until it yields a value; after `deadline` fails, naming what was waited for.
pub async fn wait_for<T>(
    what: &str,
    deadline: Duration,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> anyhow::Result<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(value) = probe().await {
            return Ok(value);
        }
        if Instant::now() >= end {
            bail!("waited {deadline:?} for {what}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}
