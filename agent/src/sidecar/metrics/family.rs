//! The families of metrics: names, types and help.

use Kind::{Counter, Gauge, Histogram};

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Buckets, their sum and their count.
    Histogram,
}

/// What the filter counts of requests to a region, from which [`MODEL_REQUESTS`] and [`MODEL_INVALID`] are made.
pub(super) const ATTEMPTS: &str = "helius_attempts_total";
/// Attempts at a region.
pub(super) const MODEL_REQUESTS: &str = "model_requests_total";
/// Attempts whose output failed validation.
pub(super) const MODEL_INVALID: &str = "model_invalid_outputs_total";
/// The time that exchanges took.
pub(super) const LATENCY: &str = "request_latency_seconds";
/// The filter's counters of exchanges that took no longer than `le`, from which [`LATENCY`] is made.
pub(super) const LATENCY_BUCKET: &str = "request_latency_seconds_bucket";
/// The filter's counter of the time that all exchanges took together, from which [`LATENCY`] is made.
pub(super) const LATENCY_MICROSECONDS: &str = "helius_latency_microseconds_total";

/// Those that stand in the reference.
const KNOWN: [(&str, Kind, &str); 29] = [
    (
        "reco_engine_mode_static_active",
        Gauge,
        "1 while answers are last good or static ones, or static mode is forced.",
    ),
    (
        "telemetry_circuit_breaker_state",
        Gauge,
        "The state of a region's circuit breaker: 0 closed, 1 half-open, 2 open.",
    ),
    (MODEL_REQUESTS, Counter, "Attempts at a region."),
    (MODEL_INVALID, Counter, "Attempts at a region whose output failed validation."),
    (LATENCY, Histogram, "The time of whole exchanges as the client saw them, in seconds."),
    ("queue_depth", Gauge, "Messages that wait in the spool."),
    (ATTEMPTS, Counter, "Attempts at a region by their verdict, those that were skipped included."),
    ("helius_responses_total", Counter, "Exchanges by the rung that answered and the verdict of the first failed one."),
    ("helius_admission_total", Counter, "Requests by what was decided before the ladder."),
    ("helius_breaker_transitions_total", Counter, "Changes of a circuit breaker's state."),
    ("helius_override_active", Gauge, "1 while an override is in force."),
    (
        "helius_override_expires_seconds",
        Gauge,
        "When the last override of its kind ends, in seconds since the epoch; 0 where there is none.",
    ),
    ("helius_filter_config_rejected", Gauge, "1 while a bad configuration is being ignored."),
    ("helius_route_timeout_total", Counter, "Exchanges that Envoy's own route timeout ended before the ladder's."),
    ("helius_strict_bypassed_total", Counter, "Requests on a strict route that went by Envoy's route."),
    ("helius_drill_total", Counter, "What rungs came to in a drill."),
    (BUILD_INFO, Gauge, "1, with the version of the agent."),
    (ENVOY_UP, Gauge, "Whether Envoy's stats could be read for this answer."),
    (APP_UP, Gauge, "Whether the application answered the agent's last probe well."),
    (APP_CHANGED, Gauge, "When the application was last found to have come up or gone down, in seconds since 1970."),
    (SCRAPE_ERRORS, Counter, "Attempts to read from a source that failed."),
    (MALFORMED, Counter, "Lines or answers of a source that could not be read, and were skipped."),
    (REFUSED, Counter, "Connections that were closed because there were too many."),
    (LEFT_OUT, Counter, "Stats of the filter that were left out because there were too many series."),
    (
        RESTARTS,
        Counter,
        "Restarts of Envoy that were seen, after each of which the counters went on from where they were.",
    ),
    (OVERRIDES, Gauge, "Overrides that the agent holds, by where they come from."),
    (OVERRIDE_FILE_REJECTED, Gauge, "1 while the file of overrides has a text that breaks rules."),
    (AUDIT, Counter, "Changes of what is switched, by what happened."),
    (START, Gauge, "When the agent began, in seconds since 1970."),
];

/// The version of the agent.
pub(super) const BUILD_INFO: &str = "helius_agent_build_info";
/// Whether Envoy's stats could be read.
pub(super) const ENVOY_UP: &str = "helius_envoy_up";
/// Whether the application is well.
pub(super) const APP_UP: &str = "helius_app_up";
/// Since when it has been so.
pub(super) const APP_CHANGED: &str = "helius_app_last_change_timestamp_seconds";
/// Failed attempts to read.
pub(super) const SCRAPE_ERRORS: &str = "helius_agent_scrape_errors_total";
/// What could not be read.
pub(super) const MALFORMED: &str = "helius_agent_malformed_total";
/// Connections closed at once.
pub(super) const REFUSED: &str = "helius_agent_connections_refused_total";
/// Series beyond the bound.
pub(super) const LEFT_OUT: &str = "helius_agent_series_left_out_total";
/// Restarts of Envoy.
pub(super) const RESTARTS: &str = "helius_agent_envoy_restarts_total";
/// Overrides that are held.
pub(super) const OVERRIDES: &str = "helius_agent_overrides";
/// Whether the file of overrides is refused.
pub(super) const OVERRIDE_FILE_REJECTED: &str = "helius_override_file_rejected";
/// Changes of what is switched.
pub(super) const AUDIT: &str = "helius_agent_audit_total";
/// The agent's beginning.
pub(super) const START: &str = "process_start_time_seconds";

/// What the agent makes by itself. A stat of this name would stand there twice.
const OWN: [&str; 17] = [
    MODEL_REQUESTS,
    MODEL_INVALID,
    LATENCY,
    "queue_depth",
    BUILD_INFO,
    ENVOY_UP,
    APP_UP,
    APP_CHANGED,
    SCRAPE_ERRORS,
    MALFORMED,
    REFUSED,
    LEFT_OUT,
    RESTARTS,
    OVERRIDES,
    OVERRIDE_FILE_REJECTED,
    AUDIT,
    START,
];

/// Whether the agent makes this family by itself.
pub(super) fn is_own(name: &str) -> bool {
    OWN.contains(&name)
}

/// The type of a stat. Envoy's plain form does not say it, so the name does: what is counted ends in `_total`.
pub(super) fn kind(name: &str) -> Kind {
    let known = KNOWN.iter().find(|(it, ..)| *it == name).map(|(_, kind, _)| *kind);
    let named = || if name == LATENCY_BUCKET || name.ends_with("_total") { Counter } else { Gauge };
    known.unwrap_or_else(named)
}

/// What to say of a family.
pub(super) fn help(name: &str) -> &'static str {
    KNOWN.iter().find(|(it, ..)| *it == name).map_or("A stat of the filter.", |(.., help)| help)
}
