//! What an answer breaks, and where: never what stands there.

use std::borrow::Cow;
use std::fmt;

/// Longest key that a pointer shows whole, in characters.
const SHOWN_KEY: usize = 64;

/// How long a pointer gets before what is deeper is left out, in bytes.
const SHOWN_POINTER: usize = 256;

macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident = $word:literal,)+) => {
        /// A rule that an answer breaks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Rule {
            $($(#[$doc])* $rule,)+
        }

        impl Rule {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$rule),+];

            /// Its word in logs and metrics: JSON Schema's own where it is a keyword.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$rule => $word,)+
                }
            }
        }
    };
}

rules! {
    /// It is not JSON.
    NotJson = "not_json",
    /// It is the beginning of JSON, and ends too early.
    Truncated = "truncated",
    /// It is not text: bytes that are not UTF-8, or half of a pair of surrogates.
    NotUnicode = "not_unicode",
    /// An object has one key twice, so that it depends on the reader what it says.
    DuplicateKey = "duplicate_key",
    /// A number's exponent has more digits than anybody reads.
    HugeExponent = "huge_exponent",
    /// It is nested deeper than is looked at.
    TooDeep = "too_deep",
    /// It takes more steps to judge than are allowed.
    TooCostly = "too_costly",
    /// The schema `false`, which nothing satisfies.
    False = "false",
    /// `type`.
    Type = "type",
    /// `enum`.
    Enum = "enum",
    /// `const`.
    Const = "const",
    /// `multipleOf`.
    MultipleOf = "multipleOf",
    /// `maximum`.
    Maximum = "maximum",
    /// `exclusiveMaximum`.
    ExclusiveMaximum = "exclusiveMaximum",
    /// `minimum`.
    Minimum = "minimum",
    /// `exclusiveMinimum`.
    ExclusiveMinimum = "exclusiveMinimum",
    /// `maxLength`.
    MaxLength = "maxLength",
    /// `minLength`.
    MinLength = "minLength",
    /// `pattern`.
    Pattern = "pattern",
    /// `maxItems`.
    MaxItems = "maxItems",
    /// `minItems`.
    MinItems = "minItems",
    /// `uniqueItems`.
    UniqueItems = "uniqueItems",
    /// `contains`.
    Contains = "contains",
    /// `maxContains`.
    MaxContains = "maxContains",
    /// `minContains`.
    MinContains = "minContains",
    /// `prefixItems`, where its schema for the place is `false`.
    PrefixItems = "prefixItems",
    /// `items`, where it is `false`.
    Items = "items",
    /// `maxProperties`.
    MaxProperties = "maxProperties",
    /// `minProperties`.
    MinProperties = "minProperties",
    /// `required`.
    Required = "required",
    /// `dependentRequired`.
    DependentRequired = "dependentRequired",
    /// `properties`, where its schema for the key is `false`.
    Properties = "properties",
    /// `patternProperties`, where its schema for the key is `false`.
    PatternProperties = "patternProperties",
    /// `additionalProperties`, where it is `false`.
    AdditionalProperties = "additionalProperties",
    /// `propertyNames`.
    PropertyNames = "propertyNames",
    /// `anyOf`: no alternative fits.
    AnyOf = "anyOf",
    /// `oneOf`: no alternative fits, or more than one does.
    OneOf = "oneOf",
    /// `not`.
    Not = "not",
    /// `unevaluatedItems`, where it is `false`.
    UnevaluatedItems = "unevaluatedItems",
    /// `unevaluatedProperties`, where it is `false`.
    UnevaluatedProperties = "unevaluatedProperties",
    /// The check `min_confidence`.
    MinConfidence = "min_confidence",
    /// The check `finite_numbers`.
    FiniteNumbers = "finite_numbers",
    /// The check `non_empty`.
    NonEmpty = "non_empty",
    /// The check `unique_ids`.
    UniqueIds = "unique_ids",
}

impl Rule {
    /// Whether the answer was given up rather than judged: a limit was met before anything was found wrong with it.
    pub const fn is_limit(self) -> bool {
        matches!(self, Self::HugeExponent | Self::TooDeep | Self::TooCostly)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The first thing that is wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where, as a JSON pointer; empty for the whole answer. Long keys are cut, and control characters replaced,
    /// because keys are the answer's and a pointer goes to a log.
    pub pointer: String,
    /// What it breaks.
    pub rule: Rule,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() { "the whole answer" } else { &self.pointer };
        write!(f, "{place}: {}", self.rule)
    }
}

/// One step from a value into its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step<'v> {
    Key(Cow<'v, str>),
    Index(usize),
}

/// A violation on its way out: each level that it leaves adds its step, so that what is valid pays for no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure<'v> {
    pub(super) rule: Rule,
    /// From the place outwards.
    path: Vec<Step<'v>>,
}

impl<'v> Failure<'v> {
    pub(super) const fn new(rule: Rule) -> Self {
        Self { rule, path: Vec::new() }
    }

    /// The same, seen from the object that has the place below `key`.
    pub(super) fn below(mut self, key: impl Into<Cow<'v, str>>) -> Self {
        self.path.push(Step::Key(key.into()));
        self
    }

    /// The same, seen from the list that has the place as its item `index`.
    pub(super) fn at(mut self, index: usize) -> Self {
        self.path.push(Step::Index(index));
        self
    }

    /// How far below it stands.
    pub(super) fn depth(&self) -> usize {
        self.path.len()
    }
}

impl From<Rule> for Failure<'_> {
    fn from(rule: Rule) -> Self {
        Self::new(rule)
    }
}

impl From<Failure<'_>> for Violation {
    fn from(failure: Failure<'_>) -> Self {
        let mut pointer = String::new();
        for step in failure.path.iter().rev() {
            if pointer.len() > SHOWN_POINTER {
                pointer.push_str("/…");
                break;
            }
            match step {
                Step::Key(key) => add_step(key, SHOWN_KEY, &mut pointer),
                Step::Index(index) => add_step(&index.to_string(), SHOWN_KEY, &mut pointer),
            }
        }
        Self { pointer, rule: failure.rule }
    }
}

/// Adds a key to a JSON pointer. One that is longer than `shown` characters is cut, and if any can be too long, none
/// shows control characters.
pub(super) fn add_step(key: &str, shown: usize, pointer: &mut String) {
    pointer.push('/');
    for (index, c) in key.chars().enumerate() {
        let mut buffer = [0; 4];
        pointer.push_str(match c {
            _ if index >= shown => return pointer.push('…'),
            '~' => "~0",
            '/' => "~1",
            c if shown < usize::MAX && c.is_control() => "\u{fffd}",
            c => c.encode_utf8(&mut buffer),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(failure: Failure<'_>) -> String {
        Violation::from(failure).pointer
    }

    #[test]
    fn a_pointer_leads_from_the_whole_to_the_place() {
        let failure = Failure::new(Rule::Type).at(3).below("score").below("a/b~c");
        let violation = Violation::from(failure);
        assert_eq!(violation.pointer, "/a~1b~0c/score/3");
        assert_eq!(violation.to_string(), "/a~1b~0c/score/3: type");
        assert_eq!(Violation::from(Failure::new(Rule::NotJson)).to_string(), "the whole answer: not_json");
    }

    #[test]
    fn a_pointer_is_fit_for_a_line_of_a_log() {
        assert_eq!(pointer(Failure::new(Rule::Type).below("a\n\u{1b}[31m")), "/a\u{fffd}\u{fffd}[31m");
        assert_eq!(pointer(Failure::new(Rule::Type).below("é".repeat(64))), format!("/{}", "é".repeat(64)));
        assert_eq!(pointer(Failure::new(Rule::Type).below("é".repeat(65))), format!("/{}…", "é".repeat(64)));
        let deep = (0..200).fold(Failure::new(Rule::Type), Failure::at);
        let deep = pointer(deep);
        assert!(deep.len() < 270 && deep.starts_with("/199/198/") && deep.ends_with("/135/…"), "{deep}");
    }

    #[test]
    fn every_rule_has_a_word_of_its_own() {
        for (index, rule) in Rule::ALL.iter().enumerate() {
            assert!(!rule.word().is_empty());
            assert!(Rule::ALL[..index].iter().all(|other| other.word() != rule.word()), "{rule}");
        }
    }
}
