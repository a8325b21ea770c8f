//! Each keyword, just before, at and just after what it bounds, and where it says that it is broken.

use crate::told::told;

/// Bodies and what is said about each.
type Cases = &'static [(&'static str, &'static str)];

#[track_caller]
fn each(schema: &str, cases: Cases) {
    for (body, expected) in cases {
        assert_eq!(told(schema, body), *expected, "{schema}: {body}");
    }
}

const VALID: &str = "valid";

#[test]
fn a_schema_that_is_true_holds_for_anything_and_false_for_nothing() {
    each("true", &[("null", VALID), ("[1]", VALID)]);
    each("{}", &[("null", VALID)]);
    each("false", &[("null", "the whole answer: false")]);
}

#[test]
fn types() {
    const WRONG: &str = "the whole answer: type";
    each(
        r#"{"type": "integer"}"#,
        &[("1", VALID), ("1.0", VALID), ("1e3", VALID), ("1.5", WRONG), ("\"1\"", WRONG), ("true", WRONG)],
    );
    each(r#"{"type": "number"}"#, &[("1", VALID), ("1.5", VALID), ("null", WRONG)]);
    each(r#"{"type": "boolean"}"#, &[("false", VALID), ("0", WRONG)]);
    each(r#"{"type": "null"}"#, &[("null", VALID), ("{}", WRONG)]);
    each(r#"{"type": ["array", "object"]}"#, &[("[]", VALID), ("{}", VALID), ("\"\"", WRONG)]);
    each(r#"{"type": ["integer", "string"]}"#, &[("1", VALID), ("\"\"", VALID), ("0.1", WRONG)]);
}

#[test]
fn values() {
    each(
        r#"{"const": {"a": [1, 2.50]}}"#,
        &[
            (r#"{"a": [1.0, 25e-1]}"#, VALID),
            (r#"{"a": [2.5, 1]}"#, "the whole answer: const"),
            (r#"{"a": [1, 2.5], "b": 1}"#, "the whole answer: const"),
        ],
    );
    each(
        r#"{"enum": ["a", 0, null, false]}"#,
        &[
            ("\"a\"", VALID),
            ("-0.0", VALID),
            ("null", VALID),
            ("false", VALID),
            ("\"A\"", "the whole answer: enum"),
            ("true", "the whole answer: enum"),
            ("[]", "the whole answer: enum"),
        ],
    );
    each(r#"{"enum": []}"#, &[("1", "the whole answer: enum")]);
}

#[test]
fn numbers_are_compared_exactly() {
    each(
        r#"{"maximum": 0.3}"#,
        &[("0.3", VALID), ("0.30000000000000000001", "the whole answer: maximum"), ("\"x\"", VALID)],
    );
    each(
        r#"{"exclusiveMaximum": 0.3}"#,
        &[("0.29999999999999999999", VALID), ("3e-1", "the whole answer: exclusiveMaximum")],
    );
    each(
        r#"{"minimum": -9007199254740993}"#,
        &[
            ("-9007199254740993", VALID),
            ("-9007199254740992.5", VALID),
            ("-9007199254740994", "the whole answer: minimum"),
        ],
    );
    each(
        r#"{"exclusiveMinimum": 18446744073709551616}"#,
        &[("18446744073709551616", "the whole answer: exclusiveMinimum"), ("18446744073709551616.0000001", VALID)],
    );
    each(
        r#"{"multipleOf": 0.0001}"#,
        &[("0.0075", VALID), ("1e300", VALID), ("0.00751", "the whole answer: multipleOf")],
    );
    each(r#"{"type": "number", "maximum": 1}"#, &[("1.0", VALID), ("1e400", "the whole answer: maximum")]);
}

#[test]
fn lengths_are_counted_in_characters() {
    each(
        r#"{"maxLength": 2}"#,
        &[
            ("\"😀é\"", VALID),
            (r#""\ud83d\ude00\u00e9""#, VALID),
            ("\"abc\"", "the whole answer: maxLength"),
            ("[1,2,3]", VALID),
        ],
    );
    each(r#"{"minLength": 2.0}"#, &[("\"😀é\"", VALID), ("\"😀\"", "the whole answer: minLength")]);
    each(
        r#"{"pattern": "^[a-z]+$"}"#,
        &[
            ("\"abc\"", VALID),
            ("\"\"", "the whole answer: pattern"),
            (r#""a\n""#, "the whole answer: pattern"),
            ("1", VALID),
        ],
    );
}

#[test]
fn items() {
    each(r#"{"maxItems": 1}"#, &[("[0]", VALID), ("[0, 0]", "the whole answer: maxItems"), ("{}", VALID)]);
    each(r#"{"minItems": 1}"#, &[("[0]", VALID), ("[]", "the whole answer: minItems")]);
    each(
        r#"{"uniqueItems": true}"#,
        &[
            ("[1, true, \"1\", [1], {\"a\": 1}, null, 0, false]", VALID),
            ("[3, 1, 2, 1.0, 3]", "/3: uniqueItems"),
            (r#"[{"a": 1, "b": 2}, {"b": 2, "a": 1}]"#, "/1: uniqueItems"),
            ("[[], [[]], [[[]]], []]", "/3: uniqueItems"),
        ],
    );
    each(r#"{"uniqueItems": false}"#, &[("[1, 1]", VALID)]);
    each(
        r#"{"prefixItems": [{"type": "string"}, false], "items": {"type": "integer"}}"#,
        &[("[]", VALID), ("[\"a\"]", VALID), ("[1]", "/0: type"), ("[\"a\", 1]", "/1: prefixItems")],
    );
    each(r#"{"prefixItems": [true], "items": false}"#, &[("[1]", VALID), ("[1, 2]", "/1: items")]);
    each(
        r#"{"items": {"items": {"type": "null"}}}"#,
        &[("[[], [null]]", VALID), ("[[null], [null, 0]]", "/1/1: type")],
    );
}

#[test]
fn contained_items() {
    each(
        r#"{"contains": {"const": 1}}"#,
        &[("[0, 1]", VALID), ("[]", "the whole answer: contains"), ("[0]", "the whole answer: contains")],
    );
    each(
        r#"{"contains": {"const": 1}, "minContains": 2, "maxContains": 3}"#,
        &[
            ("[1]", "the whole answer: minContains"),
            ("[1, 1]", VALID),
            ("[1, 1, 0, 1]", VALID),
            ("[1, 1, 1, 1]", "the whole answer: maxContains"),
        ],
    );
    each(r#"{"contains": false, "minContains": 0}"#, &[("[]", VALID), ("[1]", VALID)]);
    each(r#"{"minContains": 5, "maxContains": 0}"#, &[("[1]", VALID)]);
}

#[test]
fn members() {
    each(
        r#"{"maxProperties": 1}"#,
        &[(r#"{"a": 1}"#, VALID), (r#"{"a": 1, "b": 1}"#, "the whole answer: maxProperties"), ("[1, 2]", VALID)],
    );
    each(r#"{"minProperties": 1}"#, &[(r#"{"a": 1}"#, VALID), ("{}", "the whole answer: minProperties")]);
    each(
        r#"{"required": ["a", "b"]}"#,
        &[(r#"{"b": null, "a": 1}"#, VALID), (r#"{"a": 1}"#, "the whole answer: required"), ("[]", VALID)],
    );
    each(
        r#"{"dependentRequired": {"a": ["b"], "c": []}}"#,
        &[
            (r#"{"b": 1, "c": 1}"#, VALID),
            (r#"{"a": 1, "b": 1}"#, VALID),
            (r#"{"a": 1}"#, "the whole answer: dependentRequired"),
        ],
    );
    each(
        r#"{"properties": {"a": {"type": "string"}, "b": false}, "patternProperties": {"^x": {"type": "null"}, "y$": false}, "additionalProperties": {"type": "integer"}}"#,
        &[
            (r#"{"a": "", "x1": null, "other": 1}"#, VALID),
            (r#"{"a": 1}"#, "/a: type"),
            (r#"{"b": 1}"#, "/b: properties"),
            (r#"{"x1": 1}"#, "/x1: type"),
            (r#"{"ay": 1}"#, "/ay: patternProperties"),
            (r#"{"other": null}"#, "/other: type"),
        ],
    );
    each(
        r#"{"properties": {"a": true}, "additionalProperties": false}"#,
        &[(r#"{"a": 1}"#, VALID), (r#"{"a": 1, "b/c": 1}"#, "/b~1c: additionalProperties")],
    );
    each(
        r#"{"propertyNames": {"maxLength": 2}}"#,
        &[(r#"{"ab": 1}"#, VALID), (r#"{"abc": 1}"#, "/abc: propertyNames")],
    );
    each(r#"{"propertyNames": false}"#, &[("{}", VALID), (r#"{"a": 1}"#, "/a: propertyNames")]);
}

#[test]
fn combinations() {
    each(
        r#"{"allOf": [{"minimum": 1}, {"maximum": 2}]}"#,
        &[("1", VALID), ("0", "the whole answer: minimum"), ("3", "the whole answer: maximum")],
    );
    each(
        r#"{"anyOf": [{"type": "null"}, {"minimum": 1}]}"#,
        &[("null", VALID), ("1", VALID), ("0", "the whole answer: anyOf")],
    );
    each(
        r#"{"oneOf": [{"minimum": 1}, {"maximum": 2}]}"#,
        &[("0", VALID), ("3", VALID), ("1", "the whole answer: oneOf")],
    );
    each(r#"{"not": {"type": "null"}}"#, &[("1", VALID), ("null", "the whole answer: not")]);
    each(
        r#"{"if": {"minimum": 10}, "then": {"multipleOf": 10}, "else": {"multipleOf": 2}}"#,
        &[("20", VALID), ("12", "the whole answer: multipleOf"), ("4", VALID), ("3", "the whole answer: multipleOf")],
    );
    each(r#"{"then": false, "else": false}"#, &[("1", VALID)]);
    each(
        r#"{"dependentSchemas": {"a": {"required": ["b"]}}}"#,
        &[("{}", VALID), (r#"{"a": 1, "b": 1}"#, VALID), (r#"{"a": 1}"#, "the whole answer: required")],
    );
}

#[test]
fn the_alternative_that_was_meant_says_what_is_wrong() {
    // A model or nothing: the mistake is within the model.
    each(
        r#"{"properties": {"m": {"anyOf": [{"type": "object", "properties": {"x": {"type": "integer"}}}, {"type": "null"}]}}}"#,
        &[(r#"{"m": {"x": "1"}}"#, "/m/x: type"), (r#"{"m": 1}"#, "/m: anyOf")],
    );
    // Two models that break equally deep: nobody knows which was meant.
    each(
        r#"{"oneOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"a": {"const": 2}}}]}"#,
        &[(r#"{"a": 3}"#, "the whole answer: oneOf")],
    );
    each(
        r#"{"anyOf": [{"properties": {"a": {"items": {"const": 1}}}}, {"properties": {"a": {"const": 2}}}]}"#,
        &[(r#"{"a": [3]}"#, "/a/0: const")],
    );
}

#[test]
fn what_no_other_keyword_looked_at() {
    each(
        r#"{"properties": {"a": true}, "allOf": [{"properties": {"b": true}}], "anyOf": [{"required": ["c"], "properties": {"c": true}}, true], "unevaluatedProperties": false}"#,
        &[(r#"{"a": 1, "b": 1, "c": 1}"#, VALID), (r#"{"a": 1, "d": 1}"#, "/d: unevaluatedProperties")],
    );
    // What a schema looked at that does not hold counts for nothing.
    each(
        r#"{"anyOf": [{"properties": {"a": {"type": "null"}}}, true], "unevaluatedProperties": {"type": "integer"}}"#,
        &[(r#"{"a": null}"#, VALID), (r#"{"a": 1}"#, VALID), (r#"{"a": "x"}"#, "/a: type")],
    );
    each(
        r#"{"prefixItems": [true], "contains": {"const": 7}, "minContains": 0, "unevaluatedItems": false}"#,
        &[("[1, 7, 7]", VALID), ("[1, 7, 8]", "/2: unevaluatedItems")],
    );
    each(
        r##"{"$ref": "#/$defs/base", "unevaluatedProperties": false, "$defs": {"base": {"properties": {"a": true}, "if": {"required": ["a"]}, "then": {"properties": {"b": true}}}}}"##,
        &[(r#"{"a": 1, "b": 1}"#, VALID), (r#"{"b": 1}"#, "/b: unevaluatedProperties")],
    );
}

#[test]
fn references() {
    each(
        r##"{"$ref": "#/$defs/a~1b%25", "$defs": {"a/b%": {"type": "string"}}}"##,
        &[("\"\"", VALID), ("1", "the whole answer: type")],
    );
    each(
        r##"{"items": {"$ref": "#name"}, "definitions": {"x": {"$anchor": "name", "type": "null"}}}"##,
        &[("[null]", VALID), ("[1]", "/0: type")],
    );
    each(
        r#"{"$id": "https://a/b/", "$ref": "c", "$defs": {"x": {"$id": "/b/c", "type": "null"}}}"#,
        &[("null", VALID), ("1", "the whole answer: type")],
    );
    // A tree.
    each(
        r##"{"properties": {"children": {"items": {"$ref": "#"}}}, "required": ["name"]}"##,
        &[
            (r#"{"name": 1, "children": [{"name": 2, "children": []}]}"#, VALID),
            (r#"{"name": 1, "children": [{"name": 2, "children": [{}]}]}"#, "/children/0/children/0: required"),
        ],
    );
}

#[test]
fn notes_judge_nothing() {
    each(
        r#"{"$schema": "https://json-schema.org/draft/2020-12/schema", "$comment": 1, "title": "t", "description": "d", "default": 1, "examples": [1], "deprecated": true, "readOnly": true, "writeOnly": true, "format": "email", "contentEncoding": "base64", "contentMediaType": "a/b", "contentSchema": {"whatever": 1}, "discriminator": {}, "example": 1, "externalDocs": {}, "xml": {}, "x-note": {}, "$vocabulary": {}}"#,
        &[("\"not an address\"", VALID)],
    );
}
