//! What a schema cannot say, or says badly, about an answer of an inference service.
//!
//! | check | broken by | holds where nothing stands |
//! |---|---|---|
//! | `min_confidence` | a number below the bound, and what is no number | no: an answer that does not say how sure it is is not sure |
//! | `finite_numbers` | a number that its reader's double cannot hold, and reads as infinity | yes |
//! | `non_empty` | a text of white space, a list or object of nothing, null | no |
//! | `unique_ids` | two items of the list with equal values at the key | yes: that there is a list, and that its items have ids, a schema says |

use super::json::{Decimal, Value, first_twice};
use super::violation::{Failure, Rule};

/// The smallest number that a double rounds to infinity: 2 to the power of 1024, less half of the last step before it.
const INFINITE: &str = "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587\
                        207096330286416692887910946555547851940402630657488671505820681908902000708383676273854845817711\
                        531764475730270069855571366959622842914819860834936475292719074168444365510704342711559699508093\
                        042880177904174497792";

/// A place in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(Vec<String>);

impl Pointer {
    /// Reads a JSON pointer (RFC 6901), such as `/items/0/score`; empty for the whole answer.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(Vec::new()));
        }
        let steps = text.strip_prefix('/')?.split('/');
        Some(Self(steps.map(unescaped).collect()))
    }

    fn find<'v, 'a>(&self, value: &'v Value<'a>) -> Option<&'v Value<'a>> {
        self.0.iter().try_fold(value, |value, step| match value {
            Value::List(items) => items.get(index(step)?),
            value => value.get(step),
        })
    }

    /// Whether a number other than 0 stands there.
    pub(super) fn is_sure(&self, value: &Value<'_>) -> bool {
        let Some(Value::Number(text)) = self.find(value) else { return false };
        Decimal::of(text).compare(Decimal::of("0")).is_ne()
    }

    /// A failure at the place.
    fn failure(&self, rule: Rule) -> Failure<'_> {
        self.0.iter().rev().fold(Failure::new(rule), |failure, step| failure.below(step.as_str()))
    }
}

impl std::fmt::Display for Pointer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|step| write!(f, "/{}", step.replace('~', "~0").replace('/', "~1")))
    }
}

/// A step as a pointer has it, with `~1` for a slash and `~0` for a tilde.
fn unescaped(step: &str) -> String {
    let mut parts = step.split('~');
    let mut key = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (c, rest) = match (part.strip_prefix('0'), part.strip_prefix('1')) {
            (Some(rest), _) => ("~", rest),
            (None, Some(rest)) => ("/", rest),
            (None, None) => ("~", part),
        };
        key.push_str(c);
        key.push_str(rest);
    }
    key
}

/// An index as a pointer has it: without leading zeros.
fn index(step: &str) -> Option<usize> {
    let is_plain = step == "0" || !step.starts_with(['0', '+']);
    step.parse().ok().filter(|_| is_plain)
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// What stands there is a number of at least `bound`.
    MinConfidence {
        /// Where.
        pointer: Pointer,
        /// A number in JSON's form.
        bound: String,
    },
    /// No number is too large for a double.
    FiniteNumbers,
    /// What stands there is more than nothing.
    NonEmpty {
        /// Where.
        pointer: Pointer,
    },
    /// No two items of a list have the same id.
    UniqueIds {
        /// Where the list is.
        list: Pointer,
        /// Where in each item its id is.
        key: String,
    },
}

impl Check {
    pub(super) fn judge<'v>(&'v self, value: &'v Value<'_>) -> Result<(), Failure<'v>> {
        match self {
            Self::MinConfidence { pointer, bound } => match pointer.find(value) {
                Some(Value::Number(it)) if Decimal::of(it).compare(Decimal::of(bound)).is_ge() => Ok(()),
                _ => Err(pointer.failure(Rule::MinConfidence)),
            },
            Self::FiniteNumbers => finite(value),
            Self::NonEmpty { pointer } => match pointer.find(value) {
                Some(it) if !is_empty(it) => Ok(()),
                _ => Err(pointer.failure(Rule::NonEmpty)),
            },
            Self::UniqueIds { list, key } => {
                let Some(Value::List(items)) = list.find(value) else { return Ok(()) };
                let ids: Vec<_> =
                    items.iter().enumerate().filter_map(|(index, it)| Some((index, it.get(key)?))).collect();
                let twice = first_twice(ids.iter().map(|(_, id)| *id).collect()).and_then(|twice| ids.get(twice));
                match twice {
                    // The list's own path is outside of the item's.
                    Some((index, _)) => {
                        let inner = Failure::new(Rule::UniqueIds).below(key.as_str()).at(*index);
                        Err(list.0.iter().rev().fold(inner, |failure, step| failure.below(step.as_str())))
                    }
                    None => Ok(()),
                }
            }
        }
    }
}

fn is_empty(value: &Value<'_>) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.trim().is_empty(),
        Value::List(_) | Value::Map(_) => value.len() == 0,
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn finite<'v>(value: &'v Value<'_>) -> Result<(), Failure<'v>> {
    match value {
        Value::Number(text) => {
            let size = Decimal::of(text.strip_prefix('-').unwrap_or(text));
            let is_finite = size.is_surely_below(308) || size.compare(Decimal::of(INFINITE)).is_lt();
            if is_finite { Ok(()) } else { Err(Failure::new(Rule::FiniteNumbers)) }
        }
        Value::List(items) => {
            items.iter().enumerate().try_for_each(|(index, item)| finite(item).map_err(|failure| failure.at(index)))
        }
        Value::Map(members) => {
            members.iter().try_for_each(|(key, value)| finite(value).map_err(|failure| failure.below(&**key)))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Limits, Validator, Violation};

    fn told(check: Check, body: &str) -> String {
        let validator = Validator { checks: vec![check], ..Validator::default() };
        validator.validate(body.as_bytes()).map_or_else(|violation| violation.to_string(), |()| "valid".to_owned())
    }

    fn pointer(text: &str) -> Pointer {
        Pointer::parse(text).unwrap()
    }

    #[test]
    fn an_answer_that_is_not_sure_enough_is_told() {
        for (confidence, holds) in [
            ("0.5", true),
            ("0.50", true),
            ("1", true),
            ("5e-1", true),
            ("0.4999999999999999999", false),
            ("0", false),
            ("\"0.9\"", false),
            ("null", false),
        ] {
            let check = Check::MinConfidence { pointer: pointer("/confidence"), bound: "0.5".to_owned() };
            let expected = if holds { "valid" } else { "/confidence: min_confidence" };
            assert_eq!(told(check, &format!(r#"{{"confidence": {confidence}}}"#)), expected, "{confidence}");
        }
        let check = Check::MinConfidence { pointer: pointer("/a/1"), bound: "0".to_owned() };
        assert_eq!(told(check, r#"{"a": [1]}"#), "/a/1: min_confidence");
    }

    #[test]
    fn a_number_that_a_double_reads_as_infinity_is_told() {
        for (number, holds) in [
            ("1.7976931348623157e308", true),
            ("1.797693134862315807e308", true),
            ("1.797693134862315808e308", false),
            ("-1e309", false),
            ("-1e308", true),
            ("1e-999999", true),
            ("0e999999", true),
            (INFINITE, false),
        ] {
            assert_eq!(number.parse::<f64>().unwrap().is_finite(), holds, "{number}");
            let expected = if holds { "valid" } else { "/a/1: finite_numbers" };
            assert_eq!(told(Check::FiniteNumbers, &format!(r#"{{"a": [0, {number}]}}"#)), expected, "{number}");
        }
    }

    #[test]
    fn what_has_to_be_there_is_more_than_nothing() {
        for (value, holds) in [
            ("\"x\"", true),
            ("[0]", true),
            ("{\"a\":0}", true),
            ("0", true),
            ("false", true),
            ("\"\"", false),
            ("\" \\n\\t\\u00a0\"", false),
            ("[]", false),
            ("{}", false),
            ("null", false),
        ] {
            let expected = if holds { "valid" } else { "/it: non_empty" };
            let check = Check::NonEmpty { pointer: pointer("/it") };
            assert_eq!(told(check, &format!(r#"{{"it": {value}}}"#)), expected, "{value}");
        }
        assert_eq!(told(Check::NonEmpty { pointer: pointer("/it") }, "{}"), "/it: non_empty");
        assert_eq!(told(Check::NonEmpty { pointer: pointer("") }, "[]"), "the whole answer: non_empty");
    }

    #[test]
    fn an_id_that_two_items_have_is_told_at_the_second() {
        let check = Check::UniqueIds { list: pointer("/items"), key: "id".to_owned() };
        for (items, expected) in [
            (r#"[{"id": 1}, {"id": 2}, {"id": "1"}]"#, "valid"),
            (r#"[{"id": 1}, {"id": 2}, {"id": 1.0}]"#, "/items/2/id: unique_ids"),
            (r#"[{"id": "b"}, {}, {"id": "a"}, {"id": "b"}, {"id": "a"}]"#, "/items/3/id: unique_ids"),
            ("[{}, {}, 1, [], null]", "valid"),
            ("[]", "valid"),
            ("{}", "valid"),
        ] {
            assert_eq!(told(check.clone(), &format!(r#"{{"items": {items}}}"#)), expected, "{items}");
        }
    }

    #[test]
    fn a_pointer_is_read_as_the_rfc_has_it() {
        let body = r#"{"a/b": {"m~n": [7, {"": 8}]}, "0": 9}"#;
        for (text, holds) in [
            ("/a~1b/m~0n/0", true),
            ("/a~1b/m~0n/1/", true),
            ("/0", true),
            ("/a~1b/m~0n/00", false),
            ("/a~1b/m~0n/+0", false),
            ("/a~1b/m~0n/2", false),
        ] {
            let check = Check::MinConfidence { pointer: pointer(text), bound: "0".to_owned() };
            assert_eq!(told(check, body) == "valid", holds, "{text}");
        }
        assert_eq!(Pointer::parse("a"), None);
    }

    #[test]
    fn checks_come_after_the_schema_and_in_their_order() {
        let validator = Validator {
            schema: super::super::Schema::compile(r#"{"required": ["a"]}"#).ok(),
            checks: vec![Check::NonEmpty { pointer: pointer("/b") }, Check::NonEmpty { pointer: pointer("/c") }],
            limits: Limits::default(),
        };
        let rule = |body: &str| validator.validate(body.as_bytes()).map_err(|Violation { pointer, .. }| pointer);
        assert_eq!(rule("{}"), Err(String::new()));
        assert_eq!(rule(r#"{"a": 1}"#), Err("/b".to_owned()));
        assert_eq!(rule(r#"{"a": 1, "b": 1}"#), Err("/c".to_owned()));
        assert_eq!(rule(r#"{"a": 1, "b": 1, "c": 1}"#), Ok(()));
    }
}
