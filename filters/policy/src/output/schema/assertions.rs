//! Keywords that judge a value by itself: the vocabulary "validation".

use super::keyword::{Keyword, Keywords, Types};
use super::pattern::Pattern;
use super::site::Site;
use crate::output::json::{Decimal, Divisor, Value};

/// Most steps of all patterns together: a step is about 50 bytes in every worker. What is beyond is refused as a whole,
/// so it need not be read.
pub(super) const MAX_PATTERNS: usize = 20_000;

/// The keyword with this value.
type Of<T> = fn(T) -> Keyword;

/// Keywords whose value is a number.
const BOUNDS: [(&str, Of<String>); 4] = [
    ("maximum", Keyword::Maximum),
    ("exclusiveMaximum", Keyword::ExclusiveMaximum),
    ("minimum", Keyword::Minimum),
    ("exclusiveMinimum", Keyword::ExclusiveMinimum),
];

/// Keywords whose value is a count.
const COUNTS: [(&str, Of<usize>); 6] = [
    ("maxLength", Keyword::MaxLength),
    ("minLength", Keyword::MinLength),
    ("maxItems", Keyword::MaxItems),
    ("minItems", Keyword::MinItems),
    ("maxProperties", Keyword::MaxProperties),
    ("minProperties", Keyword::MinProperties),
];

/// Reads them, in the order in which they are judged.
pub(super) fn read(site: &mut Site<'_, '_>, keywords: &mut Keywords, pattern_weight: &mut usize) {
    keywords.push(types(site));
    keywords.push(site.take("const").map(|value| Keyword::Const(value.to_static())));
    keywords.push(enumeration(site));
    keywords.push(multiple_of(site));
    for (keyword, of) in BOUNDS {
        keywords.push(site.number(keyword).map(|bound| of(bound.to_owned())));
    }
    for (keyword, of) in COUNTS {
        keywords.push(site.count(keyword).map(of));
    }
    if let Some(text) = site.text("pattern") {
        keywords.push(pattern(site, "pattern", text, pattern_weight).map(|it| Keyword::Pattern(Box::new(it))));
    }
    keywords.push(site.boolean("uniqueItems").filter(|is_on| *is_on).map(|_| Keyword::UniqueItems));
    let required = site.take("required").and_then(|list| site.keys("required", list));
    keywords.push(required.map(Keyword::Required));
    keywords.push(dependent_required(site));
}

fn types(site: &mut Site<'_, '_>) -> Option<Keyword> {
    let value = site.take("type")?;
    let names = if let Value::List(names) = value { names.as_slice() } else { std::slice::from_ref(value) };
    let hint = "write null, boolean, integer, number, string, array or object, or a list of them";
    let mut types = Types::NONE;
    for name in names {
        match name {
            Value::Text(name) if Types::named(name).is_some() => types = types.and(Types::named(name)?),
            _ => return site.refuse("type", "is not a type", hint),
        }
    }
    if names.is_empty() { site.refuse("type", "is an empty list", hint) } else { Some(Keyword::Type(types)) }
}

fn enumeration(site: &mut Site<'_, '_>) -> Option<Keyword> {
    let values = site.list("enum", "write a list of values")?;
    Some(Keyword::Enum(values.iter().map(Value::to_static).collect()))
}

fn multiple_of(site: &mut Site<'_, '_>) -> Option<Keyword> {
    let number = site.number("multipleOf")?;
    let hint = format!("write a number above 0 of at most {} digits, such as 0.01", Divisor::DIGITS);
    let divisor = Divisor::of(Decimal::of(number));
    divisor
        .or_else(|| site.refuse("multipleOf", "is not above 0, or has too many digits", &hint))
        .map(Keyword::MultipleOf)
}

/// A pattern that stands at a keyword; what is wrong with it is told there.
pub(super) fn pattern(site: &mut Site<'_, '_>, keyword: &str, text: &str, weight: &mut usize) -> Option<Pattern> {
    if *weight > MAX_PATTERNS {
        return None;
    }
    match Pattern::compile(text) {
        Ok(pattern) => {
            *weight = weight.saturating_add(pattern.weight);
            Some(pattern)
        }
        Err(rule) => site.refuse(
            keyword,
            &rule,
            "write a regular expression of ECMA-262 that needs no memory, such as ^[a-z0-9-]+$",
        ),
    }
}

fn dependent_required(site: &mut Site<'_, '_>) -> Option<Keyword> {
    let members = site.map("dependentRequired", "write keys with lists of keys")?;
    let read = |(key, list): &(_, Value<'_>)| {
        Some((String::from(AsRef::<str>::as_ref(key)), site.keys("dependentRequired", list)?))
    };
    let dependents: Option<Vec<_>> = members.iter().map(read).collect();
    dependents.map(Keyword::DependentRequired)
}
