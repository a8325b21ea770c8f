//! From a document to places: every schema in it gets a number, and references are resolved when all have one.

use super::keyword::{Keyword, Keywords, Place, PlaceId};
use super::problem::SchemaProblem;
use super::references::Names;
use super::site::{Site, document};
use super::{Schema, assertions, cycles};
use crate::output::json::Value;

/// Longest document, in bytes.
const MAX_TEXT: usize = 256 * 1024;

/// Most schemas in a document.
const MAX_PLACES: usize = 4_096;

/// Longest pointer to a schema, in bytes: each is kept while the document is read.
const MAX_POINTER: usize = 1_024;

/// Most problems that are told at once.
const MAX_PROBLEMS: usize = 100;

/// The only dialect, which `$schema` may name.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Reads the document, or says everything that is wrong with it.
pub(super) fn compile(text: &str) -> Result<Schema, Vec<SchemaProblem>> {
    if text.len() > MAX_TEXT {
        return Err(vec![of_document("is longer than 256 KiB", "write a smaller one")]);
    }
    let document = document(text).map_err(|problem| vec![problem])?;
    let mut compiler = Compiler::default();
    let root = compiler.place(&document, String::new(), 0);
    let Compiler { mut places, names, mut problems, pattern_weight, .. } = compiler;
    if places.len() > MAX_PLACES {
        return Err(vec![of_document(&format!("holds more than {MAX_PLACES} schemas"), "write a smaller one")]);
    }
    if pattern_weight > assertions::MAX_PATTERNS {
        let rule = format!("has patterns that expand to more than {} steps together", assertions::MAX_PATTERNS);
        problems.push(of_document(&rule, "write fewer or shorter ones, or maxLength for a bound of the length"));
    }
    let refs = names.resolve(&mut problems);
    if problems.is_empty() {
        problems.extend(cycles::find(&places, &refs, names.pointers()));
    }
    if !problems.is_empty() {
        problems.truncate(MAX_PROBLEMS);
        return Err(problems);
    }
    places.shrink_to_fit();
    Ok(Schema { places, refs, root })
}

fn of_document(rule: &str, hint: &str) -> SchemaProblem {
    SchemaProblem::new("", "", rule, hint)
}

/// What is known of a document so far.
#[derive(Default)]
pub(super) struct Compiler {
    places: Vec<Place>,
    names: Names,
    problems: Vec<SchemaProblem>,
    pub(super) pattern_weight: usize,
    /// The resource that the schema being read belongs to: a document, or a part with an `$id`.
    resource: usize,
}

impl Compiler {
    /// Reads the schema that stands at `pointer`, in this resource, with everything below it.
    pub(super) fn place(&mut self, value: &Value<'_>, pointer: String, resource: usize) -> PlaceId {
        let id = self.places.len();
        self.places.push(Place::default());
        // What is beyond the bound is refused as a whole, so it need not be read.
        if id >= MAX_PLACES {
            return id;
        }
        if pointer.len() > MAX_POINTER {
            let hint = "write shorter keys, or put parts into $defs";
            self.problems.push(SchemaProblem::new(
                &pointer,
                "",
                "stands too deep, or below keys that are too long",
                hint,
            ));
            return id;
        }
        self.names.name(id, pointer.clone());
        let keywords = match value {
            Value::Bool(true) => Vec::new(),
            Value::Bool(false) => vec![Keyword::False],
            Value::Map(members) => {
                let mut site = Site::new(members, pointer);
                let outer = std::mem::replace(&mut self.resource, resource);
                self.identify(&mut site, id);
                let keywords = self.keywords(&mut site);
                self.resource = outer;
                self.problems.extend(site.close());
                keywords
            }
            _ => {
                let mut site = Site::new(&[], pointer);
                site.note("", "is not a schema", "write an object, or true or false");
                self.problems.extend(site.close());
                Vec::new()
            }
        };
        if let Some(place) = self.places.get_mut(id) {
            place.keywords = keywords;
        }
        id
    }

    /// A schema below a keyword of the one being read.
    pub(super) fn below(&mut self, value: &Value<'_>, pointer: String) -> PlaceId {
        self.place(value, pointer, self.resource)
    }

    /// Notes by what names the schema can be referred to.
    fn identify(&mut self, site: &mut Site<'_, '_>, id: PlaceId) {
        if let Some(dialect) = site.text("$schema")
            && dialect.trim_end_matches('#') != DIALECT
        {
            site.note("$schema", "names another dialect than 2020-12", &format!("write {DIALECT}"));
        }
        if let Some(uri) = site.text("$id") {
            match self.names.add_resource(self.resource, uri, id) {
                Ok(resource) => self.resource = resource,
                Err((rule, hint)) => site.note("$id", rule, hint),
            }
        } else if id == 0 {
            self.names.add_root();
        }
        if let Some(name) = site.text("$anchor")
            && let Err((rule, hint)) = self.names.add_anchor(self.resource, name, id)
        {
            site.note("$anchor", rule, hint);
        }
    }

    /// All keywords, in the order in which they are judged.
    fn keywords(&mut self, site: &mut Site<'_, '_>) -> Vec<Keyword> {
        let mut keywords = Keywords::default();
        assertions::read(site, &mut keywords, &mut self.pattern_weight);
        self.definitions(site);
        self.applicators(site, &mut keywords);
        keywords.0
    }

    /// The number of a reference of the schema being read.
    pub(super) fn refer(&mut self, uri: &str, pointer: String) -> usize {
        self.names.add_reference(self.resource, uri, pointer)
    }
}
