//! A document as it was written: order, duplicate keys and line numbers kept, nothing interpreted yet.
//!
//! Reading in two steps (text to [`Node`], [`Node`] to types) is what lets all problems be reported at once, with
//! their paths; a parser that fills types directly stops at the first.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Number;

use super::{ConfigError, yaml};

/// One value of a document and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What stands there.
    pub value: Value,
    /// Counted from 1; only YAML text has lines that a person would look up.
    pub line: Option<usize>,
    /// Where the first line of a literal text stands: its lines are lines of the document.
    pub text_line: Option<usize>,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// In the order of the document, a key that stands twice twice.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// Reads a document that is JSON or YAML.
    ///
    /// JSON is tried first where the text looks like it, because JSON's `\ud83d\ude00` is no YAML; what then is
    /// wrong with it is said in JSON's terms only if it is not YAML's flow style either.
    ///
    /// # Errors
    ///
    /// Where it is neither, or empty.
    pub fn read(text: &[u8]) -> Result<Self, ConfigError> {
        let text = check(text)?;
        if !text.trim_start().starts_with('{') {
            return yaml::read(text);
        }
        Self::read_json(text)
    }

    /// Reads all documents of a text that is YAML, or the one of a JSON text.
    ///
    /// # Errors
    ///
    /// Where it is neither, or empty.
    pub fn read_all(text: &[u8]) -> Result<Vec<Self>, ConfigError> {
        let text = check(text)?;
        if text.trim_start().starts_with('{') { Ok(vec![Self::read_json(text)?]) } else { yaml::read_all(text) }
    }

    fn read_json(text: &str) -> Result<Self, ConfigError> {
        serde_json::from_str(text).or_else(|error| {
            yaml::read(text).map_err(|_| ConfigError::Syntax {
                format: "JSON",
                line: error.line(),
                // It counts from 1, but says 0 at a line's beginning.
                column: error.column().max(1),
                // serde_json ends its message with the place, which the error carries by itself.
                what: error.to_string().split(" at line ").next().unwrap_or_default().to_owned(),
            })
        })
    }
}

/// The text, if it is one that a document can be.
fn check(text: &[u8]) -> Result<&str, ConfigError> {
    let text = std::str::from_utf8(text).map_err(|error| ConfigError::NotText { offset: error.valid_up_to() })?;
    if let Some(offset) = text.find(|c: char| c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return Err(ConfigError::NotText { offset });
    }
    if text.trim().is_empty() { Err(ConfigError::Empty) } else { Ok(text) }
}

impl Node {
    /// The value under this key of a map, the last where it stands twice.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().rev().find(|(it, _)| it == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text that it is, if it is one.
    pub fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }
}

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        Self { value, line: None, text_line: None }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Value::Null.into())
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Value::Bool(value).into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Value::Number(value.into()).into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Value::Number(value.into()).into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number).into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Value::Text(value.to_owned()).into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list).into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Value::Map(map).into())
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Number(value) => value.serialize(serializer),
            Value::Text(value) => serializer.serialize_str(value),
            Value::List(items) => serializer.collect_seq(items),
            Value::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        serde_json::to_string(&Node::read(text.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn json_and_yaml_give_the_same_document_in_the_order_of_the_text() {
        let json = r#"{"zeta": [1, -2, 0.5, true, null], "alpha": {"emoji": "\ud83d\ude00"}}"#;
        let yaml = "zeta: [1, -2, 0.5, true, ~]\nalpha:\n  emoji: 😀\n";
        assert_eq!(written(json), r#"{"zeta":[1,-2,0.5,true,null],"alpha":{"emoji":"😀"}}"#);
        assert_eq!(written(yaml), written(json));
    }

    #[test]
    fn yaml_in_flow_style_is_not_taken_for_broken_json() {
        assert_eq!(written("{ service: router, routes: [] }"), r#"{"service":"router","routes":[]}"#);
    }

    #[test]
    fn broken_json_is_reported_in_the_terms_of_json() {
        let error = Node::read(br#"{"service": "router","#).unwrap_err();
        assert_eq!(error.to_string(), "the document is not JSON: EOF while parsing a value (line 1, column 21)");
    }
}
