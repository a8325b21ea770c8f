//! The JSON Schema beside the filter's own reader: whatever the filter takes the schema takes, and what is misspelt neither.

use std::fs;
use std::path::{Path, PathBuf};

use helius_agent::schema::SCHEMA;
use helius_policy::config::{Config, Node, Value};
use jsonschema::Validator;
use serde_json::{Value as Json, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&serde_json::from_str(SCHEMA).unwrap()).unwrap()
}

fn text_of(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The document in JSON, if it is one.
fn json_of(text: &[u8]) -> Option<Json> {
    let [node] = <[Node; 1]>::try_from(Node::read_all(text).ok()?).ok()?;
    serde_json::to_value(node).ok()
}

fn is_good(document: &Json) -> bool {
    Config::parse(document.to_string().as_bytes()).is_ok()
}

fn assert_takes(validator: &Validator, name: &str, document: &Json) {
    let errors: Vec<_> = validator.iter_errors(document).map(|it| format!("{}: {it}", it.instance_path())).collect();
    assert!(errors.is_empty(), "{name}: {}", errors.join("\n"));
}

/// Every key that there is.
fn every_key() -> Json {
    json_of(text_of("tests/fuzz/corpus/configuration/every-key.yaml").as_bytes()).unwrap()
}

/// The text of the only configuration in Envoy's bootstrap.
fn shipped(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Map(entries) => {
            let own = node.get("configuration").and_then(|it| it.get("value")).and_then(Node::text);
            own.or_else(|| entries.iter().find_map(|(_, value)| shipped(value)))
        }
        Value::List(items) => items.iter().find_map(shipped),
        _ => None,
    }
}

#[test]
fn it_takes_what_is_shipped_and_every_key() {
    let validator = validator();
    assert_takes(&validator, "every key", &every_key());
    let bootstrap = Node::read_all(text_of("envoy/bootstrap.yaml").as_bytes()).unwrap();
    let text = shipped(&bootstrap[0]).unwrap();
    assert_takes(&validator, "envoy/bootstrap.yaml", &json_of(text.as_bytes()).unwrap());
}

#[test]
fn it_takes_whatever_the_filter_takes() {
    let validator = validator();
    let mut taken = 0;
    for entry in fs::read_dir(root().join("tests/fuzz/corpus/configuration")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read(&path).unwrap();
        if let Some(document) = json_of(&text).filter(|_| Config::parse(&text).is_ok()) {
            assert_takes(&validator, &path.display().to_string(), &document);
            taken += 1;
        }
    }
    assert!(taken >= 3, "only {taken} of them are good");
}

/// All places of a document for which the schema has a default, and that.
fn defaults(schema: &Json, value: &Json, at: &str, found: &mut Vec<(String, Json)>) {
    for (key, property) in schema["properties"].as_object().into_iter().flatten().filter(|_| value.is_object()) {
        let place = format!("{at}/{key}");
        if let Some(default) = property.get("default") {
            found.push((place, default.clone()));
        } else if let Some(value) = value.get(key) {
            defaults(property, value, &place, found);
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        defaults(&schema["items"], item, &format!("{at}/{index}"), found);
    }
}

#[test]
fn a_default_means_the_same_whether_it_is_written_or_not() {
    let (schema, document) = (serde_json::from_str(SCHEMA).unwrap(), every_key());
    let mut all = Vec::new();
    defaults(&schema, &document, "", &mut all);
    assert!(all.len() > 40, "{all:?}");
    let mut good = 0;
    let read = |document: &Json| format!("{:?}", Config::parse(document.to_string().as_bytes()));
    for (place, default) in all {
        let (parent, key) = place.rsplit_once('/').unwrap();
        let with = |value: Option<Json>| {
            let mut document = document.clone();
            let entries = document.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            entries.remove(key);
            entries.extend(value.map(|value| (key.to_owned(), value)));
            read(&document)
        };
        let (written, left_out) = (with(Some(default.clone())), with(None));
        assert!(written == left_out, "{place} is {default}, or:\n{written}\n{left_out}");
        good += usize::from(written.starts_with("Ok"));
    }
    assert!(good > 40, "only {good} of them are good documents");
}

/// A part of a route stands in one here.
#[test]
fn the_examples_in_the_documentation_are_good() {
    let validator = validator();
    let mut found = 0;
    for file in ["README.md", "docs/reference.md"] {
        let text = text_of(file);
        for example in text.split("```yaml\n").skip(1).filter_map(|it| it.split("```").next()) {
            let Some(mut document) = json_of(example.as_bytes()) else { panic!("{file}: {example}") };
            if document.get("service").is_none() {
                let mut route = json!({ "name": "a", "match": { "path": "/a" }, "upstream": { "timeout": "2s",
                    "regions": [{ "name": "east", "via": "route" }], "circuit_breaker": {} } });
                let part = document.as_object_mut().unwrap();
                if !part.keys().all(|key| ["admission", "output", "drill", "fail_open"].contains(&key.as_str())) {
                    continue;
                }
                route.as_object_mut().unwrap().append(part);
                document = json!({ "service": "s", "routes": [route] });
            }
            assert!(is_good(&document), "{file}: {:?}", Config::parse(document.to_string().as_bytes()));
            assert_takes(&validator, file, &document);
            found += 1;
        }
    }
    assert!(found >= 4, "only {found} examples are found");
}

/// All places below one, as JSON pointers, but those in which anything may stand.
fn places(value: &Json, at: &str, found: &mut Vec<String>) {
    const FREE: [&str; 3] = ["/body", "/schema", "/headers"];
    if FREE.iter().any(|free| at.ends_with(free)) {
        return;
    }
    found.push(at.to_owned());
    match value {
        Json::Object(entries) => entries.iter().for_each(|(key, value)| places(value, &format!("{at}/{key}"), found)),
        Json::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| places(value, &format!("{at}/{index}"), found));
        }
        _ => {}
    }
}

#[test]
fn neither_takes_a_key_that_is_misspelt_nor_a_section_in_place_of_a_value() {
    let (validator, document) = (validator(), every_key());
    assert!(is_good(&document));
    let mut all = Vec::new();
    places(&document, "", &mut all);
    assert!(all.len() > 100, "{all:?}");
    for place in all {
        let mut misspelt = document.clone();
        let at = misspelt.pointer_mut(&place).unwrap();
        if let Some(entries) = at.as_object_mut() {
            entries.insert("misspelt".to_owned(), 1.into());
        } else {
            *at = json!({ "misspelt": 1 });
        }
        let takes = (is_good(&misspelt), validator.is_valid(&misspelt));
        assert_eq!(takes, (false, false), "the filter and the schema, at {place}");
    }
}

#[test]
fn neither_does_without_what_is_required() {
    let (validator, document) = (validator(), every_key());
    let required = [
        "/service",
        "/routes",
        "/routes/0/name",
        "/routes/0/match",
        "/routes/0/upstream",
        "/routes/0/upstream/timeout",
        "/routes/0/upstream/regions",
        "/routes/0/upstream/regions/0/name",
        "/routes/0/upstream/regions/1/cluster",
        "/routes/0/drill/share",
        "/routes/0/fail_open/grpc/status",
        "/routes/0/fail_open/max_share/share",
        "/routes/0/admission/dedupe/key",
        "/routes/0/admission/rate_limit/0/rate",
        "/routes/0/match/path_prefix",
        "/routes/0/output/min_confidence/bound",
        "/routes/0/admission/isolate/region_header",
    ];
    for place in required {
        let (parent, key) = place.rsplit_once('/').unwrap();
        let mut without = document.clone();
        without.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key).unwrap();
        assert_eq!((is_good(&without), validator.is_valid(&without)), (false, false), "without {place}");
    }
}
