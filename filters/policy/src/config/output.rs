//! What an answer has to be: `output`.

use std::sync::Arc;

use super::document::{Node, Value};
use super::scalar;
use super::section::{Cursor, Section};
use crate::circuit_breaker::Eject;
use crate::exchange::Fault;
use crate::output::{Check, Limits, Pointer, Schema, Validator};

/// Longest answer that is judged where the route does not say: well under Envoy's default buffer of 1 MiB.
const DEFAULT_MAX_BODY: usize = 256 << 10;
/// Answers that are judged are held in the VM, whose memory never shrinks.
const LARGEST_MAX_BODY: usize = 1 << 20;
/// A breaker remembers so many calls.
const LONGEST_LOOK_BACK: u32 = 64;

/// Where an answer says how sure it is, unless the route says otherwise.
const CONFIDENCE: &str = "/confidence";

const POINTER: &str = "write a JSON pointer, such as /confidence or /items/0/score";

/// How answers are judged.
#[derive(Clone, Debug)]
pub struct Output {
    validator: Arc<Validator>,
    /// Bytes.
    max_body: usize,
    /// Where an answer says how sure it is, if it is known.
    confidence: Option<Pointer>,
    eject: Option<Eject>,
}

impl Output {
    /// What an answer has to be.
    pub(crate) fn validator(&self) -> &Validator {
        &self.validator
    }

    /// The length of an answer, in bytes, over which it is not what it has to be.
    pub(crate) const fn max_body(&self) -> usize {
        self.max_body
    }

    /// What is wrong with an answer that is configured. That it is not sure is no fault of it.
    pub(super) fn judge_fixed(&self, body: &[u8]) -> Result<(), Fault> {
        if body.len() > self.max_body {
            return Err(Fault::TooLong);
        }
        self.validator.validate_unsure(body).map_err(Fault::Violation)
    }

    /// The place where an answer says that it is sure of something, if it does.
    pub(super) fn claimed_confidence(&self, body: &[u8]) -> Option<String> {
        let place = self.confidence.as_ref()?;
        self.validator.is_sure(body, place).then(|| place.to_string())
    }

    /// When a region is left alone for its invalid output.
    pub(super) const fn eject(&self) -> Option<Eject> {
        self.eject
    }
}

pub(super) fn read(at: &mut Cursor<'_, '_>) -> Option<Output> {
    let mut section = at.section("write a section such as { schema: { … }, max_body: 256KiB }")?;
    let schema = section.optional("schema", |at| Some((schema(at)?, has_confidence(at.node))));
    let max_body = section.optional("max_body", |at| match scalar::size(at, LARGEST_MAX_BODY)? {
        0 => at.refuse("lets no answer be valid", "write at least 1B"),
        size => Some(size),
    });
    let checks = checks(&mut section);
    let eject = section.optional("eject", eject);
    section.close();
    let (schema, has_confidence) = schema?.unzip();
    let checks = checks?;
    if schema.is_none() && checks.is_empty() {
        return at.refuse(
            "says nothing about the answer",
            "write a schema, or one of min_confidence, finite_numbers, non_empty and unique_ids",
        );
    }
    let told = checks.iter().find_map(|check| match check {
        Check::MinConfidence { pointer, .. } => Some(pointer.clone()),
        _ => None,
    });
    let by_schema = has_confidence.unwrap_or(false).then(|| Pointer::parse(CONFIDENCE)).flatten();
    let confidence = told.or(by_schema);
    let validator = Validator { schema, checks, limits: Limits::default() };
    Some(Output {
        validator: Arc::new(validator),
        max_body: max_body?.unwrap_or(DEFAULT_MAX_BODY),
        confidence,
        eject: eject?,
    })
}

/// Whether a schema has a place for how sure an answer is, at the top.
fn has_confidence(schema: &Node) -> bool {
    let key = |node: &Node, key: &str| match &node.value {
        Value::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, node)| node.clone()),
        _ => None,
    };
    key(schema, "properties").is_some_and(|properties| key(&properties, "confidence").is_some())
}

/// All that is wrong with a schema is a problem of its own, at its place.
fn schema(at: &mut Cursor<'_, '_>) -> Option<Schema> {
    let text = serde_json::to_string(at.node).unwrap_or_default();
    match Schema::compile(&text) {
        Ok(schema) => Some(schema),
        Err(problems) => {
            for problem in problems {
                let place = [problem.pointer.as_str(), problem.keyword.as_str()].join("/");
                at.refuse_at(place.trim_end_matches('/'), problem.rule, problem.hint);
            }
            None
        }
    }
}

/// In the order in which they are looked at.
fn checks(section: &mut Section<'_, '_>) -> Option<Vec<Check>> {
    let confidence = section.optional("min_confidence", |at| {
        let mut section = at.section("write a section such as { pointer: /confidence, bound: 0.5 }")?;
        let pointer = section.required("pointer", POINTER, pointer);
        let bound = section.required("bound", "write the least confidence, such as 0.5", |at| scalar::number(at));
        section.close();
        Some(Check::MinConfidence { pointer: pointer?, bound: bound? })
    });
    let finite = section
        .optional("finite_numbers", |at| scalar::boolean(at))
        .map(|wanted| wanted.unwrap_or(false).then_some(Check::FiniteNumbers));
    let non_empty = section.optional("non_empty", |at| pointer(at).map(|pointer| Check::NonEmpty { pointer }));
    let unique = section.optional("unique_ids", |at| {
        let mut section = at.section("write a section such as { list: /items, key: id }")?;
        let list = section.required("list", POINTER, pointer);
        let key = section.required("key", "write the key of each item, such as id", |at| {
            at.text("write the key of each item, such as id").map(str::to_owned)
        });
        section.close();
        Some(Check::UniqueIds { list: list?, key: key? })
    });
    Some([confidence?, finite?, non_empty?, unique?].into_iter().flatten().collect())
}

fn pointer(at: &mut Cursor<'_, '_>) -> Option<Pointer> {
    let text = at.text(POINTER)?;
    let pointer = Pointer::parse(text);
    if pointer.is_some() { pointer } else { at.refuse("is no JSON pointer", POINTER) }
}

fn eject(at: &mut Cursor<'_, '_>) -> Option<Eject> {
    let default = Eject::default();
    let mut section = at.section("write a section such as { invalid: 5, of: 20 }")?;
    let of = section.optional("of", |at| scalar::count(at, 1, LONGEST_LOOK_BACK, "a number of answers"));
    let most = of.flatten().unwrap_or(default.of);
    let invalid = section.optional("invalid", |at| scalar::count(at, 1, most, "a number of answers"));
    section.close();
    let (of, invalid) = (of?.unwrap_or(default.of), invalid?);
    // So many of so many, and nothing besides: a share of the window would eject for fewer than were asked for.
    Some(Eject { invalid: invalid.unwrap_or(default.invalid.min(of)), of, rate: 1.0, min_requests: u32::MAX })
}
