//! Traffic that is not the filter's business passes as if it were not there.

use std::time::Duration;

use helius_e2e::{Answer, Behaviour, Ending, Mesh, RawConnection, Reply, Request};
use serde_json::json;

use crate::regions::{PRIMARY_CLUSTER, QUESTION, Regions, match_methods};

async fn start_mesh(regions: &Regions) -> Mesh {
    let everything = json!({ "match": { "prefix": "/" }, "route": { "cluster": PRIMARY_CLUSTER } });
    let mesh = regions.mesh().envoy_routes(|routes| routes.push(everything));
    mesh.assist_route(|route| match_methods(route, &["GET", "POST"])).start().await.unwrap()
}

fn assert_untouched(reply: &Reply, status: u16, text: &str) {
    assert_eq!((reply.status, reply.text().as_str()), (status, text));
    assert!(reply.marks().is_empty(), "{:?}", reply.marks());
}

async fn assert_nothing_counted(mesh: &Mesh, regions: &Regions) {
    let ledger = mesh.ledger().await.unwrap();
    assert_eq!(regions.secondary.count(), 0);
    let stats = mesh.stats().await.unwrap();
    assert_eq!(stats.sum("helius_attempts_total", &[]), 0);
    ledger.responses(&[]).await;
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_request_that_matches_no_route() {
    let regions = Regions::start().await;
    let mesh = start_mesh(&regions).await;
    regions.primary.behave(Answer::status(500).text("boom"));
    for (method, path) in [("POST", "/other"), ("PUT", "/assist"), ("POST", "/assist/more"), ("POST", "/Assist")] {
        let method = method.parse().unwrap();
        assert_untouched(&mesh.send(Request::new(method, path).body("{}")).await.unwrap(), 500, "boom");
    }
    assert_nothing_counted(&mesh, &regions).await;
}

#[tokio::test]
async fn the_query_does_not_hide_a_route() {
    let regions = Regions::start().await;
    let mesh = start_mesh(&regions).await;
    regions.primary.behave(Answer::status(500).text("boom"));
    let reply = mesh.post("/assist?model=a&x=%ff", QUESTION).await.unwrap();
    assert_eq!((reply.status, reply.header("region")), (200, Some("us-west-2")));
    assert_eq!(regions.secondary.requests()[0].path, "/assist?model=a&x=%ff");
}

#[tokio::test]
async fn an_upgrade() {
    let regions = Regions::start().await;
    let mesh = start_mesh(&regions).await;
    let handshake = "GET /assist HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    regions.primary.behave(Behaviour::Upgrade);
    let mut raw = RawConnection::connect(mesh.addr()).await.unwrap();
    raw.write(handshake).await.unwrap();
    let head = String::from_utf8_lossy(&raw.read_until("\r\n\r\n").await.unwrap()).into_owned();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(!head.contains("x-helius-"), "{head}");
    for word in ["ping", "pong"] {
        raw.write(word).await.unwrap();
        assert_eq!(raw.read_until(word).await.unwrap(), word.as_bytes());
    }
    drop(raw);

    regions.primary.behave(Answer::status(500).text("boom"));
    let mut raw = RawConnection::connect(mesh.addr()).await.unwrap();
    raw.write(handshake).await.unwrap();
    let reply = String::from_utf8_lossy(&raw.read_until("boom").await.unwrap()).into_owned();
    assert!(reply.starts_with("HTTP/1.1 500 ") && !reply.contains("x-helius-"), "{reply}");
    assert_nothing_counted(&mesh, &regions).await;
}

#[tokio::test]
async fn grpc() {
    let regions = Regions::start().await;
    let mesh = start_mesh(&regions).await;
    regions.primary.behave(Answer::status(503).text("overloaded"));
    for content_type in ["application/grpc", "application/grpc+proto", "application/grpc-web"] {
        let request = Request::new("POST".parse().unwrap(), "/assist").header("content-type", content_type);
        let reply = mesh.http2_client().send(request.body("\0\0\0\0\0")).await.unwrap();
        assert_untouched(&reply, 503, "overloaded");
    }
    assert_nothing_counted(&mesh, &regions).await;
}

#[tokio::test]
async fn a_request_for_events() {
    let regions = Regions::start().await;
    let mesh = start_mesh(&regions).await;
    regions.primary.behave(Answer::status(500).text("boom"));
    let request = Request::post("/assist", QUESTION).header("accept", "text/event-stream");
    assert_untouched(&mesh.send(request.clone()).await.unwrap(), 500, "boom");

    // Longer than any timeout of the document, and event by event.
    regions.primary.behave(Answer::event_stream(&["one", "two", "three"], Duration::from_millis(300)));
    let mut connection = mesh.client().connect().await.unwrap();
    let mut open = connection.open(request).await.unwrap();
    assert_eq!(open.so_far.status, 200);
    for event in ["data: one\n\n", "data: two\n\n", "data: three\n\n"] {
        assert_eq!(open.next().await.unwrap().unwrap(), event);
    }
    assert!(open.so_far.marks().is_empty());
    drop((open, connection));
    assert_nothing_counted(&mesh, &regions).await;
}

#[tokio::test]
async fn events_that_the_client_did_not_ask_for_come_one_by_one() {
    let regions = Regions::start().await;
    let mesh = start_mesh(&regions).await;
    regions.primary.behave(Answer::event_stream(&["one", "two"], Duration::from_millis(50)));
    let mut connection = mesh.client().connect().await.unwrap();
    let mut open = connection.open(Request::post("/assist", QUESTION)).await.unwrap();
    for event in ["data: one\n\n", "data: two\n\n"] {
        assert_eq!(open.next().await.unwrap().unwrap(), event);
    }
    assert!(open.so_far.marks().is_empty());
    assert_eq!(regions.secondary.count(), 0);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_good_answer_is_streamed_and_not_collected() {
    let regions = Regions::start().await;
    let mesh = start_mesh(&regions).await;
    let parts = Answer::status(200).drip(["first", "second"], Duration::from_millis(50)).ending(Ending::Stall);
    regions.primary.behave(parts);
    let mut connection = mesh.client().connect().await.unwrap();
    let mut open = connection.open(Request::post("/assist", QUESTION)).await.unwrap();
    assert_eq!(open.next().await.unwrap().unwrap(), "first");
    assert_eq!(open.next().await.unwrap().unwrap(), "second");
    mesh.assert_unharmed().await;
}
