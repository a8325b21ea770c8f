//! Who is let in on a route, as data.

use serde_json::{Map, Value, json};

use crate::scenario::Millis;

/// The header that tells messages apart.
pub(crate) const MESSAGE: &str = "x-message-id";

/// The header by which a request says where it comes from.
pub(crate) const ORIGIN: &str = "x-origin";

/// Where those come from who are turned away, if anybody is.
pub(crate) const ISOLATED: &str = "far-away";

/// Where others come from.
pub(crate) const NEAR: &str = "near";

/// A rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Requests in a second; a million is a multiple of it.
    pub per_second: u32,
    /// Requests that may come at once.
    pub burst: u32,
}

/// Messages go on once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dedupe {
    /// How long one is remembered that is done.
    pub window: Millis,
    /// What a duplicate is told.
    pub status: u16,
    /// Whether it is given the answer of the first, where that is kept.
    pub replays: bool,
}

/// The section, where anything is written in it.
pub(super) fn section(isolates: bool, limit: Option<Limit>, dedupe: Option<Dedupe>) -> Option<Value> {
    let mut section = Map::new();
    if isolates {
        section.insert("isolate".to_owned(), json!({ "region_header": ORIGIN, "regions": [ISOLATED] }));
    }
    if let Some(Limit { per_second, burst }) = limit {
        section.insert("rate_limit".to_owned(), json!([{ "rate": format!("{per_second}/s"), "burst": burst }]));
    }
    if let Some(Dedupe { window, status, replays }) = dedupe {
        let window = format!("{window}ms");
        let dedupe =
            json!({ "key": { "header": MESSAGE }, "window": window, "status": status, "replay_answer": replays });
        section.insert("dedupe".to_owned(), dedupe);
    }
    (!section.is_empty()).then(|| section.into())
}
