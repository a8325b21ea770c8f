//! gRPC on a route that has a status ready for it: never a second region, and an honest status instead of a failure.

use std::time::Duration;

use helius_e2e::{Answer, Behaviour, Mesh, Reply, Request};
use hyper::Method;
use serde_json::{Value, json};

use crate::regions::{PRIMARY_CLUSTER, QUESTION, Regions, assert_from_primary, marks};

const MESSAGE: &[u8] = b"\0\0\0\0\x02\x08\x07";

fn of_type(content_type: &str) -> Request {
    Request::new(Method::POST, "/assist").header("content-type", content_type).body(MESSAGE)
}

fn call() -> Request {
    of_type("application/grpc").header("te", "trailers")
}

fn covering(route: &mut Value) {
    route["fail_open"]["grpc"] = json!({ "status": "UNAVAILABLE", "message": "no region answers" });
}

async fn start(regions: &Regions) -> Mesh {
    regions.mesh().http2_upstreams().assist_route(covering).start().await.unwrap()
}

/// An answer of nothing but a status.
fn status_alone(status: &str) -> Answer {
    Answer::status(200).header("content-type", "application/grpc").header("grpc-status", status)
}

async fn ask(mesh: &Mesh) -> Reply {
    mesh.http2_client().send(call()).await.unwrap()
}

fn assert_fails_openly(reply: &Reply, degraded: &str) {
    let seen = ["content-type", "grpc-status", "grpc-message"].map(|name| reply.header(name));
    assert_eq!(seen, [Some("application/grpc"), Some("14"), Some("no region answers")], "{reply:?}");
    assert_eq!((reply.status, reply.text().as_str(), &reply.trailers), (200, "", &None));
    let expected =
        [("served-by", "static"), ("degraded", degraded), ("attempts", "1"), ("not-replayable", "grpc")].into();
    assert_eq!(marks(reply), expected);
}

#[tokio::test]
async fn a_good_call_is_not_touched() {
    let regions = Regions::start().await;
    let mesh = start(&regions).await;
    let answer = Answer::status(200).header("content-type", "application/grpc").body(MESSAGE);
    regions.primary.behave(answer.trailer("grpc-status", "0").trailer("x-own", "kept"));
    let reply = ask(&mesh).await;
    assert_eq!((&reply.body[..], marks(&reply).len()), (MESSAGE, 0));
    let trailers = reply.trailers.unwrap();
    assert_eq!((&trailers["grpc-status"], &trailers["x-own"]), (&"0".parse().unwrap(), &"kept".parse().unwrap()));
    assert_eq!(&regions.primary.take_requests()[0].body[..], MESSAGE);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn what_the_service_says_of_a_call_passes() {
    let regions = Regions::start().await;
    let mesh = start(&regions).await;
    for (status, verdict) in [("0", "ok"), ("3", "client_error"), ("5", "client_error"), ("16", "client_error")] {
        let ledger = mesh.ledger().await.unwrap();
        regions.primary.behave(status_alone(status));
        let reply = ask(&mesh).await;
        assert_eq!((reply.header("grpc-status"), marks(&reply).len()), (Some(status), 0));
        ledger.attempts(&[("us-east-1", verdict, 1)]).await;
    }
    regions.primary.behave(status_alone("8").header("grpc-message", "slow down"));
    let reply = ask(&mesh).await;
    assert_eq!((reply.header("grpc-status"), reply.header("grpc-message")), (Some("8"), Some("slow down")));
    assert_eq!(marks(&reply).get("degraded"), Some(&"rate_limited"));
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_failed_call_gets_the_status_that_is_configured() {
    let mut regions = Regions::start().await;
    let mesh = start(&regions).await;
    let failures: [(Behaviour, &str); 7] = [
        (status_alone("14").into(), "5xx"),
        (status_alone("13").header("grpc-message", "boom").into(), "5xx"),
        (Answer::status(503).text("overloaded").into(), "5xx"),
        (Answer::status(500).into(), "5xx"),
        (Behaviour::Reset, "reset"),
        (Behaviour::Hang, "timeout"),
        (status_alone("0").after(Duration::from_secs(1)).into(), "timeout"),
    ];
    for (behaviour, verdict) in failures {
        println!("primary: {behaviour:?}");
        let ledger = mesh.ledger().await.unwrap();
        regions.primary.behave(behaviour);
        assert_fails_openly(&ask(&mesh).await, verdict);
        ledger.attempts(&[("us-east-1", verdict, 1), ("us-west-2", "skipped_not_replayable", 1)]).await;
        ledger.responses(&[("static", verdict, 1)]).await;
        mesh.assert_unharmed().await;
    }
    regions.primary.refuse().await;
    assert_fails_openly(&ask(&mesh).await, "connect");
    assert_eq!(regions.secondary.count(), 0);
}

#[tokio::test]
async fn nobody_waits_for_a_region_that_is_left_alone() {
    let regions = Regions::start().await;
    let bootstrap = regions.mesh().http2_upstreams().breakers(&json!({ "mode": "forced_open" }));
    let mesh = bootstrap.assist_route(covering).start().await.unwrap();
    let reply = ask(&mesh).await;
    assert_eq!((reply.header("grpc-status"), reply.header("grpc-message")), (Some("14"), Some("no region answers")));
    assert_eq!(marks(&reply).get("degraded"), Some(&"skipped_breaker_open"));
    assert_eq!(regions.primary.count(), 0);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn beyond_its_share_of_made_up_answers_a_call_is_told_that_the_service_is_unavailable() {
    let regions = Regions::start().await;
    let bootstrap = regions.mesh().http2_upstreams().concurrency(1).assist_route(covering);
    let bootstrap = bootstrap.assist_route(|route| {
        route["fail_open"]["max_share"] = json!({ "share": 0.0, "window": "1h", "min_requests": 2 });
    });
    let mesh = bootstrap.start().await.unwrap();
    let failures = [status_alone("14"), Answer::status(503).text("overloaded")];
    for failure in failures.clone() {
        regions.primary.behave(failure);
        assert_fails_openly(&ask(&mesh).await, "5xx");
    }
    for failure in failures {
        regions.primary.behave(failure);
        let reply = ask(&mesh).await;
        let text = "no region gave an answer, and too many answers are made up already";
        let seen = ["content-type", "grpc-status", "grpc-message"].map(|name| reply.header(name));
        assert_eq!(seen, [Some("application/grpc"), Some("14"), Some(text)], "{reply:?}");
        assert_eq!((reply.status, reply.text().as_str(), &reply.trailers), (200, "", &None));
        assert_eq!(marks(&reply).get("served-by"), Some(&"refusal"));
    }
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn other_requests_of_the_route_get_what_they_always_got() {
    let regions = Regions::start().await;
    let mesh = start(&regions).await;
    assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
    let without_hosts = regions.mesh().http2_upstreams().without_endpoints(PRIMARY_CLUSTER).assist_route(covering);
    let mesh = without_hosts.start().await.unwrap();
    assert_fails_openly(&ask(&mesh).await, "no_healthy_upstream");
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    assert_eq!(marks(&reply).get("served-by"), Some(&"secondary"));
    // gRPC-Web has its status in the body.
    let reply = mesh.send(of_type("application/grpc-web")).await;
    assert!(marks(&reply.unwrap()).is_empty());
    mesh.assert_unharmed().await;
}
