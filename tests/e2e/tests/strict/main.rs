//! The behaviours of `tests/behaviour` once more, where the filter calls the primary itself: the same ladder, and so the same
//! tests. What differs stands in `own`.

#[path = "../behaviour/abandoned.rs"]
mod abandoned;
#[path = "../behaviour/breaker.rs"]
mod breaker;
#[path = "../behaviour/client_errors.rs"]
mod client_errors;
#[path = "../behaviour/deadline.rs"]
mod deadline;
#[path = "../behaviour/fail_open.rs"]
mod fail_open;
#[path = "../behaviour/failover.rs"]
mod failover;
#[path = "../behaviour/healthy.rs"]
mod healthy;
#[path = "../behaviour/hostile.rs"]
mod hostile;
mod own;
#[path = "../behaviour/protocols.rs"]
mod protocols;
#[path = "../behaviour/regions.rs"]
mod regions;
#[path = "../behaviour/replay.rs"]
mod replay;
#[path = "../behaviour/shadow.rs"]
mod shadow;
#[path = "../behaviour/slow_requests.rs"]
mod slow_requests;

/// Whether the filter calls the primary itself.
const STRICT: bool = true;
