//! What is said about an answer and about a schema, as text.

use helius_policy::output::{Limits, Schema, Validator};

/// A validator with this schema, which is a good one.
pub(crate) fn validator(schema: &str) -> Validator {
    let schema = Schema::compile(schema).unwrap_or_else(|problems| panic!("{schema}: {problems:?}"));
    Validator { schema: Some(schema), ..Validator::default() }
}

/// `valid`, or the first violation.
pub(crate) fn told(schema: &str, body: &str) -> String {
    told_by(&validator(schema), body)
}

pub(crate) fn told_by(validator: &Validator, body: &str) -> String {
    validator.validate(body.as_bytes()).map_or_else(|violation| violation.to_string(), |()| "valid".to_owned())
}

/// The same, with other limits.
pub(crate) fn told_within(limits: Limits, schema: &str, body: &str) -> String {
    told_by(&Validator { limits, ..validator(schema) }, body)
}

/// Everything that is wrong with a schema.
pub(crate) fn refused(schema: &str) -> Vec<String> {
    let problems = Schema::compile(schema).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}
