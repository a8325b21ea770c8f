//! A client that sends its next requests before it has the answers to the earlier ones. Envoy never has more than two
//! answers of its own waiting to be sent, and closes the connection with the third, whoever made them.

use helius_e2e::{Mesh, RawConnection, Request};
use hyper::Method;
use serde_json::json;

use crate::regions::Regions;

const REQUESTS: usize = 50;
/// What Envoy says about such a client.
const FLOOD: &str = "envoy_http1_response_flood";

/// How many answers came back over one connection.
async fn pipeline(mesh: &Mesh, request: &str) -> usize {
    let mut connection = RawConnection::connect(mesh.addr()).await.unwrap();
    connection.write(request.repeat(REQUESTS)).await.unwrap();
    let answers = connection.read_to_end().await.unwrap();
    String::from_utf8_lossy(&answers).matches("HTTP/1.1 429").count()
}

#[tokio::test]
async fn requests_that_a_limit_turns_away_fare_as_with_any_answer_of_envoy() {
    let regions = Regions::start().await;
    let direct = json!({
        "match": { "path": "/direct" },
        "direct_response": { "status": 429, "body": { "inline_string": "too many requests\n" } },
    });
    let bootstrap = regions.mesh().extra_route(direct).assist_route(|route| {
        route["match"]["methods"] = json!(["GET", "POST"]);
        route["admission"] = json!({ "rate_limit": [{ "rate": "1/h" }] });
    });
    let mesh = bootstrap.start().await.unwrap();
    assert_eq!(mesh.send(Request::new(Method::GET, "/assist")).await.unwrap().status, 200);
    for (path, floods) in [("/assist", 1), ("/direct", 2)] {
        let get = format!("GET {path} HTTP/1.1\r\nhost: mesh\r\n\r\n");
        assert_eq!(pipeline(&mesh, &get).await, 2, "{path}");
        assert_eq!(mesh.stats().await.unwrap().sum(FLOOD, &[]), floods, "{path}");
        // Answered before its end is read: that alone is a reason for Envoy to close.
        let post = format!("POST {path} HTTP/1.1\r\nhost: mesh\r\ncontent-length: 2\r\n\r\n{{}}");
        assert_eq!(pipeline(&mesh, &post).await, 1, "{path}");
        assert_eq!(mesh.stats().await.unwrap().sum(FLOOD, &[]), floods, "{path}");
    }
    mesh.assert_unharmed().await;
}
