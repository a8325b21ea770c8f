//! JSON Schema, draft 2020-12: what an answer has to look like, as Pydantic's `model_json_schema()` and other tools
//! print it.
//!
//! * `site` and `compile` read a document into numbered places (`keyword`), with `assertions` and `applicators`;
//!   `references` and `uri` say where a `$ref` leads, `cycles` that it comes to an end.
//! * `evaluate` judges a value, with `parts` for items and members, and `in_place` for schemas of the same value;
//!   `evaluated` keeps what has been looked at.
//! * `pattern` translates regular expressions.
//!
//! | keywords | |
//! |---|---|
//! | `$id` `$anchor` `$ref` `$defs` `definitions` `$schema` | references within the document |
//! | `type` `enum` `const` | |
//! | `multipleOf` `maximum` `exclusiveMaximum` `minimum` `exclusiveMinimum` | exact: numbers are compared in decimal, as they are written |
//! | `maxLength` `minLength` `pattern` | in code points; ECMA-262, in linear time |
//! | `maxItems` `minItems` `uniqueItems` `prefixItems` `items` `contains` `maxContains` `minContains` | |
//! | `maxProperties` `minProperties` `required` `dependentRequired` `properties` `patternProperties` `additionalProperties` `propertyNames` | |
//! | `allOf` `anyOf` `oneOf` `not` `if` `then` `else` `dependentSchemas` | |
//! | `unevaluatedItems` `unevaluatedProperties` | |
//! | `title` `description` `default` `examples` `deprecated` `readOnly` `writeOnly` `$comment` `$vocabulary` `contentEncoding` `contentMediaType` `contentSchema` | notes, which judge nothing |
//! | `format` | a note: the draft has it so, and Pydantic's formats were checked by whoever wrote the answer |
//! | `discriminator` `example` `externalDocs` `xml` | notes of `OpenAPI`; Pydantic writes the first beside a `oneOf` that says the same |
//! | `x-...` | notes of anybody |
//!
//! Everything else is refused, by name and with its place, when the document is read:
//!
//! | refused | why |
//! |---|---|
//! | `$dynamicRef` `$dynamicAnchor` | they are for schemas that others extend; an answer has one |
//! | a `$ref` out of the document, the meta-schema's included | nothing is fetched |
//! | a `$ref` to where no schema stands, such as into an `examples` | it has no keywords there |
//! | another `$schema`, and keywords of other drafts (`additionalItems`, `dependencies`, `id`, `$recursiveRef`, `items` with a list) | they mean something else, or nothing |
//! | any other keyword | a rule with a slip of the pen would be no rule; a note can begin with `x-` |
//! | schemas that apply themselves to the same value, or a chain of more than 64 | no answer would be judged |
//! | in patterns: what `pattern` lists | it takes more than linear time, or tables of Unicode |
//! | `multipleOf` with more than 18 digits | a remainder is kept in 64 bits |
//! | more than 256 KiB of text, 100 levels, 4096 schemas, a pointer of 1 KiB to one, or patterns of 2000 steps each and 20 000 together | every worker keeps it |

mod applicators;
mod assertions;
mod compile;
mod cycles;
mod evaluate;
mod evaluated;
mod in_place;
mod keyword;
mod parts;
mod pattern;
mod problem;
mod references;
mod site;
mod uri;

use crate::output::json::Value;
use crate::output::violation::Failure;
use evaluate::Judgement;
use keyword::{Keyword, Place, PlaceId};

pub use problem::SchemaProblem;

/// A schema, ready to judge.
#[derive(Debug)]
pub struct Schema {
    places: Vec<Place>,
    /// The place that each reference leads to.
    refs: Vec<PlaceId>,
    root: PlaceId,
}

impl Schema {
    /// Reads a document, or says everything that is wrong with it.
    pub fn compile(text: &str) -> Result<Self, Vec<SchemaProblem>> {
        compile::compile(text)
    }

    /// The schema that a place stands for, if it does nothing but refer to another. There is an end to that: who would
    /// refer to himself has been refused.
    fn target(&self, id: PlaceId) -> Option<&Place> {
        let mut place = self.places.get(id)?;
        while let [Keyword::Ref(number)] = place.keywords.as_slice() {
            place = self.places.get(*self.refs.get(*number)?)?;
        }
        Some(place)
    }

    /// Judges a value in at most as many steps.
    pub(super) fn judge<'v>(&self, value: &'v Value<'_>, steps: usize) -> Result<(), Failure<'v>> {
        Judgement::new(self, steps).place(self.root, value, None)
    }
}
