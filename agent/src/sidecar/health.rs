//! `/healthz` and `/readyz`.
//!
//! Neither asks for Envoy or the application: in a pod the agent starts before both, and an agent that waited for them
//! would be waited for by them.

use std::sync::Arc;

use hyper::StatusCode;

use super::Sidecar;
use super::request::{Answer, text};

/// The process answers, so it lives.
pub(super) fn alive() -> Answer {
    text(StatusCode::OK, "ok\n")
}

/// Ready from when it listens until it is to end.
pub(super) fn ready(sidecar: &Arc<Sidecar>) -> Answer {
    if sidecar.life.is_ending() {
        text(StatusCode::SERVICE_UNAVAILABLE, "the process is to end\n")
    } else {
        text(StatusCode::OK, "ok\n")
    }
}
