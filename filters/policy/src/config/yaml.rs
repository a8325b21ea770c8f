//! YAML 1.2 (core schema) into a [`Node`].

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};
use serde_json::Number;

use super::ConfigError;
use super::document::{Node, Value};

/// Deeper nesting than any configuration needs: a tree is dropped by recursion, and the stack of a VM is small.
const MAX_DEPTH: usize = 64;

/// More values than any configuration needs: aliases can multiply a small text without bound.
const MAX_NODES: usize = 100_000;

/// Reads the single document of `text`.
pub(super) fn read(text: &str) -> Result<Node, ConfigError> {
    let builder = build(Builder::default(), text)?;
    builder.root.ok_or(ConfigError::Empty)
}

/// Reads all documents of `text`, of which those with nothing in them count for nothing.
pub(super) fn read_all(text: &str) -> Result<Vec<Node>, ConfigError> {
    let mut builder = build(Builder { takes_many: true, ..Builder::default() }, text)?;
    builder.end_document();
    builder.done.retain(|node| node.value != Value::Null);
    if builder.done.is_empty() { Err(ConfigError::Empty) } else { Ok(builder.done) }
}

fn build(mut builder: Builder, text: &str) -> Result<Builder, ConfigError> {
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| syntax(&error))?;
        builder.take(event, span.start.line(), span.start.col())?;
    }
    Ok(builder)
}

fn syntax(error: &ScanError) -> ConfigError {
    ConfigError::Syntax {
        format: "YAML",
        line: error.marker().line(),
        column: error.marker().col().saturating_add(1),
        what: error.info().to_owned(),
    }
}

/// A list or a map whose end has not come yet.
struct Open {
    node: Node,
    /// The key whose value comes next, in a map.
    key: Option<String>,
    anchor: usize,
}

#[derive(Default)]
struct Builder {
    root: Option<Node>,
    /// Whether there may be several documents, and those that have ended.
    takes_many: bool,
    done: Vec<Node>,
    open: Vec<Open>,
    anchors: Vec<(usize, Node)>,
    nodes: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, line: usize, column: usize) -> Result<(), ConfigError> {
        let refuse = |what: &str| ConfigError::Syntax {
            format: "YAML",
            line,
            column: column.saturating_add(1),
            what: what.to_owned(),
        };
        match event {
            Event::Scalar(text, style, anchor, _tag) => {
                // A key is text whatever it looks like: `200: …` is the key "200".
                if let Some(Open { node: Node { value: Value::Map(_), .. }, key: key @ None, .. }) =
                    self.open.last_mut()
                {
                    *key = Some(text.into_owned());
                    return Ok(());
                }
                // The parser names the first line that is not empty.
                let empty = text.chars().take_while(|it| *it == '\n').count();
                let text_line = (style == ScalarStyle::Literal).then_some(line.saturating_sub(empty));
                let value = if style == ScalarStyle::Plain { plain(&text) } else { Value::Text(text.into_owned()) };
                self.close(Node { value, line: Some(line), text_line }, anchor).map_err(refuse)
            }
            Event::SequenceStart(anchor, _tag) => self.start(Value::List(Vec::new()), line, anchor).map_err(refuse),
            Event::MappingStart(anchor, _tag) => self.start(Value::Map(Vec::new()), line, anchor).map_err(refuse),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.close(open.node, open.anchor).map_err(refuse),
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                let node = self.anchors.iter().rev().find(|(id, _)| *id == anchor).map(|(_, node)| node.clone());
                let node = node.ok_or_else(|| refuse("an alias to itself"))?;
                self.nodes = self.nodes.saturating_add(size(&node));
                self.close(node, 0).map_err(refuse)
            }
            Event::DocumentStart(_) if self.takes_many => {
                self.end_document();
                Ok(())
            }
            Event::DocumentStart(_) if self.root.is_some() => Err(refuse("a second document; give one")),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    /// An anchor is known in its own document only.
    fn end_document(&mut self) {
        self.done.extend(self.root.take());
        self.anchors.clear();
    }

    fn start(&mut self, value: Value, line: usize, anchor: usize) -> Result<(), &'static str> {
        if self.open.len() >= MAX_DEPTH {
            return Err("nested too deeply");
        }
        if self.expects_key() {
            return Err("a key that is not a scalar");
        }
        self.open.push(Open { node: Node { value, line: Some(line), text_line: None }, key: None, anchor });
        Ok(())
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { node: Node { value: Value::Map(_), .. }, key: None, .. }))
    }

    /// Puts a finished node where it belongs.
    fn close(&mut self, node: Node, anchor: usize) -> Result<(), &'static str> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > MAX_NODES {
            return Err("too many values");
        }
        if self.expects_key() {
            return Err("a key that is not a scalar");
        }
        if anchor != 0 {
            self.anchors.push((anchor, node.clone()));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open { node: Node { value: Value::List(items), .. }, .. }) => items.push(node),
            Some(Open { node: Node { value: Value::Map(entries), .. }, key, .. }) => {
                if let Some(key) = key.take() {
                    entries.push((key, node));
                }
            }
            Some(_) => {}
        }
        Ok(())
    }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::List(items) => items.iter().map(size).fold(1, usize::saturating_add),
        Value::Map(entries) => entries.iter().map(|(_, value)| size(value)).fold(1, usize::saturating_add),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => 1,
    }
}

/// The core schema's reading of a plain scalar (YAML 1.2.2, section 10.3.2).
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    number(text).map_or_else(|| Value::Text(text.to_owned()), Value::Number)
}

fn number(text: &str) -> Option<Number> {
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok().map(Number::from);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return u64::from_str_radix(digits, 8).ok().map(Number::from);
    }
    // Rust also reads "inf", "nan" and "infinity" as floats, and a plain word must stay a word.
    if !text.starts_with(['+', '-', '.', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) {
        return None;
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = text.parse::<u64>() {
        return Some(whole.into());
    }
    if text.contains(|c: char| !(c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E'))) {
        return None;
    }
    text.parse().ok().and_then(Number::from_f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        serde_json::to_string(&read(text).unwrap()).unwrap()
    }

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        assert_eq!(
            json("[5xx, 1e3, 0x10, 0o17, +7, -.5, 2s, nan, inf, 18446744073709551615, 'true', on, '']"),
            r#"["5xx",1000.0,16,15,7,-0.5,"2s","nan","inf",18446744073709551615,"true","on",""]"#
        );
    }

    #[test]
    fn keys_are_text_and_duplicates_are_kept() {
        assert_eq!(json("200: a\ntrue: b\n200: c"), r#"{"200":"a","true":"b","200":"c"}"#);
    }

    #[test]
    fn an_alias_repeats_its_anchor() {
        assert_eq!(json("a: &x {k: [1]}\nb: *x"), r#"{"a":{"k":[1]},"b":{"k":[1]}}"#);
    }

    #[test]
    fn lines_are_those_of_the_text() {
        let Value::Map(entries) = read("a: 1\nb:\n  - 2\n").unwrap().value else { panic!() };
        assert_eq!(entries[0].1.line, Some(1));
        let Value::List(items) = &entries[1].1.value else { panic!() };
        assert_eq!(items[0].line, Some(3));
    }

    #[test]
    fn the_lines_of_a_literal_text_are_those_of_the_document() {
        for (text, first) in [("a: |\n  one\n  two\n", 2), ("a: |-\n\n  one\n", 2), ("a:\n  # why\n  |\n    one\n", 4)]
        {
            let Value::Map(entries) = read(text).unwrap().value else { panic!() };
            assert_eq!(entries[0].1.text_line, Some(first), "{text}");
        }
        for text in ["a: one", "a: >\n  one\n", "a: \"one\\ntwo\""] {
            let Value::Map(entries) = read(text).unwrap().value else { panic!() };
            assert_eq!(entries[0].1.text_line, None, "{text}");
        }
    }

    #[test]
    fn several_documents_are_read_where_there_may_be_several() {
        let read = |text| {
            read_all(text).map(|all| all.iter().map(|it| serde_json::to_string(it).unwrap()).collect::<Vec<_>>())
        };
        assert_eq!(read("---\na: 1\n---\n---\nb: 2\n...\n").unwrap(), [r#"{"a":1}"#, r#"{"b":2}"#]);
        assert_eq!(read_all("# nothing\n---\n").unwrap_err(), ConfigError::Empty);
        assert!(read_all("a: &a 1\n---\nb: *a\n").is_err(), "an anchor of another document");
    }

    #[test]
    fn what_cannot_be_a_configuration_is_refused() {
        let deep = "[".repeat(100);
        let laughs = "a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e]";
        let cases = [
            (deep.as_str(), "the document is not YAML: nested too deeply (line 1, column 65)"),
            (laughs, "the document is not YAML: too many values (line 5, column 29)"),
            ("a: 1\n---\nb: 2", "the document is not YAML: a second document; give one (line 2, column 1)"),
            ("[a]: 1", "the document is not YAML: a key that is not a scalar (line 1, column 1)"),
            ("a: &a [*a]", "the document is not YAML: an alias to itself (line 1, column 8)"),
        ];
        for (text, message) in cases {
            assert_eq!(read(text).unwrap_err().to_string(), message);
        }
    }
}
