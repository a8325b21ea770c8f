//! JSON as an answer has it: numbers as they are written, objects sorted by key, and no key twice.
//!
//! `serde_json` would keep the last of two members with one key, and make floats of numbers. So the reader is our own:
//! a body becomes a tree whose strings and numbers are slices of it, wherever no escape has to be resolved.

mod number;
mod reader;
mod sort;

use std::borrow::Cow;
use std::cmp::Ordering;

pub(crate) use number::{Decimal, Divisor};
pub(crate) use reader::read;

/// A value of a body.
#[derive(Debug)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    /// As it is written.
    Number(Cow<'a, str>),
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
    /// Sorted by key: what is looked up is found in few steps, equal objects are equal lists, and a key that stands
    /// twice stands beside itself.
    Map(Vec<(Cow<'a, str>, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// The member with this key, if it is an object that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(members) = self else { return None };
        let index = members.binary_search_by(|(it, _)| it.as_ref().cmp(key)).ok()?;
        members.get(index).map(|(_, value)| value)
    }

    /// Its items or members, counted.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::List(items) => items.len(),
            Self::Map(members) => members.len(),
            _ => 0,
        }
    }

    /// What it costs to look at all of it, about.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) => 1,
            Self::Number(text) | Self::Text(text) => weight_of(text),
            Self::List(items) => items.iter().fold(1, |sum, item| sum.saturating_add(item.weight())),
            Self::Map(members) => members
                .iter()
                .fold(1, |sum, (key, value)| sum.saturating_add(weight_of(key)).saturating_add(value.weight())),
        }
    }

    /// An order of all values in which those are equal that JSON Schema calls equal; which comes first means nothing.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => Decimal::of(a).compare(Decimal::of(b)),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::List(a), Self::List(b)) => {
                let differ = a.iter().zip(b).map(|(a, b)| a.compare(b)).find(|it| it.is_ne());
                differ.unwrap_or_else(|| a.len().cmp(&b.len()))
            }
            (Self::Map(a), Self::Map(b)) => {
                let compare = |(a, b): (&(Cow<'_, str>, _), &(Cow<'_, str>, _))| {
                    a.0.cmp(&b.0).then_with(|| Self::compare(&a.1, &b.1))
                };
                let differ = a.iter().zip(b).map(compare).find(|it| it.is_ne());
                differ.unwrap_or_else(|| a.len().cmp(&b.len()))
            }
            _ => self.rank().cmp(&other.rank()),
        }
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Number(_) => 2,
            Self::Text(_) => 3,
            Self::List(_) => 4,
            Self::Map(_) => 5,
        }
    }

    /// A copy that outlives the text that it was read from.
    pub(crate) fn to_static(&self) -> Value<'static> {
        let copy = |text: &Cow<'a, str>| Cow::Owned(text.as_ref().to_owned());
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(text) => Value::Number(copy(text)),
            Self::Text(text) => Value::Text(copy(text)),
            Self::List(items) => Value::List(items.iter().map(Value::to_static).collect()),
            Self::Map(members) => {
                Value::Map(members.iter().map(|(key, value)| (copy(key), value.to_static())).collect())
            }
        }
    }
}

/// The first of the values that is equal to one before it. It takes n log n comparisons, whatever the values are.
pub(crate) fn first_twice(values: Vec<&Value<'_>>) -> Option<usize> {
    let mut sorted: Vec<_> = values.into_iter().enumerate().collect();
    sort::sort(&mut sorted, |(i, a), (j, b)| a.compare(b).then(i.cmp(j)));
    let pairs = sorted.iter().zip(sorted.iter().skip(1));
    pairs.filter(|((_, a), (_, b))| a.compare(b).is_eq()).map(|(_, (index, _))| *index).min()
}

/// What it costs to look at a text, about: one step for every 16 bytes.
pub(crate) const fn weight_of(text: &str) -> usize {
    text.len().wrapping_shr(4).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(a: &str, b: &str) -> Ordering {
        let value = |text: &'static str| read(text.as_bytes(), 8).unwrap();
        let (a, b) = (a.to_owned().leak(), b.to_owned().leak());
        value(a).compare(&value(b))
    }

    #[test]
    fn equal_values_are_those_that_json_schema_calls_equal() {
        for (a, b) in [
            ("1", "1.0"),
            ("[1, 2e1]", "[1.0,20]"),
            (r#"{"a": 1, "b": [2]}"#, r#"{"b": [2.0], "\u0061": 1}"#),
            (r#""é""#, r#""\u00e9""#),
        ] {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} and {b}");
        }
    }

    #[test]
    fn values_of_different_kinds_or_parts_differ() {
        let values = [
            "null",
            "false",
            "true",
            "0",
            "1",
            "\"\"",
            "\"1\"",
            "[]",
            "[0]",
            "[0,0]",
            "[false]",
            "{}",
            r#"{"a":0}"#,
            r#"{"a":false}"#,
            r#"{"a":0,"b":0}"#,
            r#"{"b":0}"#,
        ];
        for (i, a) in values.iter().enumerate() {
            for (j, b) in values.iter().enumerate() {
                assert_eq!(compare(a, b) == Ordering::Equal, i == j, "{a} and {b}");
                assert_eq!(compare(a, b), compare(b, a).reverse(), "{a} and {b}");
            }
        }
    }

    #[test]
    fn a_member_is_found_by_its_key() {
        let value = read(br#"{"c": 1, "a": null, "b": true}"#, 8).unwrap();
        assert!(matches!(value.get("b"), Some(Value::Bool(true))));
        assert!(value.get("d").is_none());
        assert!(Value::Null.get("a").is_none());
    }
}
