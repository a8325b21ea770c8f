//! Walking a document: cursors that know where they are, and sections that notice what nobody asked for.
//!
//! What every reader shares is never inlined: a document is read once for each push, and every worker loads the module.

use super::document::{Node, Value};
use super::problem::{Problem, Problems, shown};

/// A place in a document, for reading the value there or saying what is wrong with it.
#[derive(Debug)]
pub(super) struct Cursor<'n, 'p> {
    pub(super) node: &'n Node,
    pub(super) path: String,
    problems: &'p mut Problems,
}

impl<'n, 'p> Cursor<'n, 'p> {
    pub(super) const fn root(node: &'n Node, problems: &'p mut Problems) -> Self {
        Self { node, path: String::new(), problems }
    }

    /// Reports what is wrong with this value. Returns `None`, so that a reader can end with it.
    pub(super) fn refuse<T>(&mut self, rule: impl Into<String>, hint: impl Into<String>) -> Option<T> {
        self.report(rule.into(), hint.into());
        None
    }

    #[inline(never)]
    fn report(&mut self, rule: String, hint: String) {
        let path = if self.path.is_empty() { "the document".to_owned() } else { self.path.clone() };
        self.problems.push(Problem { path, line: self.node.line, value: Some(shown(self.node)), rule, hint });
    }

    /// Reports what is wrong with something below this value, whose place is told by a JSON pointer.
    pub(super) fn refuse_at(&mut self, below: &str, rule: String, hint: String) {
        let path = format!("{}{below}", self.path);
        self.problems.push(Problem { path, line: self.node.line, value: None, rule, hint });
    }

    /// The text here, or `refuse` with `hint`.
    #[inline(never)]
    pub(super) fn text(&mut self, hint: &str) -> Option<&'n str> {
        match &self.node.value {
            Value::Text(text) => Some(text),
            _ => self.refuse("is not text", hint),
        }
    }

    /// Opens the map here as a section.
    #[inline(never)]
    pub(super) fn section(&mut self, hint: &str) -> Option<Section<'n, '_>> {
        match &self.node.value {
            Value::Map(entries) => Some(Section {
                line: self.node.line,
                path: &self.path,
                entries,
                known: Vec::new(),
                problems: self.problems,
            }),
            _ => self.refuse("is not a section", hint),
        }
    }

    /// Reads each item of the list here; `None` if it is no list or any item is wrong.
    pub(super) fn list<T>(
        &mut self,
        hint: &str,
        mut read: impl FnMut(&mut Cursor<'n, '_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::List(items) = &self.node.value else {
            return self.refuse("is not a list", hint);
        };
        let read: Vec<Option<T>> = items
            .iter()
            .enumerate()
            .map(|(index, node)| {
                let path = format!("{}[{index}]", self.path);
                read(&mut Cursor { node, path, problems: self.problems })
            })
            .collect();
        read.into_iter().collect()
    }

    /// Reads each entry of the map here with its key; `None` if it is no map or any entry is wrong.
    pub(super) fn entries<T>(
        &mut self,
        hint: &str,
        mut read: impl FnMut(&'n str, &mut Cursor<'n, '_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Map(entries) = &self.node.value else {
            return self.refuse("is not a map", hint);
        };
        let read: Vec<Option<T>> = entries
            .iter()
            .map(|(key, node)| {
                let path = join(&self.path, key);
                read(key, &mut Cursor { node, path, problems: self.problems })
            })
            .collect();
        read.into_iter().collect()
    }
}

/// A map whose keys are known: what is missing, unknown or there twice is reported.
#[derive(Debug)]
pub(super) struct Section<'n, 'p> {
    line: Option<usize>,
    path: &'p str,
    entries: &'n [(String, Node)],
    known: Vec<&'static str>,
    problems: &'p mut Problems,
}

impl<'n> Section<'n, '_> {
    /// Reads the value of `key` if it is there. `Some(None)` where it is absent, `None` where it is wrong.
    #[expect(clippy::option_option, reason = "wrong and absent are two things: the first must not become a default")]
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Cursor<'n, '_>) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.find(key) {
            None => Some(None),
            Some(mut at) => read(&mut at).map(Some),
        }
    }

    #[inline(never)]
    fn find(&mut self, key: &'static str) -> Option<Cursor<'n, '_>> {
        self.known.push(key);
        let (_, node) = self.entries.iter().find(|(name, _)| name == key)?;
        Some(Cursor { node, path: join(self.path, key), problems: self.problems })
    }

    #[inline(never)]
    fn miss(&mut self, key: &str, hint: &str) {
        self.problems.push(Problem {
            path: join(self.path, key),
            line: self.line,
            value: None,
            rule: "is missing".to_owned(),
            hint: hint.to_owned(),
        });
    }

    /// Reads the value of `key`, or reports with `hint` that it is missing.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        hint: &str,
        read: impl FnOnce(&mut Cursor<'n, '_>) -> Option<T>,
    ) -> Option<T> {
        let value = self.optional(key, read)?;
        if value.is_none() {
            self.miss(key, hint);
        }
        value
    }

    /// Whether `key` stands in the document.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _)| name == key)
    }

    /// Reports keys that nobody asked for, and keys that stand twice.
    #[inline(never)]
    pub(super) fn close(self) {
        for (index, (key, node)) in self.entries.iter().enumerate() {
            let earlier = self.entries.iter().take(index).any(|(name, _)| name == key);
            let (rule, hint) = if !self.known.contains(&key.as_str()) {
                ("is not a key that is known here", self.suggestion(key))
            } else if earlier {
                ("stands here a second time", "keep one of them".to_owned())
            } else {
                continue;
            };
            self.problems.push(Problem {
                path: join(self.path, key),
                line: node.line,
                value: None,
                rule: rule.to_owned(),
                hint,
            });
        }
    }

    fn suggestion(&self, key: &str) -> String {
        match nearest(key, &self.known) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("the keys here are {}", self.known.join(", ")),
        }
    }
}

/// The one of `words` that `word` is probably a slip of.
pub fn nearest<'a>(word: &str, words: &[&'a str]) -> Option<&'a str> {
    let lower = |text: &str| text.to_ascii_lowercase();
    words
        .iter()
        .map(|known| (strsim::damerau_levenshtein(&lower(word), &lower(known)), *known))
        .filter(|(distance, known)| *distance <= (known.len() / 3).clamp(1, 3))
        .min()
        .map(|(_, known)| known)
}

/// The path of a key. One that cannot be seen as it stands (empty, or with a line break) is quoted: a problem is one
/// line, and names its place.
fn join(path: &str, key: &str) -> String {
    let is_seen = !key.is_empty() && !key.contains(char::is_control);
    let key = if is_seen { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}
