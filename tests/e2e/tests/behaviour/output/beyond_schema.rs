//! What a schema cannot say.

use std::collections::BTreeMap;

use helius_e2e::Answer;
use serde_json::json;

use super::{ask, start};
use crate::regions::{Regions, assert_from_secondary, marks};

#[tokio::test]
async fn what_a_schema_cannot_say_is_looked_at_too() {
    let regions = Regions::start().await;
    let output = json!({
        "finite_numbers": true, "non_empty": "/items", "unique_ids": { "list": "/items", "key": "id" },
    });
    let mesh = start(&regions, &output).await;
    let good = Answer::status(200).header("region", "us-west-2").json(&json!({ "id": 7, "items": [{ "id": 1 }] }));
    regions.secondary.behave(good);
    for body in [
        r#"{"items":[]}"#,
        r#"{"items":null}"#,
        r#"{"other":[1]}"#,
        r#"{"items":[{"id":1},{"id":2},{"id":1}]}"#,
        r#"{"items":[{"id":1,"score":1e999}]}"#,
    ] {
        println!("primary: {body}");
        regions.primary.behave(Answer::status(200).body(body));
        assert_from_secondary(&ask(&mesh).await, "invalid_output");
    }
    let body = r#"{"items":[{"id":1,"score":1e9},{"id":2},{"id":"1"}]}"#;
    regions.primary.behave(Answer::status(200).body(body));
    let reply = ask(&mesh).await;
    assert_eq!((reply.text().as_str(), marks(&reply)), (body, BTreeMap::new()));
    mesh.assert_unharmed().await;
}
