//! Schemas that judge the same value as the one that they stand in.

use super::evaluate::{Judgement, Notes, Outcome};
use super::keyword::{Condition, PlaceId};
use crate::output::json::Value;
use crate::output::violation::{Failure, Rule};

impl Judgement<'_> {
    pub(super) fn reference<'v>(&mut self, number: usize, value: &'v Value<'_>, notes: Notes<'_>) -> Outcome<'v> {
        match self.schema.refs.get(number) {
            Some(place) => self.place(*place, value, notes),
            None => Ok(()),
        }
    }

    pub(super) fn all_of<'v>(&mut self, places: &[PlaceId], value: &'v Value<'_>, mut notes: Notes<'_>) -> Outcome<'v> {
        places.iter().try_for_each(|place| self.place(*place, value, notes.as_deref_mut()))
    }

    pub(super) fn any_of<'v>(&mut self, places: &[PlaceId], value: &'v Value<'_>, mut notes: Notes<'_>) -> Outcome<'v> {
        let mut nearest = Nearest::default();
        let mut holds = false;
        for place in places {
            match self.broken(*place, value, notes.as_deref_mut())? {
                Some(failure) => nearest.see(failure),
                // The others may have looked at more, if somebody asks.
                None if notes.is_none() => return Ok(()),
                None => holds = true,
            }
        }
        if holds { Ok(()) } else { Err(nearest.told_by(Rule::AnyOf)) }
    }

    pub(super) fn one_of<'v>(&mut self, places: &[PlaceId], value: &'v Value<'_>, mut notes: Notes<'_>) -> Outcome<'v> {
        let mut nearest = Nearest::default();
        let mut holds = false;
        for place in places {
            match self.broken(*place, value, notes.as_deref_mut())? {
                Some(failure) => nearest.see(failure),
                None if holds => return Err(Failure::new(Rule::OneOf)),
                None => holds = true,
            }
        }
        if holds { Ok(()) } else { Err(nearest.told_by(Rule::OneOf)) }
    }

    pub(super) fn condition<'v>(&mut self, it: &Condition, value: &'v Value<'_>, mut notes: Notes<'_>) -> Outcome<'v> {
        let holds = self.broken(it.test, value, notes.as_deref_mut())?.is_none();
        match if holds { it.then } else { it.otherwise } {
            Some(place) => self.place(place, value, notes),
            None => Ok(()),
        }
    }

    pub(super) fn dependent_schemas<'v>(
        &mut self,
        dependents: &[(String, PlaceId)],
        value: &'v Value<'_>,
        mut notes: Notes<'_>,
    ) -> Outcome<'v> {
        self.spend(dependents.len())?;
        for (key, place) in dependents {
            if value.get(key).is_some() {
                self.place(*place, value, notes.as_deref_mut())?;
            }
        }
        Ok(())
    }
}

/// Which of several alternatives, all broken, was meant: the one that breaks deepest, if there is one such. So a mistake
/// within an optional model is told where it is, and not as "neither the model nor null".
#[derive(Default)]
struct Nearest<'v> {
    failure: Option<Failure<'v>>,
    depth: usize,
}

impl<'v> Nearest<'v> {
    fn see(&mut self, failure: Failure<'v>) {
        match failure.depth() {
            depth if depth > self.depth => {
                self.depth = depth;
                self.failure = Some(failure);
            }
            // Two are equally near.
            depth if depth == self.depth => self.failure = None,
            _ => {}
        }
    }

    fn told_by(self, rule: Rule) -> Failure<'v> {
        self.failure.unwrap_or(Failure::new(rule))
    }
}
