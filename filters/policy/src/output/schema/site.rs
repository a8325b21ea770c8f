//! One schema of a document while it is read: keywords are taken out of it, and what nobody takes is not supported.

use std::borrow::Cow;

use super::problem::SchemaProblem;
use crate::output::json::{Decimal, Value, read};
use crate::output::violation::{Rule, add_step};

/// Keywords that say something about a value without judging it.
const ANNOTATIONS: &[&str] = &[
    "$comment",
    "$vocabulary",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "default",
    "deprecated",
    "description",
    "examples",
    "format",
    "readOnly",
    "title",
    "writeOnly",
    // Of OpenAPI, and written by Pydantic among others.
    "discriminator",
    "example",
    "externalDocs",
    "xml",
];

/// Keywords that are known and refused, each with what to write instead.
const REFUSED: &[(&str, &str)] = &[
    ("$dynamicRef", "write $ref, and $anchor or $defs where it leads"),
    ("$dynamicAnchor", "write $anchor, and $ref where it is referred to"),
    ("$recursiveRef", "write $ref"),
    ("$recursiveAnchor", "remove it, and write $ref for $recursiveRef"),
    ("additionalItems", "write prefixItems for the list of items, and items for additionalItems"),
    ("dependencies", "write dependentRequired or dependentSchemas"),
    ("id", "write $id"),
    ("nullable", "add \"null\" to type, or write anyOf with { \"type\": \"null\" }"),
];

/// Keywords without a rule of their own, for "did you mean"; those of the others are among the rules' words.
const OTHERS: &[&str] =
    &["$anchor", "$defs", "$id", "$ref", "allOf", "definitions", "dependentSchemas", "else", "if", "then"];

/// How many letters may be wrong in a keyword for another to be meant.
const SLIPS: usize = 2;

pub(super) type Members<'a> = [(Cow<'a, str>, Value<'a>)];

/// An object that is a schema.
pub(super) struct Site<'s, 'a> {
    members: &'s Members<'a>,
    /// The keywords that have been taken.
    taken: Vec<&'static str>,
    pub(super) pointer: String,
    pub(super) problems: Vec<SchemaProblem>,
}

impl<'s, 'a> Site<'s, 'a> {
    pub(super) const fn new(members: &'s Members<'a>, pointer: String) -> Self {
        Self { members, taken: Vec::new(), pointer, problems: Vec::new() }
    }

    /// The value of a keyword, if it is there.
    pub(super) fn take(&mut self, keyword: &'static str) -> Option<&'s Value<'a>> {
        let index = self.members.binary_search_by(|(key, _)| key.as_ref().cmp(keyword)).ok()?;
        self.taken.push(keyword);
        self.members.get(index).map(|(_, value)| value)
    }

    /// Notes what is wrong with a keyword.
    pub(super) fn note(&mut self, keyword: &str, rule: &str, hint: &str) {
        self.problems.push(SchemaProblem::new(&self.pointer, keyword, rule, hint));
    }

    /// Notes what is wrong with a keyword, which then has no value.
    pub(super) fn refuse<T>(&mut self, keyword: &str, rule: &str, hint: &str) -> Option<T> {
        self.note(keyword, rule, hint);
        None
    }

    /// The pointer to what is below a keyword.
    pub(super) fn below(&self, keyword: &str) -> String {
        below(&self.pointer, keyword)
    }

    pub(super) fn text(&mut self, keyword: &'static str) -> Option<&'s str> {
        match self.take(keyword)? {
            Value::Text(text) => Some(text),
            _ => self.refuse(keyword, "is not a string", "write a string"),
        }
    }

    pub(super) fn boolean(&mut self, keyword: &'static str) -> Option<bool> {
        match self.take(keyword)? {
            Value::Bool(value) => Some(*value),
            _ => self.refuse(keyword, "is neither true nor false", "write true or false"),
        }
    }

    pub(super) fn number(&mut self, keyword: &'static str) -> Option<&'s str> {
        match self.take(keyword)? {
            Value::Number(text) => Some(text),
            _ => self.refuse(keyword, "is not a number", "write a number such as 0.5"),
        }
    }

    pub(super) fn count(&mut self, keyword: &'static str) -> Option<usize> {
        let value = self.take(keyword)?;
        let count = if let Value::Number(text) = value { Decimal::of(text).count() } else { None };
        count.or_else(|| self.refuse(keyword, "is not a whole number from 0 on", "write a number such as 0 or 20"))
    }

    pub(super) fn list(&mut self, keyword: &'static str, hint: &str) -> Option<&'s [Value<'a>]> {
        match self.take(keyword)? {
            Value::List(items) => Some(items),
            _ => self.refuse(keyword, "is not a list", hint),
        }
    }

    pub(super) fn map(&mut self, keyword: &'static str, hint: &str) -> Option<&'s Members<'a>> {
        match self.take(keyword)? {
            Value::Map(members) => Some(members),
            _ => self.refuse(keyword, "is not an object", hint),
        }
    }

    /// The keys that a list of a keyword names.
    pub(super) fn keys(&mut self, keyword: &'static str, list: &Value<'_>) -> Option<Vec<String>> {
        let hint = "write a list of keys such as [\"id\", \"score\"]";
        let Value::List(items) = list else { return self.refuse(keyword, "is not a list", hint) };
        let mut keys = Vec::new();
        for item in items {
            match item {
                Value::Text(key) => keys.push(key.as_ref().to_owned()),
                _ => return self.refuse(keyword, "holds what is not a key", hint),
            }
        }
        Some(keys)
    }

    /// Refuses every keyword that has not been taken and that is more than a note.
    pub(super) fn close(mut self) -> Vec<SchemaProblem> {
        for (key, _) in self.members {
            let key = key.as_ref();
            if self.taken.contains(&key) || ANNOTATIONS.contains(&key) || key.starts_with("x-") {
                continue;
            }
            let refused = REFUSED.iter().find(|(keyword, _)| *keyword == key);
            let hint = match (refused, meant(key)) {
                (Some((_, hint)), _) => (*hint).to_owned(),
                (None, Some(meant)) => format!("did you mean {meant}?"),
                (None, None) => "remove it, or begin its name with x- if it is a note".to_owned(),
            };
            let rule = if refused.is_some() { "is not supported" } else { "is not a keyword that is known" };
            self.note(key, rule, &hint);
        }
        self.problems
    }
}

/// The keyword that was meant, if one looks much like it.
fn meant(key: &str) -> Option<&'static str> {
    // Comparing takes time that grows with the length, and no keyword is that long.
    if key.len() > 32 {
        return None;
    }
    let keywords = Rule::ALL.iter().map(|rule| rule.word()).filter(|word| !word.contains('_'));
    let all = keywords.chain(OTHERS.iter().copied()).chain(ANNOTATIONS.iter().copied());
    all.map(|word| (strsim::damerau_levenshtein(key, word), word))
        .filter(|(slips, _)| *slips <= SLIPS)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, word)| word)
}

/// The pointer to what is below a key.
pub(super) fn below(pointer: &str, key: &str) -> String {
    let mut pointer = pointer.to_owned();
    add_step(key, usize::MAX, &mut pointer);
    pointer
}

/// Deepest nesting of a document that is a schema.
const DEPTH: usize = 100;

/// Reads the document that is a schema.
pub(super) fn document(text: &str) -> Result<Value<'_>, SchemaProblem> {
    read(text.as_bytes(), DEPTH).map_err(|failure| {
        let violation = crate::output::Violation::from(failure);
        let (rule, hint) = match violation.rule {
            Rule::DuplicateKey => ("stands twice", "remove one of them".to_owned()),
            Rule::TooDeep => ("is nested too deep", format!("nest at most {DEPTH} levels; put parts into $defs")),
            Rule::HugeExponent => ("is a number that is not supported", "write a smaller exponent".to_owned()),
            Rule::Truncated => ("is not JSON: it ends too early", "write a JSON object".to_owned()),
            _ => ("is not JSON", "write a JSON object".to_owned()),
        };
        SchemaProblem::new(&violation.pointer, "", rule, &hint)
    })
}
