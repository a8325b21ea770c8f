//! What is wrong with a document, in words that name the place, the value, the rule and the remedy.

use std::fmt;

use super::document::{Node, Value};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, such as `routes[0].upstream.timeout`.
    pub path: String,
    /// The line of the text, counted from 1, where the text is YAML.
    pub line: Option<usize>,
    /// The value as it was written, shortened; `None` where something is missing.
    pub value: Option<String>,
    /// What it breaks.
    pub rule: String,
    /// What to write instead.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{}: ", self.path)?;
        if let Some(value) = &self.value {
            write!(f, "{value} ")?;
        }
        write!(f, "{}; {}", self.rule, self.hint)
    }
}

/// Everything that is wrong with a document, in the order of its lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Brings them into the order of the document, where it has lines.
    pub(super) fn sort(&mut self) {
        self.0.sort_by_key(|problem| problem.line);
    }

    /// Whether nothing is wrong.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems in the order of the document.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

/// Longest value that is shown whole, in characters.
const SHOWN: usize = 60;

/// A value as a problem shows it: JSON, shortened, and without the control characters that JSON lets stand, because a
/// problem goes to a log and a log to a terminal.
pub(super) fn shown(node: &Node) -> String {
    if node.value == Value::Null {
        return "an empty value".to_owned();
    }
    let text = serde_json::to_string(node).unwrap_or_default().replace(char::is_control, "\u{fffd}");
    if text.chars().count() > SHOWN { text.chars().take(SHOWN).chain(['…']).collect() } else { text }
}
