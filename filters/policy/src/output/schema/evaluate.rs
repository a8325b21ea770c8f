//! A value judged by a schema, in a bounded number of steps.
//!
//! A step is about one keyword or one member looked at. Whoever spends the last one stops the whole judgement, and so
//! does whoever is called too deep: no alternative is tried after that.

use super::Schema;
use super::evaluated::Evaluated;
use super::keyword::{Keyword, Place, PlaceId, Types};
use super::pattern::Pattern;
use crate::output::json::{Decimal, Value, weight_of};
use crate::output::violation::{Failure, Rule};

/// Most calls within each other, a call for each schema that is being judged: each takes stack.
const MAX_CALLS: usize = 256;

/// How much of a pattern's work, its steps times the bytes of the text, is one step of ours: one takes about a nanosecond.
const PATTERN_STEP: usize = 32;

pub(super) type Outcome<'v> = Result<(), Failure<'v>>;

/// One judgement.
pub(super) struct Judgement<'s> {
    pub(super) schema: &'s Schema,
    steps: usize,
    calls: usize,
}

/// What takes notes of what has been looked at, if somebody asks.
pub(super) type Notes<'n> = Option<&'n mut Evaluated>;

pub(super) const fn when<'v>(holds: bool, rule: Rule) -> Outcome<'v> {
    if holds { Ok(()) } else { Err(Failure::new(rule)) }
}

impl<'s> Judgement<'s> {
    pub(super) const fn new(schema: &'s Schema, steps: usize) -> Self {
        Self { schema, steps, calls: MAX_CALLS }
    }

    pub(super) fn spend<'v>(&mut self, steps: usize) -> Outcome<'v> {
        let left = self.steps.checked_sub(steps);
        self.steps = left.unwrap_or(0);
        when(left.is_some(), Rule::TooCostly)
    }

    /// Judges a value by the schema at a place, and notes what of it has been looked at if it holds.
    pub(super) fn place<'v>(&mut self, id: PlaceId, value: &'v Value<'_>, notes: Notes<'_>) -> Outcome<'v> {
        let Some(place) = self.schema.target(id) else { return Ok(()) };
        self.spend(place.keywords.len().saturating_add(1))?;
        let Some(calls) = self.calls.checked_sub(1) else { return Err(Failure::new(Rule::TooDeep)) };
        self.calls = calls;
        let outcome = if notes.is_some() || place.asks_what_is_evaluated() {
            self.with_notes(place, value, notes)
        } else {
            place.keywords.iter().try_for_each(|keyword| self.keyword(keyword, value, None))
        };
        self.calls = calls.saturating_add(1);
        outcome
    }

    /// Takes notes of its own, because only those of a schema that holds count, and because a schema does not see what
    /// others have looked at beside it.
    fn with_notes<'v>(&mut self, place: &'s Place, value: &'v Value<'_>, notes: Notes<'_>) -> Outcome<'v> {
        self.spend(value.len())?;
        let mut own = Evaluated::none_of(value.len());
        for keyword in &place.keywords {
            self.keyword(keyword, value, Some(&mut own))?;
        }
        if let Some(notes) = notes {
            notes.add(&own);
        }
        Ok(())
    }

    /// Judges a part of a value; a schema that is `false` is told by the keyword that it stands at.
    pub(super) fn part<'v>(&mut self, id: PlaceId, value: &'v Value<'_>, rule: Rule) -> Outcome<'v> {
        if self.schema.target(id).is_some_and(Place::is_false) {
            return Err(Failure::new(rule));
        }
        self.place(id, value, None)
    }

    /// What a schema breaks, if it does not hold. An error is the end of all.
    pub(super) fn broken<'v>(
        &mut self,
        id: PlaceId,
        value: &'v Value<'_>,
        notes: Notes<'_>,
    ) -> Result<Option<Failure<'v>>, Failure<'v>> {
        match self.place(id, value, notes) {
            Ok(()) => Ok(None),
            Err(failure) if failure.rule.is_limit() => Err(failure),
            Err(failure) => Ok(Some(failure)),
        }
    }

    /// A keyword that is about values of another kind holds.
    fn keyword<'v>(&mut self, keyword: &'s Keyword, value: &'v Value<'_>, notes: Notes<'_>) -> Outcome<'v> {
        let number = |text| Decimal::of(text);
        match (keyword, value) {
            (Keyword::False, _) => Err(Failure::new(Rule::False)),
            (Keyword::Type(types), _) => when(types.contains(type_of(value)), Rule::Type),
            (Keyword::Const(it), _) => self.is_one_of(std::slice::from_ref(it), value, Rule::Const),
            (Keyword::Enum(values), _) => self.is_one_of(values, value, Rule::Enum),
            (Keyword::MultipleOf(it), Value::Number(text)) => when(it.divides(number(text)), Rule::MultipleOf),
            (Keyword::Maximum(it), Value::Number(text)) => {
                when(number(text).compare(number(it)).is_le(), Rule::Maximum)
            }
            (Keyword::ExclusiveMaximum(it), Value::Number(text)) => {
                when(number(text).compare(number(it)).is_lt(), Rule::ExclusiveMaximum)
            }
            (Keyword::Minimum(it), Value::Number(text)) => {
                when(number(text).compare(number(it)).is_ge(), Rule::Minimum)
            }
            (Keyword::ExclusiveMinimum(it), Value::Number(text)) => {
                when(number(text).compare(number(it)).is_gt(), Rule::ExclusiveMinimum)
            }
            (Keyword::MaxLength(max), Value::Text(text)) => when(self.length(text)? <= *max, Rule::MaxLength),
            (Keyword::MinLength(min), Value::Text(text)) => when(self.length(text)? >= *min, Rule::MinLength),
            (Keyword::Pattern(pattern), Value::Text(text)) => when(self.matches(pattern, text)?, Rule::Pattern),
            (Keyword::MaxItems(max), Value::List(items)) => when(items.len() <= *max, Rule::MaxItems),
            (Keyword::MinItems(min), Value::List(items)) => when(items.len() >= *min, Rule::MinItems),
            (Keyword::UniqueItems, Value::List(items)) => self.unique(items),
            (Keyword::Items { prefix, rest }, Value::List(items)) => self.items(prefix, *rest, items, notes),
            (Keyword::Contains(it), Value::List(items)) => self.contains(it, items, notes),
            (Keyword::MaxProperties(max), Value::Map(members)) => when(members.len() <= *max, Rule::MaxProperties),
            (Keyword::MinProperties(min), Value::Map(members)) => when(members.len() >= *min, Rule::MinProperties),
            (Keyword::Required(keys), Value::Map(_)) => self.has_all(keys, value, Rule::Required),
            (Keyword::DependentRequired(it), Value::Map(_)) => self.dependent_required(it, value),
            (Keyword::Properties(it), Value::Map(members)) => self.properties(it, members, notes),
            (Keyword::PropertyNames(place), Value::Map(members)) => self.property_names(*place, members),
            (Keyword::DependentSchemas(it), Value::Map(_)) => self.dependent_schemas(it, value, notes),
            (Keyword::UnevaluatedItems(place), Value::List(items)) => self.unevaluated_items(*place, items, notes),
            (Keyword::UnevaluatedProperties(place), Value::Map(members)) => {
                self.unevaluated_properties(*place, members, notes)
            }
            (Keyword::Ref(number), _) => self.reference(*number, value, notes),
            (Keyword::AllOf(places), _) => self.all_of(places, value, notes),
            (Keyword::AnyOf(places), _) => self.any_of(places, value, notes),
            (Keyword::OneOf(places), _) => self.one_of(places, value, notes),
            (Keyword::Not(place), _) => when(self.broken(*place, value, None)?.is_some(), Rule::Not),
            (Keyword::If(condition), _) => self.condition(condition, value, notes),
            _ => Ok(()),
        }
    }

    fn is_one_of<'v>(&mut self, values: &[Value<'_>], value: &Value<'_>, rule: Rule) -> Outcome<'v> {
        self.spend(values.iter().fold(0, |sum, it| sum.saturating_add(it.weight())))?;
        when(values.iter().any(|it| value.compare(it).is_eq()), rule)
    }

    /// The length of a text in characters.
    fn length<'v>(&mut self, text: &str) -> Result<usize, Failure<'v>> {
        self.spend(weight_of(text))?;
        Ok(text.chars().count())
    }

    pub(super) fn matches<'v>(&mut self, pattern: &Pattern, text: &str) -> Result<bool, Failure<'v>> {
        let work = pattern.weight.saturating_mul(text.len().saturating_add(1));
        self.spend(work.checked_div(PATTERN_STEP).unwrap_or(work))?;
        Ok(pattern.is_in(text))
    }
}

fn type_of(value: &Value<'_>) -> Types {
    match value {
        Value::Null => Types::NULL,
        Value::Bool(_) => Types::BOOLEAN,
        Value::Number(text) if Decimal::of(text).is_integer() => Types::INTEGER,
        Value::Number(_) => Types::FRACTION,
        Value::Text(_) => Types::STRING,
        Value::List(_) => Types::ARRAY,
        Value::Map(_) => Types::OBJECT,
    }
}
