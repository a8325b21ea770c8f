//! What only strict mode does.

use std::time::{Duration, Instant};

use helius_e2e::{Answer, Behaviour, Bootstrap, Ending, Mesh, Request};
use serde_json::json;

use crate::regions::{
    PRIMARY_CLUSTER, QUESTION, Regions, SECONDARY_CLUSTER, assert_from_primary, assert_from_secondary, assert_static,
    marks,
};

/// What a deadline may be off, in either direction.
const EXACTNESS: Duration = Duration::from_millis(20);

async fn assert_covered(mesh: &Mesh, verdict: &str) {
    let ledger = mesh.ledger().await.unwrap();
    for client in [mesh.client(), mesh.http2_client()] {
        assert_from_secondary(&client.send(Request::post("/assist", QUESTION)).await.unwrap(), verdict);
    }
    ledger.attempts(&[("us-east-1", verdict, 2), ("us-west-2", "ok", 2)]).await;
    ledger.responses(&[("secondary", verdict, 2)]).await;
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_in_its_middle_is_covered() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    for status in [200, 500] {
        for (ending, verdict) in [(Ending::Reset, "reset"), (Ending::Close, "reset"), (Ending::Stall, "timeout")] {
            println!("{status}, ending: {ending:?}");
            regions.primary.behave(Answer::status(status).text("half").ending(ending));
            assert_covered(&mesh, verdict).await;
        }
    }
    regions.primary.behave(Behaviour::Serve);
    assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
}

#[tokio::test]
async fn a_failed_answer_that_is_larger_than_envoys_buffer_is_covered() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().buffer_limit(32 << 10).start().await.unwrap();
    regions.primary.behave(Answer::status(500).body(vec![b'x'; 3 << 20]));
    assert_covered(&mesh, "5xx").await;
}

#[tokio::test]
async fn a_large_good_answer_comes_whole() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().buffer_limit(32 << 10).start().await.unwrap();
    let body = vec![b'x'; 2 << 20];
    regions.primary.behave(Answer::status(200).header("x-own", "kept").body(body.clone()));
    for client in [mesh.client(), mesh.http2_client()] {
        let reply = client.send(Request::post("/assist", QUESTION)).await.unwrap();
        assert_eq!((reply.status, reply.header("x-own")), (200, Some("kept")));
        assert!(reply.body == body, "{} bytes", reply.body.len());
        assert!(marks(&reply).is_empty());
    }
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn the_deadline_is_kept_however_slowly_the_regions_drip() {
    let total = Duration::from_millis(700);
    let regions = Regions::start().await;
    let mesh = regions.mesh().assist_route(|route| route["upstream"]["timeout"] = json!("700ms"));
    let mesh = mesh.start().await.unwrap();
    let drips = || Answer::status(200).drip(vec!["x"; 1_000], Duration::from_millis(30));
    regions.primary.behave(drips());
    regions.secondary.behave(drips());
    let mut closest = Duration::MAX;
    for _ in 0..5 {
        let begun = Instant::now();
        assert_static(&mesh.post("/assist", QUESTION).await.unwrap(), "timeout", "2");
        closest = closest.min(begun.elapsed().abs_diff(total));
    }
    // Only a machine that is busy all the time makes all of them late.
    assert!(closest <= EXACTNESS, "off by {closest:?} at best");
    mesh.assert_unharmed().await;
}

fn bypassed(reason: &'static str) -> [(&'static str, &'static str); 2] {
    [("route", "assist"), ("reason", reason)]
}

#[tokio::test]
async fn what_is_too_long_to_wait_for_goes_by_the_route_and_is_counted() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    let announced = || Request::post("/assist", "x".repeat(20_000));
    let unknown = || Request::post("/assist", "").chunks([vec![b'x'; 10_000], vec![b'x'; 10_000]]);
    let over = || Request::post("/assist", "x".repeat(70_000));
    regions.primary.behave(Answer::status(200).text("as it comes"));
    for (request, reason, length) in
        [(announced(), "incomplete", 20_000), (unknown(), "incomplete", 20_000), (over(), "body", 70_000)]
    {
        let before = mesh.stats().await.unwrap().sum("helius_strict_bypassed_total", &bypassed(reason));
        let reply = mesh.send(request).await.unwrap();
        assert_eq!((reply.status, reply.text().as_str()), (200, "as it comes"));
        assert!(marks(&reply).is_empty());
        assert_eq!(regions.primary.take_requests()[0].body.len(), length);
        let after = mesh.stats().await.unwrap().sum("helius_strict_bypassed_total", &bypassed(reason));
        assert_eq!(after - before, 1, "{reason}");
    }
    // What it waits for it calls, also where no length is announced.
    let short = Request::post("/assist", "").chunks(["one", "two"]).pace(Duration::from_millis(20));
    regions.primary.behave(Answer::status(200).text("half").ending(Ending::Reset));
    let reply = mesh.send(short).await.unwrap();
    assert_eq!(marks(&reply).get("degraded"), Some(&"reset"));
    assert_eq!(&regions.secondary.take_requests()[0].body[..], b"onetwo");
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_method_that_may_not_be_replayed_is_sent_once() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().assist_route(|route| route["upstream"]["replay"]["methods"] = json!(["GET"]));
    let mesh = mesh.start().await.unwrap();
    assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
    regions.primary.behave(Answer::status(200).text("half").ending(Ending::Reset));
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    let expected =
        [("served-by", "static"), ("degraded", "reset"), ("attempts", "1"), ("not-replayable", "method")].into();
    assert_eq!(marks(&reply), expected);
    assert_eq!((regions.primary.count(), regions.secondary.count()), (2, 0));
    mesh.assert_unharmed().await;
}

fn edit_route(bootstrap: Bootstrap, edit: impl FnOnce(&mut serde_json::Value)) -> Bootstrap {
    bootstrap.envoy_routes(|routes| edit(&mut routes[0]))
}

#[tokio::test]
async fn the_primary_is_whatever_cluster_the_route_has_chosen() {
    let regions = Regions::start().await;
    let mesh = edit_route(regions.mesh(), |route| {
        let half = |cluster, weight| json!({ "name": cluster, "weight": weight });
        let clusters = [half(PRIMARY_CLUSTER, 0), half(SECONDARY_CLUSTER, 100)];
        route["route"] = json!({ "weighted_clusters": { "clusters": clusters } });
    });
    let mesh = mesh.start().await.unwrap();
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    assert_eq!(reply.header("region"), Some("us-west-2"));
    assert!(marks(&reply).is_empty());
    assert_eq!(regions.primary.count(), 0);
}

#[tokio::test]
async fn what_envoys_route_answers_itself_it_answers() {
    let regions = Regions::start().await;
    let mesh = edit_route(regions.mesh(), |route| {
        let route = route.as_object_mut().unwrap();
        route.remove("route");
        route.insert("direct_response".to_owned(), json!({ "status": 418 }));
    });
    let mesh = mesh.start().await.unwrap();
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    assert_eq!(reply.status, 418);
    assert!(marks(&reply).is_empty());
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn the_trailers_of_an_answer_are_left_out() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().http2_upstreams().start().await.unwrap();
    regions.primary.behave(Answer::status(200).text("whole").trailer("checksum", "abc"));
    let reply = mesh.http2_client().send(Request::post("/assist", QUESTION)).await.unwrap();
    assert_eq!((reply.status, reply.text().as_str(), reply.trailers), (200, "whole", None));
    mesh.assert_unharmed().await;
}
