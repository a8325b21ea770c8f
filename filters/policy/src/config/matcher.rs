//! Which requests a route is about: `match`.

use regex_lite::Regex;

use super::scalar;
use super::section::{Cursor, Section};
use crate::http::Headers;

const HINT: &str = "write a section such as { path: /assist, methods: [POST] }";

/// What a request must look like.
#[derive(Clone, Debug)]
pub struct Matcher {
    shape: Shape,
    /// Any method, if empty.
    methods: Vec<String>,
}

/// What the path and the headers of a request must look like: the part of `match` that `when` has as well.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// Any path, if there is none.
    path: Option<PathMatcher>,
    /// Header and the value that it must have.
    headers: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
enum PathMatcher {
    Exact(String),
    Prefix(String),
    /// Anchored at both ends, as Envoy anchors a route's `safe_regex`.
    Regex(Regex),
}

impl Matcher {
    /// Whether a request with these headers, pseudo-headers included, is meant. The query string does not count.
    pub fn matches(&self, headers: &Headers) -> bool {
        self.shape.matches(headers)
            && (self.methods.is_empty()
                || headers.first(":method").is_some_and(|it| self.methods.iter().any(|m| m.as_bytes() == it)))
    }
}

impl Shape {
    /// Whether a request with these headers has it.
    pub(super) fn matches(&self, headers: &Headers) -> bool {
        self.path.as_ref().is_none_or(|path| path.matches(headers.path()))
            && self.headers.iter().all(|(name, value)| headers.all(name).any(|it| it == value.as_bytes()))
    }

    /// Whether every request has it.
    pub(super) const fn is_any(&self) -> bool {
        self.path.is_none() && self.headers.is_empty()
    }

    /// Reads the keys of a section that are about it. Says also how many of the three for the path are there: the section
    /// knows how many it wants.
    pub(super) fn read(section: &mut Section<'_, '_>) -> (usize, Option<Self>) {
        let exact = section.optional("path", scalar::path);
        let prefix = section.optional("path_prefix", scalar::path);
        let pattern = section.optional("path_regex", regex);
        let given = ["path", "path_prefix", "path_regex"].iter().filter(|key| section.has(key)).count();
        let headers = section.optional("headers", headers);
        let shape = || {
            let path = exact?.map(PathMatcher::Exact);
            let path = path.or(prefix?.map(PathMatcher::Prefix)).or(pattern?.map(PathMatcher::Regex));
            Some(Self { path, headers: headers?.unwrap_or_default() })
        };
        (given, shape())
    }
}

impl PathMatcher {
    fn matches(&self, path: &[u8]) -> bool {
        match self {
            Self::Exact(exact) => path == exact.as_bytes(),
            Self::Prefix(prefix) => path.starts_with(prefix.as_bytes()),
            // A path that is not UTF-8 is not one that an operator wrote a pattern for.
            Self::Regex(regex) => std::str::from_utf8(path).is_ok_and(|path| regex.is_match(path)),
        }
    }
}

pub(super) fn read(at: &mut Cursor<'_, '_>) -> Option<Matcher> {
    let mut section = at.section(HINT)?;
    let (given, shape) = Shape::read(&mut section);
    let methods = section.optional("methods", |at| at.list("write a list such as [GET, POST]", scalar::method));
    section.close();
    if given != 1 {
        return at.refuse(format!("has {given} of path, path_prefix and path_regex"), "write exactly one of them");
    }
    Some(Matcher { shape: shape?, methods: methods?.unwrap_or_default() })
}

fn headers(at: &mut Cursor<'_, '_>) -> Option<Vec<(String, String)>> {
    at.entries("write headers with their values, such as { x-tenant: acme }", |name, at| {
        if !scalar::is_header_name(name) {
            return at.refuse("belongs to a name that no header has", "write the header's name in lower case");
        }
        Some((name.to_owned(), scalar::header_value(at)?))
    })
}

fn regex(at: &mut Cursor<'_, '_>) -> Option<Regex> {
    let hint = "write a regular expression such as \"/v[0-9]+/assist\"; it has to match the whole path";
    let text = at.text(hint)?;
    match Regex::new(&format!("^(?:{text})$")) {
        Ok(regex) => Some(regex),
        Err(error) => at.refuse(format!("is not a regular expression: {error}"), hint),
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::Node;
    use super::super::problem::Problems;
    use super::*;

    fn matcher(text: &str) -> Matcher {
        let node = Node::read(text.as_bytes()).unwrap();
        let mut problems = Problems::default();
        let matcher = read(&mut Cursor::root(&node, &mut problems));
        assert!(problems.is_empty(), "{problems}");
        matcher.unwrap()
    }

    fn request(method: &str, path: &[u8]) -> Headers {
        let mut headers = Headers::from_iter([(":method", method), ("x-tenant", "other"), ("x-tenant", "acme")]);
        headers.push(":path", path);
        headers
    }

    #[test]
    fn a_path_matches_without_its_query_string() {
        let exact = matcher("path: /assist");
        assert!(exact.matches(&request("GET", b"/assist")));
        assert!(exact.matches(&request("GET", b"/assist?model=7")));
        assert!(!exact.matches(&request("GET", b"/assist/")));
        assert!(!exact.matches(&request("GET", b"/assist\xff")));
    }

    #[test]
    fn a_prefix_matches_what_begins_with_it() {
        let prefix = matcher("path_prefix: /v1/");
        assert!(prefix.matches(&request("GET", b"/v1/assist")));
        assert!(!prefix.matches(&request("GET", b"/v10/assist")));
    }

    #[test]
    fn a_regex_matches_the_whole_path_and_survives_bytes_that_are_not_utf_8() {
        let regex = matcher("path_regex: '/a|/b'");
        assert!(regex.matches(&request("GET", b"/b?x")));
        assert!(!regex.matches(&request("GET", b"/ab")));
        assert!(!regex.matches(&request("GET", b"/b/c")));
        assert!(!regex.matches(&request("GET", b"/b\xff")));
    }

    #[test]
    fn methods_and_headers_narrow_the_match() {
        let narrow = matcher("{path: /a, methods: [POST], headers: {x-tenant: acme}}");
        assert!(narrow.matches(&request("POST", b"/a")));
        assert!(!narrow.matches(&request("GET", b"/a")));
        assert!(!matcher("{path: /a, headers: {x-tenant: nobody}}").matches(&request("GET", b"/a")));
    }
}
