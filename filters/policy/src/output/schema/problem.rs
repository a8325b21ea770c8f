//! What is wrong with a schema, in words that name the place, the keyword, the rule and the remedy.

use std::fmt;

/// How much of each part is shown, in characters.
const SHOWN: usize = 300;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaProblem {
    /// The schema that has it, as a JSON pointer into the document; empty for the document itself.
    pub pointer: String,
    /// The keyword; empty if no keyword is meant.
    pub keyword: String,
    /// What it breaks.
    pub rule: String,
    /// What to write instead.
    pub hint: String,
}

impl SchemaProblem {
    /// A problem is one line of a log and not a long one, whatever keys the document has.
    pub(super) fn new(pointer: &str, keyword: &str, rule: &str, hint: &str) -> Self {
        let shown =
            |text: &str| text.chars().take(SHOWN).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        let [pointer, keyword, rule, hint] = [pointer, keyword, rule, hint].map(shown);
        Self { pointer, keyword, rule, hint }
    }
}

impl fmt::Display for SchemaProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pointer, keyword, rule, hint } = self;
        match (pointer.as_str(), keyword.as_str()) {
            ("", "") => write!(f, "the schema {rule}; {hint}"),
            (pointer, "") => write!(f, "{pointer} {rule}; {hint}"),
            (pointer, keyword) => write!(f, "{pointer}/{keyword} {rule}; {hint}"),
        }
    }
}
