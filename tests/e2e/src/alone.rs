//! Tests that measure run one at a time, though cargo runs all tests of a program at once.

use tokio::sync::{Mutex, MutexGuard};

static MACHINE: Mutex<()> = Mutex::const_new(());

/// Waits until no other test of this program has the machine. It is the caller's while the guard lives.
pub async fn alone() -> MutexGuard<'static, ()> {
    MACHINE.lock().await
}
