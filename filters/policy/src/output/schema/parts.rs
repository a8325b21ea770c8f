//! Items and members, judged.

use std::borrow::Cow;

use super::evaluate::{Judgement, Notes, Outcome, when};
use super::keyword::{Contains, PlaceId, Properties};
use crate::output::json::{Value, first_twice, weight_of};
use crate::output::violation::{Failure, Rule};

type Member<'v> = (Cow<'v, str>, Value<'v>);

impl Judgement<'_> {
    pub(super) fn items<'v>(
        &mut self,
        prefix: &[PlaceId],
        rest: Option<PlaceId>,
        items: &'v [Value<'_>],
        mut notes: Notes<'_>,
    ) -> Outcome<'v> {
        for (index, item) in items.iter().enumerate() {
            let (place, rule) = match (prefix.get(index), rest) {
                (Some(place), _) => (*place, Rule::PrefixItems),
                (None, Some(place)) => (place, Rule::Items),
                (None, None) => break,
            };
            self.part(place, item, rule).map_err(|failure| failure.at(index))?;
            note(&mut notes, index);
        }
        Ok(())
    }

    pub(super) fn contains<'v>(&mut self, it: &Contains, items: &'v [Value<'_>], mut notes: Notes<'_>) -> Outcome<'v> {
        let min = it.min.unwrap_or(1);
        let mut count = 0_usize;
        for (index, item) in items.iter().enumerate() {
            // What is enough is enough, unless somebody asks which ones they are.
            if count >= min && it.max.is_none() && notes.is_none() {
                break;
            }
            if self.broken(it.place, item, None)?.is_none() {
                count = count.saturating_add(1);
                note(&mut notes, index);
            }
        }
        when(count >= min, if it.min.is_some() { Rule::MinContains } else { Rule::Contains })?;
        when(it.max.is_none_or(|max| count <= max), Rule::MaxContains)
    }

    /// Items are sorted, so that equal ones stand beside each other: that takes n log n comparisons for any items.
    pub(super) fn unique<'v>(&mut self, items: &'v [Value<'_>]) -> Outcome<'v> {
        let weight = items.iter().fold(0_usize, |sum, item| sum.saturating_add(item.weight()));
        // Twice, because each item that is sorted in is compared with two in each round.
        let rounds = items.len().checked_ilog2().unwrap_or(0).saturating_add(1).saturating_mul(2);
        self.spend(weight.saturating_mul(usize::try_from(rounds).unwrap_or(usize::MAX)))?;
        match first_twice(items.iter().collect()) {
            Some(index) => Err(Failure::new(Rule::UniqueItems).at(index)),
            None => Ok(()),
        }
    }

    pub(super) fn has_all<'v>(&mut self, keys: &[String], value: &'v Value<'_>, rule: Rule) -> Outcome<'v> {
        self.spend(keys.len())?;
        when(keys.iter().all(|key| value.get(key).is_some()), rule)
    }

    pub(super) fn dependent_required<'v>(
        &mut self,
        dependents: &[(String, Vec<String>)],
        value: &'v Value<'_>,
    ) -> Outcome<'v> {
        self.spend(dependents.len())?;
        for (key, keys) in dependents {
            if value.get(key).is_some() {
                self.has_all(keys, value, Rule::DependentRequired)?;
            }
        }
        Ok(())
    }

    pub(super) fn properties<'v>(
        &mut self,
        it: &Properties,
        members: &'v [Member<'_>],
        mut notes: Notes<'_>,
    ) -> Outcome<'v> {
        self.spend(members.len())?;
        for (index, (key, value)) in members.iter().enumerate() {
            if self.member(it, key, value).map_err(|failure| failure.below(&**key))? {
                note(&mut notes, index);
            }
        }
        Ok(())
    }

    /// Judges one member by all that is said about its key; whether anything is.
    fn member<'v>(&mut self, it: &Properties, key: &str, value: &'v Value<'_>) -> Result<bool, Failure<'v>> {
        let mut is_known = false;
        let named = it.named.binary_search_by(|(name, _)| name.as_str().cmp(key)).ok();
        if let Some((_, place)) = named.and_then(|index| it.named.get(index)) {
            self.part(*place, value, Rule::Properties)?;
            is_known = true;
        }
        for (pattern, place) in &it.patterns {
            if self.matches(pattern, key)? {
                self.part(*place, value, Rule::PatternProperties)?;
                is_known = true;
            }
        }
        if let (false, Some(place)) = (is_known, it.additional) {
            self.part(place, value, Rule::AdditionalProperties)?;
            is_known = true;
        }
        Ok(is_known)
    }

    pub(super) fn property_names<'v>(&mut self, place: PlaceId, members: &'v [Member<'_>]) -> Outcome<'v> {
        for (key, _) in members {
            self.spend(weight_of(key))?;
            let name = Value::Text(Cow::Borrowed(key));
            // Where a name is wrong, the name says; what of it is wrong has no place.
            let rule = match self.place(place, &name, None) {
                Ok(()) => continue,
                Err(failure) if failure.rule.is_limit() => failure.rule,
                Err(_) => Rule::PropertyNames,
            };
            return Err(Failure::new(rule).below(&**key));
        }
        Ok(())
    }

    pub(super) fn unevaluated_items<'v>(
        &mut self,
        place: PlaceId,
        items: &'v [Value<'_>],
        notes: Notes<'_>,
    ) -> Outcome<'v> {
        let Some(notes) = notes else { return Ok(()) };
        for (index, item) in items.iter().enumerate() {
            if !notes.has(index) {
                self.part(place, item, Rule::UnevaluatedItems).map_err(|failure| failure.at(index))?;
                notes.mark(index);
            }
        }
        Ok(())
    }

    pub(super) fn unevaluated_properties<'v>(
        &mut self,
        place: PlaceId,
        members: &'v [Member<'_>],
        notes: Notes<'_>,
    ) -> Outcome<'v> {
        let Some(notes) = notes else { return Ok(()) };
        for (index, (key, value)) in members.iter().enumerate() {
            if !notes.has(index) {
                let outcome = self.part(place, value, Rule::UnevaluatedProperties);
                outcome.map_err(|failure| failure.below(&**key))?;
                notes.mark(index);
            }
        }
        Ok(())
    }
}

fn note(notes: &mut Notes<'_>, index: usize) {
    if let Some(notes) = notes {
        notes.mark(index);
    }
}
