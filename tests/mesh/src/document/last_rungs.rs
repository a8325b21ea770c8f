//! What a route says when no region does, as data.

use serde_json::{Value, json};

use crate::events::EVENT_STREAM;
use crate::fields::Fields;
use crate::scenario::Millis;

/// A header by which clients say of which segment they are.
pub(crate) const SEGMENT: &str = "x-segment";

/// Those of this segment get a static response of their own, where there is one.
pub(crate) const GOLD: &str = "gold";

/// A static response.
#[derive(Debug, Clone)]
pub struct Fixed {
    /// The status code.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

/// Which good answers are kept for when no region gives one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastGood {
    /// Whether those of another segment ask another question.
    pub by_segment: bool,
    /// Whether those with another body do.
    pub by_body: bool,
    /// Up to this age an answer is as good as any.
    pub fresh: Millis,
    /// Up to this age it is better than none.
    pub max_stale: Millis,
    /// Longest answer, in bytes.
    pub max_body: usize,
}

/// A status of gRPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grpc {
    /// 13.
    Internal,
    /// 14.
    Unavailable,
}

/// How large a share of the answers may be made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxShare {
    /// In hundredths.
    pub share: u32,
    /// How far back answers are counted.
    pub window: Millis,
    /// Fewest answers in it for the share to mean anything.
    pub min_requests: u32,
}

impl Default for LastGood {
    /// What a route has that writes nothing but the section's name.
    fn default() -> Self {
        Self { by_segment: false, by_body: true, fresh: 300_000, max_stale: 3_600_000, max_body: 64 << 10 }
    }
}

impl Fixed {
    /// The body of the response: where good answers are judged, one that their rules let pass.
    pub(super) fn body(&self, is_judged: bool) -> String {
        if is_judged && (200..300).contains(&self.status) {
            let action: String = self.body.chars().take(20).collect();
            return format!(r#"{{"action":"{action}","confidence":0,"items":[{{"id":1}}]}}"#);
        }
        self.body.clone()
    }

    pub(super) fn to_json(&self, is_judged: bool) -> Value {
        json!({ "status": self.status, "body": self.body(is_judged) })
    }
}

impl LastGood {
    pub(super) fn to_json(self) -> Value {
        let mut key = vec![json!("path")];
        key.extend(self.by_segment.then(|| json!({ "header": SEGMENT })));
        key.extend(self.by_body.then(|| json!("body")));
        json!({
            "fresh": format!("{}ms", self.fresh),
            "max_stale": format!("{}ms", self.max_stale),
            "key": key,
            "max_body": self.max_body,
        })
    }

    /// The question that a request with these headers and this body is. `None` where the answer is nobody else's business.
    pub(crate) fn question(&self, headers: &Fields, body: &[u8]) -> Option<String> {
        if headers.text(":method") == "HEAD" || headers.first("authorization").is_some() {
            return None;
        }
        let segments: Vec<_> = headers.all(SEGMENT).filter(|_| self.by_segment).collect();
        let body = if self.by_body { body } else { &[] };
        let [method, path] = [":method", ":path"].map(|name| headers.text(name));
        // A document that tells more apart asks other questions.
        let told_apart = (self.by_segment, self.by_body);
        Some(format!("{told_apart:?} {method} {path} {segments:?} {}", body.escape_ascii()))
    }

    /// Whether an answer with these headers and a body of this length may be given again.
    pub(crate) fn may_keep(&self, headers: &Fields, length: usize) -> bool {
        let status = headers.status().unwrap_or(0);
        let is_plain = ["", "identity"].contains(&headers.text("content-encoding"));
        let is_stream = headers.text("content-type").starts_with(EVENT_STREAM);
        let is_anybodys = headers.text("cache-control") != "private";
        let is_told_apart = headers.first("vary").is_none() || self.by_segment;
        (200..=203).contains(&status)
            && (1..=self.max_body).contains(&length)
            && is_plain
            && !is_stream
            && is_anybodys
            && is_told_apart
    }
}

impl Grpc {
    /// Its number.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Internal => "13",
            Self::Unavailable => "14",
        }
    }

    pub(super) fn to_json(self) -> Value {
        let name = match self {
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
        };
        json!({ "status": name, "message": "no region answers" })
    }
}

impl MaxShare {
    pub(super) fn to_json(self) -> Value {
        let share = f64::from(self.share) / 100.0;
        json!({ "share": share, "window": format!("{}ms", self.window), "min_requests": self.min_requests })
    }
}
