//! Where references lead: `$ref` to the place that `$id`, `$anchor` or a JSON pointer names.

use super::keyword::PlaceId;
use super::problem::SchemaProblem;
use super::uri;

/// What is wrong with a name, and what to write instead.
type Refusal = (&'static str, &'static str);

/// The names of all places, and the references by them.
#[derive(Default)]
pub(super) struct Names {
    /// The pointer to each place, by its number; empty for one that nobody refers to because the document is refused.
    pointers: Vec<String>,
    /// The first is the document. A part with an `$id` is a resource of its own.
    resources: Vec<Resource>,
    anchors: Vec<Anchor>,
    /// In the order of their numbers.
    references: Vec<Reference>,
}

struct Resource {
    uri: String,
    place: PlaceId,
}

struct Anchor {
    resource: usize,
    name: String,
    place: PlaceId,
}

struct Reference {
    /// The resource that it stands in, against whose URI it is resolved.
    resource: usize,
    uri: String,
    pointer: String,
}

impl Names {
    /// A place and the pointer to it.
    pub(super) fn name(&mut self, id: PlaceId, pointer: String) {
        self.pointers.resize(id, String::new());
        self.pointers.push(pointer);
    }

    pub(super) fn pointers(&self) -> &[String] {
        &self.pointers
    }

    /// The document has no `$id`.
    pub(super) fn add_root(&mut self) {
        self.resources.push(Resource { uri: String::new(), place: 0 });
    }

    /// A schema with an `$id`, which is resolved against that of the resource that it stands in.
    pub(super) fn add_resource(&mut self, outer: usize, id: &str, place: PlaceId) -> Result<usize, Refusal> {
        let base = self.resources.get(outer).map_or("", |resource| &resource.uri);
        let (id, fragment) = id.split_once('#').unwrap_or((id, ""));
        let uri = uri::resolve(base, id);
        let is_known = self.resources.iter().any(|resource| resource.uri == uri);
        let number = self.resources.len();
        self.resources.push(Resource { uri, place });
        if !fragment.is_empty() {
            return Err(("has a fragment", "write a URI, and $anchor for what would stand behind the #"));
        }
        if is_known { Err(("stands twice", "write a URI of its own for each")) } else { Ok(number) }
    }

    pub(super) fn add_anchor(&mut self, resource: usize, name: &str, place: PlaceId) -> Result<(), Refusal> {
        let is_first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
        let is_rest = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'.') || is_first(byte);
        if !name.as_bytes().first().is_some_and(is_first) || !name.as_bytes().iter().all(is_rest) {
            let hint = "begin with a letter or _, and write letters, digits, -, _ and . behind it";
            return Err(("is not a name", hint));
        }
        if self.anchors.iter().any(|it| it.resource == resource && it.name == name) {
            return Err(("stands twice", "write a name of its own for each"));
        }
        self.anchors.push(Anchor { resource, name: name.to_owned(), place });
        Ok(())
    }

    /// The number of a reference, which leads somewhere once all places are known.
    pub(super) fn add_reference(&mut self, resource: usize, uri: &str, pointer: String) -> usize {
        self.references.push(Reference { resource, uri: uri.to_owned(), pointer });
        self.references.len().saturating_sub(1)
    }

    /// The place that each reference leads to.
    pub(super) fn resolve(&self, problems: &mut Vec<SchemaProblem>) -> Vec<PlaceId> {
        let resolve = |reference: &Reference| match self.place_of(reference) {
            Ok(place) => place,
            Err((rule, hint)) => {
                problems.push(SchemaProblem::new(&reference.pointer, "$ref", &rule, hint));
                0
            }
        };
        self.references.iter().map(resolve).collect()
    }

    fn place_of(&self, reference: &Reference) -> Result<PlaceId, (String, &'static str)> {
        let base = self.resources.get(reference.resource).map_or("", |resource| &resource.uri);
        let (relative, fragment) = reference.uri.split_once('#').unwrap_or((&reference.uri, ""));
        let uri = uri::resolve(base, relative);
        let Some(number) = self.resources.iter().position(|resource| resource.uri == uri) else {
            let hint = "put the schema into $defs: nothing is fetched";
            return Err((format!("leads to {uri}, which is not in the document"), hint));
        };
        let root = self.resources.get(number).map_or(0, |resource| resource.place);
        let fragment = uri::unescape(fragment);
        let found = if fragment.is_empty() {
            Some(root)
        } else if fragment.starts_with('/') {
            let root = self.pointers.get(root).map_or("", String::as_str);
            let pointer = [root, &fragment].concat();
            self.pointers.iter().position(|it| *it == pointer)
        } else {
            self.anchors.iter().find(|it| it.resource == number && it.name == fragment).map(|it| it.place)
        };
        found.ok_or_else(|| {
            (format!("leads to {}, where no schema is", reference.uri), "write a pointer such as #/$defs/Name")
        })
    }
}
