//! Two readers of JSON Schema, ours and another, say the same about any value and any schema.
//!
//! `CASES` is how many pairs are judged, and `SEED` with which they begin; a difference is told with the seed that
//! repeats it.

use helius_policy::output::{Limits, Schema, SchemaProblem, Validator};

use serde_json::{Number, Value};

use crate::generated;

/// Values for each schema.
const VALUES: u64 = 10;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// The only thing that is wrong with some of the schemas.
fn is_endless(problems: &[SchemaProblem]) -> bool {
    problems.iter().all(|problem| problem.rule.contains("to the same value"))
}

/// All parts of a value that `take` takes.
fn parts<'v, T>(value: &'v Value, take: &impl Fn(Option<&str>, &'v Value) -> Option<T>) -> Vec<T> {
    let of_part =
        |key: Option<&str>, part: &'v Value| take(key, part).into_iter().chain(parts(part, take)).collect::<Vec<_>>();
    match value {
        Value::Array(items) => items.iter().flat_map(|item| of_part(None, item)).collect(),
        Value::Object(members) => members.iter().flat_map(|(key, member)| of_part(Some(key), member)).collect(),
        _ => Vec::new(),
    }
}

/// Where the other is wrong: it asks a float of the number whether it is a multiple of a fraction, and a float of a
/// number above 2 to the power of 53 is another number.
fn is_known(document: &Value, value: &Value) -> bool {
    let is_fraction = |number: &Number| number.as_f64().is_some_and(|it| it.fract() != 0.0);
    let is_large = |number: &Number| number.as_f64().is_some_and(|it| it.abs() >= 9_007_199_254_740_992.0);
    let divisors = parts(document, &|key, part| part.as_number().filter(|_| key == Some("multipleOf")));
    let numbers = parts(value, &|_, part| part.as_number()).into_iter().chain(value.as_number());
    divisors.into_iter().any(is_fraction) && numbers.into_iter().any(is_large)
}

#[test]
fn two_readers_say_the_same_about_any_value() {
    let (first, schemas) = (setting("SEED", 1), setting("CASES", 40_000) / VALUES);
    let (mut valid, mut judged, mut endless, mut known) = (0, 0, 0, 0);
    for seed in first..first + schemas {
        let mut rng = fastrand::Rng::with_seed(seed);
        let document = generated::document(&mut rng);
        let ours = match Schema::compile(&document.to_string()) {
            Ok(schema) => Validator {
                schema: Some(schema),
                limits: Limits { steps: usize::MAX, ..Limits::default() },
                ..Validator::default()
            },
            Err(problems) => {
                assert!(is_endless(&problems), "SEED={seed}: {document} is refused: {problems:?}");
                endless += 1;
                continue;
            }
        };
        let theirs = jsonschema::draft202012::options().should_validate_formats(false).build(&document);
        let theirs = theirs.unwrap_or_else(|error| panic!("SEED={seed}: {document}: {error}"));
        for _ in 0..VALUES {
            let value = generated::value(&mut rng, 3);
            let outcome = ours.validate(value.to_string().as_bytes());
            let expected = theirs.is_valid(&value);
            if outcome.is_ok() != expected && is_known(&document, &value) {
                known += 1;
                continue;
            }
            assert_eq!(outcome.is_ok(), expected, "SEED={seed}: {document}\n{value}\n{outcome:?}");
            judged += 1;
            valid += u64::from(expected);
        }
    }
    println!(
        "{judged} values judged, {valid} of them valid; {endless} of {schemas} schemas without end; {known} known"
    );
    assert!(judged * 2 > schemas * VALUES && (judged / 5..judged * 4 / 5).contains(&valid), "the pairs say little");
}

/// 18446744073709551615 is 1.5 times 12297829382473034410.
#[test]
fn the_other_is_wrong_where_it_is_left_out() {
    let (document, value) = (serde_json::json!({ "multipleOf": 1.5 }), serde_json::json!(u64::MAX));
    assert!(is_known(&document, &value));
    assert!(!jsonschema::draft202012::is_valid(&document, &value));
    assert_eq!(crate::told::told(&document.to_string(), &value.to_string()), "valid");
}
