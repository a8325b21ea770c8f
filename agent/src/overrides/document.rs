//! What the filter reads.

use bytes::Bytes;
use serde_json::Value;

use super::entry::{Entry, digest, written};

/// A document of overrides, as the filter reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its name, quoted as HTTP has it. It follows from the text alone, so an agent that has restarted calls the same text
    /// the same, and the filter need not read it again.
    pub etag: String,
    /// JSON.
    pub text: Bytes,
}

impl Document {
    /// That of these, in this order.
    pub(super) fn of<'e>(entries: impl Iterator<Item = &'e Entry>) -> Self {
        let list: Vec<Value> = entries.map(|entry| written(&entry.switched).into()).collect();
        let text = serde_json::json!({ "overrides": list }).to_string();
        Self { etag: format!("\"{:016x}\"", digest(text.as_bytes())), text: text.into() }
    }

    /// Whether a client that says `if-none-match` has it already.
    pub fn is_known_to(&self, if_none_match: &str) -> bool {
        if_none_match.split(',').any(|etag| {
            let etag = etag.trim();
            etag.strip_prefix("W/").unwrap_or(etag) == self.etag
        })
    }
}
