//! `/v1/overrides`: what the filter asks for, and what operators change.
//!
//! | file | what it is |
//! |---|---|
//! | `ask` | what there is, at once or when it changes |
//! | `change` | set and clear |
//! | `permit` | who may |
//! | `reply` | answers in JSON |

mod ask;
mod change;
mod permit;
mod reply;

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;

use super::Sidecar;
use super::router::{DEADLINE, Route};
use crate::overrides::now;

pub(crate) use change::AUTHOR;
pub use permit::TokenFile;

/// How often it is looked whether something has ended or the file has changed. The filter needs as much again, and what is
/// switched is to be in force within a second.
const EVERY: Duration = Duration::from_millis(200);

/// Longest wait for a change.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// What can be asked here.
pub(super) fn routes() -> Vec<Route> {
    const PATH: &str = helius_policy::overrides::PATH;
    vec![
        Route::new(Method::GET, PATH, |sidecar, request| {
            Box::pin(async move { ask::answer(&sidecar, &request).await })
        })
        .within(MAX_WAIT.saturating_add(DEADLINE)),
        Route::new(Method::POST, PATH, |sidecar, request| {
            Box::pin(async move { change::set(&sidecar, &request).await })
        }),
        Route::new(Method::DELETE, PATH, |sidecar, request| {
            Box::pin(async move { change::clear_all(&sidecar, &request) })
        }),
        Route::new(Method::DELETE, "/v1/overrides/*", |sidecar, request| {
            Box::pin(async move { change::clear(&sidecar, &request) })
        }),
    ]
}

/// Keeps the switchboard up to date until the process is to end.
pub(super) async fn keep(sidecar: Arc<Sidecar>) {
    loop {
        tokio::select! {
            () = sidecar.life.ending() => return,
            () = tokio::time::sleep(EVERY) => sidecar.overrides.tick(now()),
        }
    }
}
