//! A schema as it is kept: a list of places, each with the keywords that stand there.

use super::pattern::Pattern;
use crate::output::json::{Divisor, Value};

/// The number of a place in a document where a schema stands.
pub(super) type PlaceId = usize;

/// The schema at one place.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// In the order in which they are judged: what is cheap first, and what asks what the others have looked at last.
    pub(super) keywords: Vec<Keyword>,
}

impl Place {
    /// Whether nothing satisfies it.
    pub(super) const fn is_false(&self) -> bool {
        matches!(self.keywords.as_slice(), [Keyword::False])
    }

    /// Whether it asks which items or members the others have looked at.
    pub(super) const fn asks_what_is_evaluated(&self) -> bool {
        matches!(self.keywords.as_slice(), [.., Keyword::UnevaluatedItems(_) | Keyword::UnevaluatedProperties(_)])
    }
}

/// One keyword, or several that are judged together.
#[derive(Debug)]
pub(super) enum Keyword {
    False,
    Type(Types),
    Const(Value<'static>),
    Enum(Vec<Value<'static>>),
    MultipleOf(Divisor),
    Maximum(String),
    ExclusiveMaximum(String),
    Minimum(String),
    ExclusiveMinimum(String),
    MaxLength(usize),
    MinLength(usize),
    Pattern(Box<Pattern>),
    MaxItems(usize),
    MinItems(usize),
    UniqueItems,
    /// `prefixItems` and `items`.
    Items {
        prefix: Vec<PlaceId>,
        rest: Option<PlaceId>,
    },
    Contains(Contains),
    MaxProperties(usize),
    MinProperties(usize),
    Required(Vec<String>),
    DependentRequired(Vec<(String, Vec<String>)>),
    Properties(Box<Properties>),
    PropertyNames(PlaceId),
    /// The number of a reference, which says to which place it leads.
    Ref(usize),
    AllOf(Vec<PlaceId>),
    AnyOf(Vec<PlaceId>),
    OneOf(Vec<PlaceId>),
    Not(PlaceId),
    If(Condition),
    DependentSchemas(Vec<(String, PlaceId)>),
    UnevaluatedItems(PlaceId),
    UnevaluatedProperties(PlaceId),
}

impl Keyword {
    /// Shows the places that judge the same value as this keyword's, until one of them is an error.
    pub(super) fn in_place<E>(
        &self,
        refs: &[PlaceId],
        visit: &mut dyn FnMut(PlaceId) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Ref(number) => refs.get(*number).copied().map_or(Ok(()), visit),
            Self::AllOf(places) | Self::AnyOf(places) | Self::OneOf(places) => {
                places.iter().copied().try_for_each(visit)
            }
            Self::Not(place) => visit(*place),
            Self::If(it) => {
                visit(it.test)?;
                [it.then, it.otherwise].into_iter().flatten().try_for_each(visit)
            }
            Self::DependentSchemas(places) => places.iter().map(|(_, place)| *place).try_for_each(visit),
            _ => Ok(()),
        }
    }
}

/// The keywords of a place while it is read.
#[derive(Debug, Default)]
pub(super) struct Keywords(pub(super) Vec<Keyword>);

impl Keywords {
    /// Adds one, if there is one.
    pub(super) fn push(&mut self, keyword: Option<Keyword>) {
        self.0.extend(keyword);
    }
}

/// `contains`, `minContains` and `maxContains`.
#[derive(Debug)]
pub(super) struct Contains {
    pub(super) place: PlaceId,
    pub(super) min: Option<usize>,
    pub(super) max: Option<usize>,
}

/// `properties`, `patternProperties` and `additionalProperties`.
#[derive(Debug)]
pub(super) struct Properties {
    /// Sorted by key.
    pub(super) named: Vec<(String, PlaceId)>,
    pub(super) patterns: Vec<(Pattern, PlaceId)>,
    pub(super) additional: Option<PlaceId>,
}

/// `if`, `then` and `else`.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) test: PlaceId,
    pub(super) then: Option<PlaceId>,
    pub(super) otherwise: Option<PlaceId>,
}

/// A set of types, each a bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Types(u8);

impl Types {
    pub(super) const NONE: Self = Self(0);
    pub(super) const NULL: Self = Self(1);
    pub(super) const BOOLEAN: Self = Self(2);
    pub(super) const INTEGER: Self = Self(4);
    /// A number that is not whole, which no schema names by itself.
    pub(super) const FRACTION: Self = Self(8);
    /// Whole numbers are numbers too.
    pub(super) const NUMBER: Self = Self(4 | 8);
    pub(super) const STRING: Self = Self(16);
    pub(super) const ARRAY: Self = Self(32);
    pub(super) const OBJECT: Self = Self(64);

    /// The one with this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::NULL,
            "boolean" => Self::BOOLEAN,
            "integer" => Self::INTEGER,
            "number" => Self::NUMBER,
            "string" => Self::STRING,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            _ => return None,
        })
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}
