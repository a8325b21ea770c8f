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
#[path = "../behaviour/drill.rs"]
mod drill;
#[path = "../behaviour/fail_open.rs"]
mod fail_open;
#[path = "../behaviour/failover.rs"]
mod failover;
#[path = "../behaviour/healthy.rs"]
mod healthy;
#[path = "../behaviour/hostile.rs"]
mod hostile;
#[path = "../behaviour/last_good.rs"]
mod last_good;
#[path = "../behaviour/outer_filters.rs"]
mod outer_filters;
#[path = "../behaviour/output/mod.rs"]
mod output;
mod own;
#[path = "../behaviour/protocols.rs"]
mod protocols;
#[path = "../behaviour/regions.rs"]
mod regions;
#[path = "../behaviour/replay.rs"]
mod replay;
#[path = "../behaviour/shadow.rs"]
mod shadow;
#[path = "../behaviour/sizes.rs"]
mod sizes;
#[path = "../behaviour/slow_requests.rs"]
mod slow_requests;

/// Whether the filter calls the primary itself.
const STRICT: bool = true;
