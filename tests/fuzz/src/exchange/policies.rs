//! The policies that the documents put together.
//!
//! JSON, because it is read several times faster than YAML, and these are read at every input.

// Rules of `upstream`.

pub(super) const POST: &str = r#""replay": {"methods": ["GET", "HEAD", "POST"]}"#;
pub(super) const SHORT: &str =
    r#""fail_on": ["connect", "5xx"], "replay": {"methods": ["GET", "POST"], "max_body": 8, "hold": 4}"#;
pub(super) const UNHELD: &str = r#""replay": {"methods": ["GET", "POST"], "hold": 0}"#;
pub(super) const DEFAULTS: &str =
    r#""fail_on": ["timeout", "reset", "overflow", "no_healthy_upstream", "5xx", "connect"]"#;

pub(super) const STRICT: &str = r#""strict": true, "replay": {"methods": ["GET", "HEAD", "POST"]}"#;
pub(super) const STRICT_AND_SHORT: &str = r#""strict": true, "fail_on": ["connect", "5xx"], "replay": {"methods": ["GET", "POST"], "max_body": 8, "hold": 4}"#;
pub(super) const EVENTS: &str = r#""event_streams": true, "replay": {"methods": ["GET", "HEAD", "POST"]}"#;
/// One that opens, is half-open and closes again within the few events of a script.
pub(super) const BREAKER: &str = r#""replay": {"methods": ["GET", "HEAD", "POST"]}, "circuit_breaker": {
    "window": "1s", "min_requests": 2, "consecutive_failures": 2, "slow_call": {"duration": "200ms"},
    "open": {"base": "200ms", "max": "1s", "jitter": 0}, "half_open": {"permits": 1, "successes": 1, "max_wait": "500ms"},
    "ramp": {"start": 0.5, "step": "100ms"}}"#;
pub(super) const FORCED_OPEN: &str = r#""circuit_breaker": {"mode": "forced_open"}"#;
pub(super) const FORCED_CLOSED: &str = r#""circuit_breaker": {"mode": "forced_closed"}"#;
pub(super) const STRICT_AND_BREAKER: &str = r#""strict": true, "circuit_breaker": {
    "consecutive_failures": 1, "open": {"base": "100ms", "max": "200ms"}}"#;
pub(super) const EVERYTHING: &str = r#""strict": true, "event_streams": true,
    "replay": {"methods": ["GET", "HEAD", "POST"]},
    "circuit_breaker": {"consecutive_failures": 2, "open": {"base": "200ms", "max": "1s"}},
    "retry_budget": {"ratio": 0.2, "min_concurrent": 1}"#;
/// Without strict mode, where more is left to Envoy.
pub(super) const EVERYTHING_BY_ROUTE: &str = r#""event_streams": true,
    "replay": {"methods": ["GET", "POST"], "max_body": 8, "hold": 4},
    "circuit_breaker": {"consecutive_failures": 2, "open": {"base": "200ms", "max": "1s"}},
    "retry_budget": {"ratio": 0.2, "min_concurrent": 1}"#;

// The last rungs.

pub(super) const CONFIDENCE: &str = r#""fail_open": {"static": [{"body": {"confidence": 0.0}}]}"#;
pub(super) const UNSURE: &str = r#""fail_open": {"static": [{"body": {"a": "wait", "c": 0, "l": [{"i": 1}]}}]}"#;
pub(super) const BARE: &str = r#""fail_open": {"static": [{"status": 204, "headers": {"x-static": "none"}}]}"#;

pub(super) const KEPT: &str = r#""fail_open": {"last_good": {"key": ["path", {"header": "x-tenant"}, "body"], "max_entries": 2,
    "max_body": 32, "fresh": "1s", "max_stale": "2s"}}"#;
pub(super) const BY_WHEN: &str = r#""fail_open": {"static": [
    {"when": {"path_prefix": "/v1/", "headers": {"x-tenant": "acme"}}, "body": {"confidence": 0.0, "for": "acme"}},
    {"when": {"path_regex": "/v[0-9]+/events"}, "headers": {"content-type": "text/event-stream"}, "body": "data: no\n\n"},
    {"when": {"path": "/text"}, "status": 503, "body": "later"},
    {"body": {"confidence": 0.0, "for": "all"}}]}"#;
pub(super) const GRPC: &str = r#""fail_open": {"grpc": {"status": "UNAVAILABLE", "message": "no model answers"}}"#;
/// At most every second answer, from the third on.
pub(super) const BOUNDED: &str = r#""fail_open": {
    "static": [{"body": {"confidence": 0.0}}], "grpc": {"status": "ABORTED"},
    "max_share": {"share": 0.5, "window": "1s", "min_requests": 2}}"#;
pub(super) const EVERY_RUNG: &str = r#""fail_open": {
    "last_good": {"key": ["path", "body"], "max_entries": 2, "max_body": 32},
    "static": [
        {"when": {"path": "/v1/a"}, "body": {"a": "one", "c": 0, "l": [{"i": 1}]}},
        {"body": {"a": "wait", "c": 0, "l": [{"i": 1}]}}],
    "grpc": {"status": "UNAVAILABLE"},
    "max_share": {"share": 0.5, "window": "1s", "min_requests": 4}}"#;

// What an answer has to be, and who is let in.

pub(super) const JUDGED: &str = r#""output": {
    "schema": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}, "c": {"type": "number"}}},
    "min_confidence": {"pointer": "/c", "bound": 0.5}, "finite_numbers": true, "non_empty": "/l",
    "unique_ids": {"list": "/l", "key": "i"}, "max_body": 64}"#;
pub(super) const EJECTING: &str = r#""output": {"non_empty": "/a", "eject": {"invalid": 2, "of": 4}}"#;
pub(super) const LIMITS: &str = r#""admission": {"rate_limit": [
    {"key": [{"header": "x-tenant"}, "path", "method", "source_address"], "rate": "2/s", "max_keys": 8, "headers": "all"},
    {"rate": "5/min", "burst": 3}]}"#;

pub(super) const ISOLATING: &str = r#""admission": {"isolate": {"region_header": "x-from", "regions": ["south"]},
    "rate_limit": [{"rate": "1000/s", "burst": 4}]}"#;

pub(super) const ONCE_BY_HEADER: &str = r#""admission": {
    "isolate": {"region_header": "x-from", "regions": ["south"]},
    "dedupe": {"key": {"header": "x-message-id"}, "max_keys": 8, "replay_answer": true, "max_answers": 2}}"#;
pub(super) const ONCE_BY_BODY: &str = r#""admission": {"dedupe": {"key": "body", "window": "1s", "status": 409}}"#;

/// After every good answer.
pub(super) const DRILL: &str = r#""drill": {"share": 1}"#;
