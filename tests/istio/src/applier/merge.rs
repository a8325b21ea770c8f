//! A protobuf merge, on JSON.

use serde_json::Value;

/// Merges one message into another: messages and maps by key, lists append, and a default (`false`, `0`, `""`) changes nothing,
/// because protobuf does not write it down.
pub(super) fn merge(into: &mut Value, value: &Value) {
    match (into, value) {
        (Value::Object(into), Value::Object(value)) => {
            for (key, value) in value {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(value)) => into.extend(value.iter().cloned()),
        (into, value) => {
            let is_default = match value {
                Value::Null => true,
                Value::Bool(it) => !it,
                Value::Number(it) => it.as_f64() == Some(0.0),
                Value::String(it) => it.is_empty(),
                Value::Array(_) | Value::Object(_) => false,
            };
            if !is_default {
                *into = value.clone();
            }
        }
    }
}
