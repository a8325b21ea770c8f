//! A request goes to a second region only where the route allows it, and says so where it does not.

use bytes::Bytes;
use helius_e2e::{Answer, Mesh, Reply, Request};
use hyper::Method;
use serde_json::json;

use crate::regions::{
    PRIMARY_CLUSTER, QUESTION, Regions, assert_from_secondary, assert_marked_secondary, assert_static_body, marks,
};

/// The cap of the shipped configuration.
const MAX_BODY: usize = 64 * 1024;

fn assert_not_replayed(reply: &Reply, degraded: &str, reason: &str) {
    assert_static_body(reply);
    let expected = [("served-by", "static"), ("degraded", degraded), ("attempts", "1"), ("not-replayable", reason)];
    assert_eq!(marks(reply), expected.into());
}

async fn assert_skipped(mesh: &Mesh, regions: &Regions, request: Request, reason: &str) {
    let ledger = mesh.ledger().await.unwrap();
    let reply = mesh.send(request).await.unwrap();
    assert_not_replayed(&reply, "5xx", reason);
    assert_eq!(regions.secondary.count(), 0);
    ledger.attempts(&[("us-east-1", "5xx", 1), ("us-west-2", "skipped_not_replayable", 1)]).await;
    ledger.responses(&[("static", "5xx", 1)]).await;
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_method_that_is_not_listed_is_not_replayed() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().assist_route(|route| route["upstream"]["replay"]["methods"] = json!(["GET"]));
    let mesh = mesh.start().await.unwrap();
    for failure in [Answer::status(500).text("boom"), Answer::status(500)] {
        regions.primary.behave(failure);
        assert_skipped(&mesh, &regions, Request::post("/assist", QUESTION), "method").await;
    }
}

#[tokio::test]
async fn a_body_of_exactly_the_cap_is_replayed_whole() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    regions.primary.behave(Answer::status(500).text("boom"));
    regions.secondary.behave(helius_e2e::Behaviour::Echo);
    let body = Bytes::from(vec![b'x'; MAX_BODY]);
    let halves = [body.slice(..MAX_BODY / 2), body.slice(MAX_BODY / 2..)];
    for request in [Request::post("/assist", body.clone()), Request::post("/assist", "").chunks(halves)] {
        let reply = mesh.send(request).await.unwrap();
        assert_eq!(reply.status, 200);
        assert_marked_secondary(&reply, "5xx");
        assert!(reply.body == body, "{} bytes came back", reply.body.len());
    }
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_body_over_the_cap_is_not_replayed() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    regions.primary.behave(Answer::status(500).text("boom"));
    let over = Bytes::from(vec![b'x'; MAX_BODY + 1]);
    let huge = Bytes::from(vec![b'x'; 2 << 20]);
    let pieces = [over.slice(..MAX_BODY), over.slice(MAX_BODY..)];
    let requests = [
        Request::post("/assist", over.clone()),
        Request::post("/assist", "").chunks(pieces),
        Request::post("/assist", huge.clone()),
        Request::post("/assist", "").chunks([huge.clone(), huge.clone()]),
    ];
    for request in requests {
        assert_skipped(&mesh, &regions, request, "body").await;
    }
    assert_eq!(regions.primary.take_requests()[2].body, huge);
    assert_from_secondary(&mesh.post("/assist", QUESTION).await.unwrap(), "5xx");
}

#[tokio::test]
async fn a_body_over_the_cap_reaches_a_healthy_primary_whole() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    regions.primary.behave(helius_e2e::Behaviour::Echo);
    let huge = Bytes::from(vec![b'x'; 2 << 20]);
    let reply = mesh.post("/assist", huge.clone()).await.unwrap();
    assert_eq!(reply.status, 200);
    assert!(reply.body == huge, "{} bytes came back", reply.body.len());
    assert!(reply.marks().is_empty(), "{:?}", reply.marks());
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn without_a_static_answer_the_failure_says_why_nobody_else_was_asked() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().assist_route(|route| {
        route["upstream"]["replay"]["methods"] = json!(["GET"]);
        route.as_object_mut().unwrap().remove("fail_open");
    });
    let mesh = mesh.start().await.unwrap();
    regions.primary.behave(Answer::status(500).text("boom"));
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    assert_eq!((reply.status, reply.text().as_str()), (500, "boom"));
    let expected = [
        ("served-by", "primary"),
        ("region", "us-east-1"),
        ("degraded", "5xx"),
        ("attempts", "1"),
        ("not-replayable", "method"),
    ];
    assert_eq!(marks(&reply), expected.into());
}

#[tokio::test]
async fn an_empty_body_is_replayed_empty() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    regions.primary.behave(Answer::status(500).text("boom"));
    let ledger = mesh.ledger().await.unwrap();
    let reply = mesh.send(Request::post("/assist", "").header("content-length", "0")).await.unwrap();
    assert_eq!((reply.status, reply.header("region")), (200, Some("us-west-2")));
    assert_marked_secondary(&reply, "5xx");
    assert!(regions.secondary.requests()[0].body.is_empty());
    ledger.attempts(&[("us-east-1", "5xx", 1), ("us-west-2", "ok", 1)]).await;
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn what_steers_a_proxy_is_not_replayed() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    regions.primary.behave(Answer::status(500).text("boom"));
    regions.secondary.behave(Answer::status(503).text("overloaded"));
    let request = Request::post("/assist", QUESTION)
        .header("x-envoy-retry-on", "5xx")
        .header("x-envoy-max-retries", "3")
        .header("x-request-id", "5f1ab0a4-5d4a-9c4c-8d3c-2f3f7e9a1b11");
    let reply = mesh.send(request).await.unwrap();
    assert_static_body(&reply);
    // The client's wish for retries may hold for Envoy's own route; the ladder asks each secondary once.
    let asked = regions.secondary.requests();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].header("x-request-id"), Some("5f1ab0a4-5d4a-9c4c-8d3c-2f3f7e9a1b11"));
    assert_eq!(asked[0].header("expect"), None);
    mesh.assert_unharmed().await;
}

/// A primary without hosts fails before a body has come, and Envoy reads no further: who waits for the body has it.
#[tokio::test]
async fn a_body_that_fits_the_hold_survives_a_primary_that_fails_at_once() {
    let regions = Regions::start().await;
    let long = "x".repeat(40 * 1024);
    for (hold, size, reason) in
        [("16KiB", 16 * 1024, None), ("16KiB", 40 * 1024, Some("incomplete")), ("64KiB", 40 * 1024, None)]
    {
        let mesh = regions.mesh().without_endpoints(PRIMARY_CLUSTER);
        let mesh = mesh.assist_route(|route| route["upstream"]["replay"]["hold"] = hold.into()).start().await.unwrap();
        let reply = mesh.post("/assist", long[..size].to_owned()).await.unwrap();
        assert_eq!(reply.marks().get("not-replayable").copied(), reason, "hold {hold}, {size} bytes");
        match reason {
            Some(_) => assert_static_body(&reply),
            None => assert_eq!(regions.secondary.take_requests()[0].body.len(), size),
        }
        mesh.assert_unharmed().await;
    }
}

#[tokio::test]
async fn holding_back_never_outgrows_a_small_buffer() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().buffer_limit(32 * 1024).start().await.unwrap();
    for size in [1, 16 * 1024, 16 * 1024 + 1, 40 * 1024, 64 * 1024, 300 * 1024] {
        let body = "x".repeat(size);
        let (first, rest) = body.split_at(size.min(4 * 1024));
        let in_chunks = Request::new(Method::POST, "/assist").chunks([first.to_owned(), rest.to_owned()]);
        for request in [Request::post("/assist", body.clone()), in_chunks] {
            let reply = mesh.send(request).await.unwrap();
            assert_eq!((reply.status, reply.marks().len()), (200, 0), "{size} bytes: {}", reply.text());
            assert_eq!(regions.primary.take_requests()[0].body.len(), size);
        }
    }
    mesh.assert_unharmed().await;
}
