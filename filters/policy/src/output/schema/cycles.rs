//! Schemas that apply each other to the same value: they have to come to an end.

use super::keyword::{Place, PlaceId};
use super::problem::SchemaProblem;

/// Most schemas that are applied to the same value one by the other: each is a call, and calls take stack.
const MAX_CHAIN: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    /// On the way that is being walked.
    Open,
    /// How many schemas the longest way from here has, this one included.
    Done(usize),
}

struct Walk<'a> {
    places: &'a [Place],
    refs: &'a [PlaceId],
    marks: Vec<Mark>,
}

/// The first place from which the way is endless or too long.
pub(super) fn find(places: &[Place], refs: &[PlaceId], pointers: &[String]) -> Option<SchemaProblem> {
    let mut walk = Walk { places, refs, marks: vec![Mark::New; places.len()] };
    for start in 0..places.len() {
        if let Err((place, rule)) = walk.visit(start, MAX_CHAIN) {
            let pointer = pointers.get(place).map_or("", String::as_str);
            return Some(SchemaProblem::new(pointer, "", rule, "let it apply to an item or a member instead"));
        }
    }
    None
}

impl Walk<'_> {
    /// The longest way from a place, if it has at most `left` schemas.
    fn visit(&mut self, id: PlaceId, left: usize) -> Result<usize, (PlaceId, &'static str)> {
        let too_long = (id, "begins a chain of more than 64 schemas for the same value");
        match self.marks.get(id) {
            Some(Mark::Done(length)) => return if *length <= left { Ok(*length) } else { Err(too_long) },
            Some(Mark::Open) => return Err((id, "applies itself to the same value, without end")),
            _ => {}
        }
        let Some(left) = left.checked_sub(1) else { return Err(too_long) };
        self.mark(id, Mark::Open);
        let keywords = self.places.get(id).map_or(&[][..], |place| &place.keywords);
        let mut longest = 0;
        for keyword in keywords {
            keyword.in_place(self.refs, &mut |next| {
                longest = self.visit(next, left)?.max(longest);
                Ok(())
            })?;
        }
        let length = longest.saturating_add(1);
        self.mark(id, Mark::Done(length));
        Ok(length)
    }

    fn mark(&mut self, id: PlaceId, mark: Mark) {
        if let Some(it) = self.marks.get_mut(id) {
            *it = mark;
        }
    }
}
