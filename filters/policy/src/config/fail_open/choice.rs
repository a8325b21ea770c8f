//! One of several static answers, chosen by what a request looks like: the first whose `when` matches.
//!
//! The last one has no `when` and every other has one, so that each request gets something, and nothing stands in the list
//! that no request can get.

use super::super::matcher::Shape;
use super::super::section::{Cursor, Section};
use crate::http::{Headers, Response};

/// What one is for, and what it is.
pub(super) type Entry = (Option<Shape>, Response);

/// The static answers of a route.
#[derive(Clone, Debug)]
pub(crate) struct Choice(Vec<Entry>);

impl Choice {
    pub(super) const fn new(entries: Vec<Entry>) -> Self {
        Self(entries)
    }

    /// The place of the one for a request with these headers; where there is but one, nothing is looked at.
    pub(crate) fn choose(&self, headers: &Headers) -> usize {
        let first = self.0.iter().position(|(when, _)| when.as_ref().is_none_or(|when| when.matches(headers)));
        first.unwrap_or_default()
    }

    /// The one at this place.
    pub(crate) fn at(&self, place: usize) -> Option<&Response> {
        self.0.get(place).map(|(_, response)| response)
    }
}

/// Reads the `when` of an entry, which is there unless it is the last of its kind.
#[expect(clippy::option_option, reason = "wrong and absent are two things, as everywhere in a section")]
pub(super) fn when(section: &mut Section<'_, '_>, is_last: bool) -> Option<Option<Shape>> {
    section.optional("when", |at| {
        let shape = shape(at)?;
        if is_last {
            return at.refuse(
                "is on the last one, so that a request which it does not match has no answer",
                "leave it out, or write one without when behind it",
            );
        }
        Some(shape)
    })
}

/// Reports that an entry which is not the last has no `when`.
pub(super) fn refuse_without_when<T>(at: &mut Cursor<'_, '_>) -> Option<T> {
    at.refuse(
        "has no when, and hides those behind it",
        "write when, such as { path_prefix: /v1/ }, or put it behind the others",
    )
}

fn shape(at: &mut Cursor<'_, '_>) -> Option<Shape> {
    const HINT: &str = "write a section such as { path_prefix: /v1/, headers: { x-segment: sports } }";
    let mut section = at.section(HINT)?;
    let (given, shape) = Shape::read(&mut section);
    section.close();
    if given > 1 {
        return at.refuse(format!("has {given} of path, path_prefix and path_regex"), "write at most one of them");
    }
    let shape = shape?;
    if shape.is_any() { at.refuse("says nothing about the request", HINT) } else { Some(shape) }
}
