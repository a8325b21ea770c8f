//! What a client and an operator see of the real Envoy with the real module, one file for each behaviour. One
//! program for all of them, because linking is what would take the time.

mod abandoned;
mod bad_configuration;
mod breaker;
mod client_errors;
mod deadline;
mod dedupe;
mod drill;
mod event_stream;
mod fail_open;
mod failover;
mod grpc;
mod harness;
mod healthy;
mod honest;
mod hostile;
mod isolation;
mod last_good;
mod mid_body;
mod outer_filters;
mod output;
mod pipelining;
mod protocols;
mod pushed_configuration;
mod rate_limit;
mod regions;
mod replay;
mod shadow;
mod shipped;
mod sizes;
mod slow_requests;
mod static_answers;
mod trailers;
mod untouched;

/// Whether the filter calls the primary itself. The tests in `tests/strict` are these, with the other answer.
const STRICT: bool = false;
