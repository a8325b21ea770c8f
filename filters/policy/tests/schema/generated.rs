//! Schemas and values as nobody would write them: every keyword, beside and below every other.

use fastrand::Rng;
use serde_json::{Map, Value, json};

const KEYS: [&str; 5] = ["a", "b", "c", "ab", "é"];

const TEXTS: [&str; 12] = ["", "a", "b", "ab", "aab", "1", "a1", "é", "😀😀", " ", "a\nb", "\u{a0}"];

const PATTERNS: [&str; 15] = [
    "^a",
    "b$",
    "a+b?",
    "^[ab]{1,2}$",
    r"\d",
    r"^\w+$",
    "^.$",
    "[^a]",
    "é",
    "^(a|b)*$",
    r"\s",
    r"^\S*$",
    r"\W",
    "^$",
    r"^\u0061",
];

const NUMBERS: [&str; 20] = [
    "0",
    "1",
    "2",
    "3",
    "-1",
    "1.0",
    "0.5",
    "1.5",
    "-0.5",
    "0.1",
    "0.3",
    "0.0075",
    "4",
    "10",
    "1e3",
    "12.25",
    "9007199254740993",
    "18446744073709551615",
    "1e20",
    "-9223372036854775808",
];

const DIVISORS: [&str; 10] = ["1", "2", "3", "0.5", "0.1", "0.01", "0.0001", "1.5", "7", "1e2"];

const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];

/// From anywhere, because what stands behind the # is resolved in the document that the reference stands in.
const REFERENCES: [&str; 5] = ["root.json#/$defs/d0", "one.json", "/root.json#two", "root.json#/$defs/d2", "root.json"];

/// How many schemas a document has below `$defs`.
const DEFINITIONS: usize = 3;

fn pick<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())]
}

fn number(rng: &mut Rng, of: &[&str]) -> Value {
    serde_json::from_str(pick(rng, of)).unwrap()
}

fn some<T>(rng: &mut Rng, least: usize, mut one: impl FnMut(&mut Rng) -> T) -> Vec<T> {
    (0..rng.usize(least..least + 3)).map(|_| one(rng)).collect()
}

fn keys(rng: &mut Rng) -> Value {
    let mut keys = some(rng, 0, |rng| pick(rng, &KEYS).to_owned());
    keys.sort();
    keys.dedup();
    json!(keys)
}

/// A value with at most as many levels below it.
pub(crate) fn value(rng: &mut Rng, levels: usize) -> Value {
    match rng.usize(..if levels == 0 { 6 } else { 12 }) {
        0 => Value::Null,
        1 => Value::Bool(rng.bool()),
        2 | 3 => number(rng, &NUMBERS),
        4 | 5 => json!(pick(rng, &TEXTS)),
        6..=8 => (0..rng.usize(..5)).map(|_| value(rng, levels - 1)).collect(),
        _ => {
            Value::Object((0..rng.usize(..5)).map(|_| (pick(rng, &KEYS).to_owned(), value(rng, levels - 1))).collect())
        }
    }
}

/// A whole document.
pub(crate) fn document(rng: &mut Rng) -> Value {
    let mut document = object(rng, 3);
    let definitions = (0..DEFINITIONS).map(|number| {
        let mut definition = object(rng, 2);
        // The last has a name of its own, and the one before is a document within the document.
        match number {
            1 => drop(definition.insert("$id".to_owned(), json!("http://example.com/one.json"))),
            2 => drop(definition.insert("$anchor".to_owned(), json!("two"))),
            _ => {}
        }
        (format!("d{number}"), Value::Object(definition))
    });
    let definitions: Map<_, _> = definitions.collect();
    document.insert("$defs".to_owned(), Value::Object(definitions));
    document.insert("$id".to_owned(), json!("http://example.com/root.json"));
    Value::Object(document)
}

/// A schema that has keywords.
fn object(rng: &mut Rng, levels: usize) -> Map<String, Value> {
    match schema(rng, levels) {
        Value::Object(keywords) => keywords,
        other => Map::from_iter([("allOf".to_owned(), json!([other]))]),
    }
}

fn schemas(rng: &mut Rng, levels: usize) -> Value {
    Value::Array(some(rng, 1, |rng| schema(rng, levels)))
}

fn by(rng: &mut Rng, names: &[&str], levels: usize) -> Value {
    Value::Object(some(rng, 0, |rng| (pick(rng, names).to_owned(), schema(rng, levels))).into_iter().collect())
}

fn schema(rng: &mut Rng, levels: usize) -> Value {
    if levels == 0 || rng.u8(..10) == 0 {
        return match rng.u8(..8) {
            0 => json!(false),
            1..=3 => json!(true),
            _ => json!({ "type": pick(rng, &TYPES) }),
        };
    }
    (0..rng.usize(1..5)).flat_map(|_| keyword(rng, levels - 1)).collect::<Map<_, _>>().into()
}

/// A keyword, or a few that belong together.
fn keyword(rng: &mut Rng, levels: usize) -> Vec<(String, Value)> {
    let bound = |rng: &mut Rng| json!(rng.usize(..4));
    let one = |keyword: &str, value: Value| vec![(keyword.to_owned(), value)];
    match rng.u8(..34) {
        0 => one("type", json!(pick(rng, &TYPES))),
        1 => one("type", json!([TYPES[rng.usize(..4)], TYPES[rng.usize(4..7)]])),
        2 => one("const", value(rng, 2)),
        3 => one("enum", Value::Array(some(rng, 1, |rng| value(rng, 2)))),
        4 => one("multipleOf", number(rng, &DIVISORS)),
        5 => one("maximum", number(rng, &NUMBERS)),
        6 => one("exclusiveMaximum", number(rng, &NUMBERS)),
        7 => one("minimum", number(rng, &NUMBERS)),
        8 => one("exclusiveMinimum", number(rng, &NUMBERS)),
        9 => one("maxLength", bound(rng)),
        10 => one("minLength", bound(rng)),
        11 => one("pattern", json!(pick(rng, &PATTERNS))),
        12 => one("maxItems", bound(rng)),
        13 => one("minItems", bound(rng)),
        14 => one("uniqueItems", json!(rng.bool())),
        15 => one("prefixItems", schemas(rng, levels)),
        16 => one("items", schema(rng, levels)),
        17 => {
            let mut all = one("contains", schema(rng, levels));
            all.extend(rng.bool().then(|| ("minContains".to_owned(), bound(rng))));
            all.extend(rng.bool().then(|| ("maxContains".to_owned(), bound(rng))));
            all
        }
        18 => one("maxProperties", bound(rng)),
        19 => one("minProperties", bound(rng)),
        20 => one("required", keys(rng)),
        21 => one("dependentRequired", Value::Object([(pick(rng, &KEYS).to_owned(), keys(rng))].into_iter().collect())),
        22 => one("properties", by(rng, &KEYS, levels)),
        23 => one("patternProperties", by(rng, &PATTERNS, levels)),
        24 => one("additionalProperties", schema(rng, levels)),
        25 => one("propertyNames", schema(rng, levels)),
        26 => one(pick(rng, &["allOf", "anyOf", "oneOf"]), schemas(rng, levels)),
        27 => one("not", schema(rng, levels)),
        28 => {
            let all = ["if", "then", "else"].map(|keyword| (keyword.to_owned(), schema(rng, levels)));
            all.into_iter().filter(|_| rng.u8(..4) > 0).collect()
        }
        29 => one("dependentSchemas", by(rng, &KEYS, levels)),
        30 => one("unevaluatedItems", schema(rng, levels)),
        31 => one("unevaluatedProperties", schema(rng, levels)),
        32 => one("$ref", json!(pick(rng, &REFERENCES))),
        _ => one("format", json!("uuid")),
    }
}
