//! What a region's answer says: text of no meaning, a good JSON document, or one that is wrong in one way.
//!
//! The region itself labels what it sends, so that nobody has to read it to know whether a route's `output` refuses it.

/// What stands in the body of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Says {
    /// Text that is no JSON.
    #[default]
    Noise,
    /// JSON that breaks no rule.
    Good,
    /// The same with something wrong.
    Flawed(Flaw),
    /// Events of a stream, after a comment.
    Events,
    /// Comments of a stream, and no event.
    Comments,
}

/// What is wrong with a JSON document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It ends too early.
    Truncated,
    /// A key is there twice.
    TwiceTheKey,
    /// A NaN stands in it.
    NotANumber,
    /// It is nested deeper than anybody reads.
    Nested,
    /// Its confidence is a text.
    WrongType,
    /// It has no action.
    MissingKey,
    /// Its confidence is low.
    Unsure,
    /// A number is larger than a double can be.
    Infinite,
    /// Its list is empty.
    NoItems,
    /// Two of its items have the same id.
    SameIds,
}

/// All of them.
pub const FLAWS: [Flaw; 10] = [
    Flaw::Truncated,
    Flaw::TwiceTheKey,
    Flaw::NotANumber,
    Flaw::Nested,
    Flaw::WrongType,
    Flaw::MissingKey,
    Flaw::Unsure,
    Flaw::Infinite,
    Flaw::NoItems,
    Flaw::SameIds,
];

/// Deeper than the filter reads.
const DEPTH: usize = 65;

impl Says {
    /// The document without the brace that closes it; `from` says whose it is, and to whom.
    pub(crate) fn opened(self, from: &str) -> String {
        let Self::Flawed(flaw) = self else { return document(from, r#","action":"act""#, "0.9", ITEMS, "") };
        let has = |with| flaw == with;
        let action = if has(Flaw::MissingKey) { "" } else { r#","action":"act""# };
        let confidence = match flaw {
            Flaw::NotANumber => "NaN",
            Flaw::WrongType => r#""high""#,
            Flaw::Unsure => "0.1",
            _ => "0.9",
        };
        let items = match flaw {
            Flaw::NoItems => "",
            Flaw::SameIds => r#"{"id":1},{"id":2},{"id":1}"#,
            Flaw::Infinite => r#"{"id":1,"score":1e999}"#,
            _ => ITEMS,
        };
        let more = match flaw {
            Flaw::TwiceTheKey => r#","action":"act""#.to_owned(),
            Flaw::Nested => format!(r#","deep":{}{}"#, "[".repeat(DEPTH), "]".repeat(DEPTH)),
            _ => String::new(),
        };
        document(from, action, confidence, items, &more)
    }
}

const ITEMS: &str = r#"{"id":1,"score":0.5},{"id":2,"score":0.25}"#;

fn document(from: &str, action: &str, confidence: &str, items: &str, more: &str) -> String {
    format!(r#"{{"from":"{from}"{action},"confidence":{confidence},"items":[{items}]{more}"#)
}
