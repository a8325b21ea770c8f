//! Schemas as Pydantic prints them, with answers of a service that keeps to them and of one that does not.

use helius_policy::output::{Check, Pointer, Validator};

use crate::told::{told, told_by, validator};

/// `class Assist(BaseModel)`: an action, a bounded confidence, an optional nested model, a tag of a fixed set.
const ASSIST: &str = r##"{
  "$defs": {
    "Action": {"enum": ["approve", "reject", "escalate"], "title": "Action", "type": "string"},
    "Evidence": {
      "properties": {
        "source": {"format": "uri", "maxLength": 2083, "minLength": 1, "title": "Source", "type": "string"},
        "weight": {"anyOf": [{"exclusiveMinimum": 0.0, "type": "number"}, {"type": "null"}], "default": null, "title": "Weight"}
      },
      "required": ["source"],
      "title": "Evidence",
      "type": "object"
    }
  },
  "additionalProperties": false,
  "description": "What the assistant proposes.",
  "properties": {
    "action": {"$ref": "#/$defs/Action"},
    "confidence": {"maximum": 1.0, "minimum": 0.0, "multipleOf": 0.0001, "title": "Confidence", "type": "number"},
    "rationale": {"anyOf": [{"maxLength": 200, "type": "string"}, {"type": "null"}], "default": null, "title": "Rationale"},
    "evidence": {"default": [], "items": {"$ref": "#/$defs/Evidence"}, "maxItems": 5, "title": "Evidence", "type": "array"},
    "best": {"anyOf": [{"$ref": "#/$defs/Evidence"}, {"type": "null"}], "default": null},
    "request_id": {"format": "uuid", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", "title": "Request Id", "type": "string"}
  },
  "required": ["action", "confidence"],
  "title": "Assist",
  "type": "object"
}"##;

/// `class Recommendation(BaseModel)`: a list of models, a dictionary of floats, a tuple, a set.
const RECOMMENDATION: &str = r##"{
  "$defs": {
    "Item": {
      "properties": {
        "id": {"title": "Id", "type": "integer"},
        "score": {"title": "Score", "type": "number"},
        "tags": {"items": {"type": "string"}, "title": "Tags", "type": "array", "uniqueItems": true}
      },
      "required": ["id", "score"],
      "title": "Item",
      "type": "object"
    }
  },
  "properties": {
    "items": {"items": {"$ref": "#/$defs/Item"}, "minItems": 1, "title": "Items", "type": "array"},
    "features": {"additionalProperties": {"type": "number"}, "propertyNames": {"pattern": "^[a-z_]+$"}, "title": "Features", "type": "object"},
    "range": {
      "maxItems": 2, "minItems": 2, "prefixItems": [{"type": "integer"}, {"type": "integer"}], "title": "Range", "type": "array"
    }
  },
  "required": ["items"],
  "title": "Recommendation",
  "type": "object"
}"##;

/// A union that a tag discriminates, and a model that holds itself.
const EVENT: &str = r##"{
  "$defs": {
    "Call": {
      "properties": {
        "kind": {"const": "call", "title": "Kind", "type": "string"},
        "tool": {"title": "Tool", "type": "string"},
        "arguments": {"additionalProperties": true, "title": "Arguments", "type": "object"}
      },
      "required": ["kind", "tool"], "title": "Call", "type": "object"
    },
    "Text": {
      "properties": {"kind": {"const": "text", "title": "Kind", "type": "string"}, "text": {"title": "Text", "type": "string"}},
      "required": ["kind", "text"], "title": "Text", "type": "object"
    },
    "Node": {
      "properties": {
        "event": {
          "discriminator": {"mapping": {"call": "#/$defs/Call", "text": "#/$defs/Text"}, "propertyName": "kind"},
          "oneOf": [{"$ref": "#/$defs/Call"}, {"$ref": "#/$defs/Text"}],
          "title": "Event"
        },
        "children": {"default": [], "items": {"$ref": "#/$defs/Node"}, "title": "Children", "type": "array"}
      },
      "required": ["event"], "title": "Node", "type": "object"
    }
  },
  "$ref": "#/$defs/Node"
}"##;

#[track_caller]
fn each(schema: &str, cases: &[(&str, &str)]) {
    for (body, expected) in cases {
        assert_eq!(told(schema, body), *expected, "{body}");
    }
}

#[test]
fn an_answer_of_one_model() {
    each(
        ASSIST,
        &[
            (r#"{"action": "approve", "confidence": 0.9731}"#, "valid"),
            (r#"{"action":"escalate","confidence":0.0,"rationale":null,"evidence":[],"best":null}"#, "valid"),
            (
                r#"{"action": "reject", "confidence": 1, "rationale": "não há dados", "request_id": "0b0e7a3c-1d2e-4f56-8a9b-c0d1e2f3a4b5",
                "evidence": [{"source": "crm", "weight": 0.5}, {"source": "log", "weight": null}], "best": {"source": "crm"}}"#,
                "valid",
            ),
            (r#"{"action": "approve"}"#, "the whole answer: required"),
            (r#"{"action": "aprove", "confidence": 0.9}"#, "/action: enum"),
            (r#"{"action": "approve", "confidence": "0.9"}"#, "/confidence: type"),
            (r#"{"action": "approve", "confidence": 1.0001}"#, "/confidence: maximum"),
            (r#"{"action": "approve", "confidence": 0.00005}"#, "/confidence: multipleOf"),
            (r#"{"action": "approve", "confidence": NaN}"#, "/confidence: not_json"),
            (r#"{"action": "approve", "confidence": 0.9, "reason": ""}"#, "/reason: additionalProperties"),
            (
                r#"{"action": "approve", "confidence": 0.9, "evidence": [{"source": "a"}, {"source": ""}]}"#,
                "/evidence/1/source: minLength",
            ),
            (
                r#"{"action": "approve", "confidence": 0.9, "best": {"source": "a", "weight": -1}}"#,
                "/best/weight: anyOf",
            ),
            (r#"{"action": "approve", "confidence": 0.9, "best": {"source": 1}}"#, "/best/source: type"),
            (r#"{"action": "approve", "confidence": 0.9, "request_id": "0B0E7A3C"}"#, "/request_id: pattern"),
            (r#"{"action": "approve", "confidence": 0.9, "action": "reject"}"#, "/action: duplicate_key"),
            (r#"{"action": "approve", "confidence": 0.9, "rationale": "bec"#, "/rationale: truncated"),
            ("upstream connect error", "the whole answer: not_json"),
            (r#"```json\n{"action": "approve"}"#, "the whole answer: not_json"),
            ("", "the whole answer: truncated"),
        ],
    );
}

#[test]
fn an_answer_of_lists_and_dictionaries() {
    each(
        RECOMMENDATION,
        &[
            (
                r#"{"items": [{"id": 1, "score": 0.5, "tags": ["a", "b"]}], "features": {"age": 3, "income": 1e3}, "range": [0, 10]}"#,
                "valid",
            ),
            (r#"{"items": []}"#, "/items: minItems"),
            (r#"{"items": [{"id": 1, "score": 0.5}, {"id": 2}]}"#, "/items/1: required"),
            (r#"{"items": [{"id": 1.5, "score": 0.5}]}"#, "/items/0/id: type"),
            (r#"{"items": [{"id": 1, "score": 1, "tags": ["a", "b", "a"]}]}"#, "/items/0/tags/2: uniqueItems"),
            (r#"{"items": [{"id": 1, "score": 1}], "features": {"age": "3"}}"#, "/features/age: type"),
            (r#"{"items": [{"id": 1, "score": 1}], "features": {"Age": 3}}"#, "/features/Age: propertyNames"),
            (r#"{"items": [{"id": 1, "score": 1}], "range": [0]}"#, "/range: minItems"),
            (r#"{"items": [{"id": 1, "score": 1}], "range": [0, "10"]}"#, "/range/1: type"),
        ],
    );
}

#[test]
fn an_answer_of_a_union_within_a_tree() {
    each(
        EVENT,
        &[
            (r#"{"event": {"kind": "text", "text": "hello"}}"#, "valid"),
            (
                r#"{"event": {"kind": "call", "tool": "search"}, "children": [{"event": {"kind": "text", "text": ""}, "children": []}]}"#,
                "valid",
            ),
            (r#"{"event": {"kind": "image", "url": ""}}"#, "/event: oneOf"),
            (r#"{"event": {"kind": "text"}, "children": []}"#, "/event: oneOf"),
            (
                r#"{"event": {"kind": "text", "text": ""}, "children": [{"event": {"kind": "call", "tool": 1}}]}"#,
                "/children/0/event/tool: type",
            ),
            (r#"{"event": {"kind": "text", "text": ""}, "children": [{}]}"#, "/children/0: required"),
        ],
    );
}

#[test]
fn what_the_model_does_not_say_is_checked_besides() {
    let place = |text| Pointer::parse(text).unwrap();
    let checks = vec![
        Check::FiniteNumbers,
        Check::NonEmpty { pointer: place("/items") },
        Check::UniqueIds { list: place("/items"), key: "id".to_owned() },
    ];
    let validator = Validator { checks, ..validator(RECOMMENDATION) };
    assert_eq!(told_by(&validator, r#"{"items": [{"id": 1, "score": 0.5}, {"id": 2, "score": 0.4}]}"#), "valid");
    assert_eq!(told_by(&validator, r#"{"items": [{"id": 1, "score": 1e999}]}"#), "/items/0/score: finite_numbers");
    assert_eq!(
        told_by(&validator, r#"{"items": [{"id": 1, "score": 1}, {"id": 1, "score": 0}]}"#),
        "/items/1/id: unique_ids"
    );
}
