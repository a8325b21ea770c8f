//! What an answer has to say, as data, and what it makes of an answer whose region has said what it sends.

use serde_json::{Value, json};

use crate::events::EVENT_STREAM;
use crate::fields::Fields;
use crate::says::{Flaw, Says};

/// What the answers of a route have to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
pub struct Output {
    /// Whether there is a schema: an action that is a text, and a confidence that is a number.
    pub schema: bool,
    /// Whether a confidence of less than a half is too low.
    pub min_confidence: bool,
    /// Whether each number has to be one that a double can be.
    pub finite_numbers: bool,
    /// Whether there have to be items.
    pub non_empty: bool,
    /// Whether no two items may have the same id.
    pub unique_ids: bool,
    /// Longest answer, in bytes.
    pub max_body: usize,
    /// So many invalid ones of so many open the breaker, where there is one.
    pub eject: Option<(u32, u32)>,
}

impl Default for Output {
    /// A schema, and nothing else that has to be written.
    fn default() -> Self {
        Self {
            schema: true,
            min_confidence: false,
            finite_numbers: false,
            non_empty: false,
            unique_ids: false,
            max_body: 256 << 10,
            eject: None,
        }
    }
}

impl Output {
    /// Whether an answer with these headers is judged at all.
    pub(crate) fn is_about(fields: &Fields, is_head: bool) -> bool {
        let status = fields.status().unwrap_or(0);
        let is_plain = ["", "identity"].contains(&fields.text("content-encoding"));
        let is_stream = fields.text("content-type").starts_with(EVENT_STREAM);
        !is_head && (200..300).contains(&status) && ![204, 205].contains(&status) && is_plain && !is_stream
    }

    /// Whether a body of this length that says this is refused.
    pub(crate) const fn refuses(&self, says: Says, length: usize) -> bool {
        let is_wrong = match says {
            Says::Noise | Says::Events | Says::Comments => true,
            Says::Good => false,
            Says::Flawed(flaw) => match flaw {
                Flaw::Truncated | Flaw::TwiceTheKey | Flaw::NotANumber | Flaw::Nested => true,
                Flaw::WrongType => self.schema || self.min_confidence,
                Flaw::MissingKey => self.schema,
                Flaw::Unsure => self.min_confidence,
                Flaw::Infinite => self.finite_numbers,
                Flaw::NoItems => self.non_empty,
                Flaw::SameIds => self.unique_ids,
            },
        };
        is_wrong || length == 0 || length > self.max_body
    }

    pub(super) fn to_json(self, has_breaker: bool) -> Value {
        let mut value = json!({ "max_body": self.max_body, "finite_numbers": self.finite_numbers });
        if self.schema {
            value["schema"] = json!({
                "type": "object",
                "required": ["action", "confidence"],
                "properties": { "action": { "type": "string" }, "confidence": { "type": "number" } },
            });
        }
        if self.min_confidence {
            value["min_confidence"] = json!({ "pointer": "/confidence", "bound": 0.5 });
        }
        if self.non_empty {
            value["non_empty"] = "/items".into();
        }
        if self.unique_ids {
            value["unique_ids"] = json!({ "list": "/items", "key": "id" });
        }
        if let Some((invalid, of)) = self.eject.filter(|_| has_breaker) {
            value["eject"] = json!({ "invalid": invalid, "of": of });
        }
        value
    }
}
