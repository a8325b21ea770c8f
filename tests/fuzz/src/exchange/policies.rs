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

// The last rungs.

pub(super) const CONFIDENCE: &str = r#""fail_open": {"static": [{"body": {"confidence": 0.0}}]}"#;
pub(super) const UNSURE: &str = r#""fail_open": {"static": [{"body": {"a": "wait", "c": 0, "l": [{"i": 1}]}}]}"#;
pub(super) const BARE: &str = r#""fail_open": {"static": [{"status": 204, "headers": {"x-static": "none"}}]}"#;

pub(super) const KEPT: &str = r#""fail_open": {"last_good": {"key": ["path", {"header": "x-tenant"}, "body"], "max_entries": 2,
    "max_body": 32, "fresh": "1s", "max_stale": "2s"}}"#;

// What an answer has to be, and who is let in.

pub(super) const JUDGED: &str = r#""output": {
    "schema": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}, "c": {"type": "number"}}},
    "min_confidence": {"pointer": "/c", "bound": 0.5}, "finite_numbers": true, "non_empty": "/l",
    "unique_ids": {"list": "/l", "key": "i"}, "max_body": 64}"#;
pub(super) const LIMITS: &str = r#""admission": {"rate_limit": [
    {"key": [{"header": "x-tenant"}, "path", "method", "source_address"], "rate": "2/s", "max_keys": 8, "headers": "all"},
    {"rate": "5/min", "burst": 3}]}"#;

pub(super) const ONCE_BY_HEADER: &str = r#""admission": {
    "isolate": {"region_header": "x-from", "regions": ["south"]},
    "dedupe": {"key": {"header": "x-message-id"}, "max_keys": 8, "replay_answer": true, "max_answers": 2}}"#;
pub(super) const ONCE_BY_BODY: &str = r#""admission": {"dedupe": {"key": "body", "window": "1s", "status": 409}}"#;
