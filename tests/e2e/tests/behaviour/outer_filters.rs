//! Filters before ours in the list go on to see every answer that replaces one with a body.

use helius_e2e::{Answer, Behaviour, Mesh};
use serde_json::{Value, json};

use crate::STRICT;
use crate::regions::{QUESTION, Regions, assert_from_primary, assert_from_secondary, assert_static};

/// Notes the status that it saw.
pub(crate) fn witness(header: &str) -> Value {
    json!({
        "name": format!("witness-{header}"),
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": { "inline_string": format!(
                "function envoy_on_response(handle) local headers = handle:headers(); \
                 headers:add('{header}', headers:get(':status')) end"
            )},
        },
    })
}

async fn start_mesh(regions: &Regions) -> Mesh {
    regions.mesh().outer_filter(witness("x-outer")).inner_filter(witness("x-inner")).start().await.unwrap()
}

#[tokio::test]
async fn the_outer_filter_sees_the_final_answer() {
    let mut regions = Regions::start().await;
    let mesh = start_mesh(&regions).await;
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    assert_from_primary(&reply);
    assert_eq!((reply.header("x-outer"), reply.header("x-inner")), (Some("200"), Some("200")));

    regions.primary.behave(Answer::status(500).text("boom"));
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    assert_from_secondary(&reply, "5xx");
    assert_eq!(reply.header("x-outer"), Some("200"));
    // What an inner filter said about the failed answer is gone with it. In strict mode it has seen no other than this.
    assert_eq!(reply.header("x-inner"), STRICT.then_some("200"));

    regions.secondary.behave(Behaviour::Reset);
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    assert_static(&reply, "5xx", "2");
    assert_eq!(reply.header("x-outer"), Some("200"));

    // Envoy's own failure has a body too.
    regions.primary.refuse().await;
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    assert_static(&reply, "connect", "2");
    assert_eq!(reply.header("x-outer"), Some("200"));
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn an_outer_filter_that_answers_itself_is_not_disturbed() {
    let regions = Regions::start().await;
    let bouncer = json!({
        "name": "bouncer",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": { "inline_string":
                "function envoy_on_request(handle) handle:respond({[':status'] = '503'}, 'closed') end" },
        },
    });
    let mesh = regions.mesh().outer_filter(bouncer.clone()).start().await.unwrap();
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    assert_eq!((reply.status, reply.text().as_str()), (503, "closed"));
    assert!(reply.marks().is_empty(), "{:?}", reply.marks());
    mesh.assert_unharmed().await;
}
