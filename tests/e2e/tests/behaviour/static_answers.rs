//! Which static answer a request gets.

use helius_e2e::{Answer, Request};
use serde_json::json;

use crate::regions::{QUESTION, Regions, marks};

#[tokio::test]
async fn the_first_whose_when_matches_is_the_answer() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().assist_route(|route| {
        route["match"] = json!({ "path_prefix": "/assist" });
        route["fail_open"]["static"] = json!([
            { "when": { "path_prefix": "/assist/top", "headers": { "x-segment": "sports" } }, "body": { "top": [17, 4] } },
            { "when": { "headers": { "x-segment": "sports" } }, "status": 203, "body": "sports" },
            { "when": { "path_regex": "/assist/[0-9]+" }, "body": [] },
            { "body": { "top": [1, 2] } },
        ]);
    });
    let mesh = mesh.envoy_routes(|routes| routes[0]["match"] = json!({ "prefix": "/assist" })).start().await.unwrap();
    regions.primary.behave(Answer::status(500));
    regions.secondary.behave(Answer::status(500));
    let cases = [
        ("/assist/top?n=2", Some("sports"), 200, r#"{"top":[17,4]}"#),
        ("/assist/top", Some("arts"), 200, r#"{"top":[1,2]}"#),
        ("/assist/7", Some("sports"), 203, "sports"),
        ("/assist/7", None, 200, "[]"),
        ("/assist", None, 200, r#"{"top":[1,2]}"#),
    ];
    for (path, segment, status, body) in cases {
        for client in [mesh.client(), mesh.http2_client()] {
            // Also a request whose copy is gone by then: what decides was read with its headers.
            for question in [QUESTION.to_owned(), "x".repeat(70_000)] {
                let request = Request::post(path, question);
                let request = segment.iter().fold(request, |request, it| request.header("x-segment", it));
                let reply = client.send(request).await.unwrap();
                assert_eq!((reply.status, reply.text().as_str()), (status, body), "{path} {segment:?}");
                assert_eq!(marks(&reply).get("served-by"), Some(&"static"));
            }
        }
    }
    mesh.assert_unharmed().await;
}
