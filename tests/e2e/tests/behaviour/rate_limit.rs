//! Who comes too often is told so, and when to come again; the region never sees the request.

use std::time::Duration;

use helius_e2e::{Bootstrap, Client, Reply, Request};
use hyper::Method;
use serde_json::{Value, json};

use crate::regions::{QUESTION, Regions, assert_from_primary};

fn limited(regions: &Regions, limits: &Value) -> Bootstrap {
    regions.mesh().assist_route(|route| route["admission"] = json!({ "rate_limit": limits }))
}

fn question() -> Request {
    Request::post("/assist", QUESTION)
}

fn assert_limited(reply: &Reply) -> Duration {
    assert_eq!(reply.status, 429, "{}", reply.text());
    assert_eq!(reply.text(), "too many requests\n");
    assert!(reply.marks().is_empty(), "it is no answer of a rung: {:?}", reply.marks());
    Duration::from_secs(reply.header("retry-after").unwrap().parse().unwrap())
}

#[tokio::test]
async fn who_waits_as_long_as_told_is_admitted() {
    let regions = Regions::start().await;
    let mesh = limited(&regions, &json!([{ "rate": "60/min", "burst": 1 }])).start().await.unwrap();
    let ledger = mesh.ledger().await.unwrap();
    assert_from_primary(&mesh.send(question()).await.unwrap());
    let reply = mesh.send(question()).await.unwrap();
    let wait = assert_limited(&reply);
    assert_eq!(wait, Duration::from_secs(1));
    assert_eq!(reply.header("x-ratelimit-limit"), None);
    assert_eq!(regions.primary.count(), 1, "who is limited costs the region nothing");
    // The promise itself takes time; nothing else is waited for here.
    tokio::time::sleep(wait).await;
    assert_from_primary(&mesh.send(question()).await.unwrap());
    ledger.admissions(&[("assist", "allowed", 2), ("assist", "limited", 1)]).await;
    ledger.responses(&[("primary", "none", 2)]).await;
    assert_eq!(regions.secondary.count(), 0);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn each_client_has_a_quota_of_its_own_and_may_be_told_all_of_it() {
    let regions = Regions::start().await;
    let limits = json!([{ "key": [{ "header": "x-tenant" }, "method"], "rate": "2/h", "burst": 2, "headers": "all" }]);
    let mesh = limited(&regions, &limits).start().await.unwrap();
    for tenant in ["acme", "globex", "acme/globex"] {
        let ask = || mesh.send(question().header("x-tenant", tenant));
        assert_from_primary(&ask().await.unwrap());
        assert_from_primary(&ask().await.unwrap());
        let reply = ask().await.unwrap();
        let wait = assert_limited(&reply).as_secs();
        assert!((1790..=1800).contains(&wait), "half an hour, less what has passed: {wait}");
        assert_eq!(reply.header("x-ratelimit-limit"), Some("2, 2;w=3600"));
        assert_eq!(reply.header("x-ratelimit-remaining"), Some("0"));
        assert_eq!(reply.header("x-ratelimit-reset"), Some(wait.to_string().as_str()));
    }
    // Nobody escapes by leaving the header out, or by sending one that is no text.
    for tenant in [None, Some(b"\xff\xfe")] {
        let ask = || mesh.send(tenant.into_iter().fold(question(), |it, value| it.header("x-tenant", value)));
        assert_from_primary(&ask().await.unwrap());
        assert_from_primary(&ask().await.unwrap());
        assert_limited(&ask().await.unwrap());
    }
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn the_first_limit_that_is_reached_answers() {
    let regions = Regions::start().await;
    let limits = json!([{ "key": ["source_address"], "rate": "1/h", "burst": 5 }, { "key": ["path"], "rate": "3/h" }]);
    let mesh = limited(&regions, &limits).start().await.unwrap();
    assert_from_primary(&mesh.send(question()).await.unwrap());
    // Whatever the port: the address is the same. The query is no other path.
    for _ in 0..4 {
        assert!(assert_limited(&mesh.post("/assist?again", QUESTION).await.unwrap()).as_secs() <= 1200);
    }
    assert!(assert_limited(&mesh.send(question()).await.unwrap()).as_secs() > 1200, "the first limit counted them all");
}

#[tokio::test]
async fn what_the_ladder_leaves_alone_is_limited_too() {
    let regions = Regions::start().await;
    let mesh = limited(&regions, &json!([{ "rate": "1/h" }])).start().await.unwrap();
    let events = || question().header("accept", "text/event-stream");
    assert_eq!(mesh.send(events()).await.unwrap().status, 200);
    assert_limited(&mesh.send(events()).await.unwrap());
    let grpc = Request::new(Method::POST, "/assist").header("content-type", "application/grpc");
    let reply = mesh.http2_client().send(grpc).await.unwrap();
    assert_eq!((reply.status, reply.header("grpc-status")), (200, Some("14")), "as Envoy says 429 to gRPC");
    assert_eq!(regions.primary.count(), 1);
}

#[tokio::test]
async fn shadow_mode_lets_everybody_in_and_counts() {
    let regions = Regions::start().await;
    let mesh = limited(&regions, &json!([{ "rate": "2/h" }])).configure(|document| document["mode"] = "shadow".into());
    let mesh = mesh.start().await.unwrap();
    let ledger = mesh.ledger().await.unwrap();
    for _ in 0..5 {
        assert_from_primary(&mesh.send(question()).await.unwrap());
    }
    ledger.admissions(&[("assist", "allowed", 1), ("assist", "would_limited", 4)]).await;
}

#[tokio::test]
async fn a_limit_outlives_a_configuration_push() {
    let regions = Regions::start().await;
    let bootstrap = limited(&regions, &json!([{ "rate": "3/h", "burst": 3 }]));
    let document = bootstrap.document().to_string();
    let mut pushed = bootstrap.start_pushed().await.unwrap();
    for _ in 0..3 {
        assert_from_primary(&pushed.mesh().send(question()).await.unwrap());
    }
    pushed.push(&document.replace("safemode_fallback", "another")).await.unwrap();
    for _ in 0..8 {
        assert_limited(&pushed.mesh().send(question()).await.unwrap());
    }
}

/// A connection stays with its worker; ten of them are spread over all.
#[tokio::test]
async fn all_workers_count_together() {
    let regions = Regions::start().await;
    let mesh = limited(&regions, &json!([{ "rate": "1/h", "burst": 50 }])).concurrency(4).start().await.unwrap();
    let ask = async |client: Client| {
        let mut connection = client.connect().await.unwrap();
        let mut admitted = 0;
        for _ in 0..20 {
            // Without a body: Envoy closes a connection whose request it has answered before its end.
            let question = Request::new(Method::POST, "/assist");
            admitted += usize::from(connection.send(question).await.unwrap().status == 200);
        }
        admitted
    };
    let clients = (0..10).map(|_| tokio::spawn(ask(mesh.client()))).collect::<Vec<_>>();
    let mut admitted = 0;
    for client in clients {
        admitted += client.await.unwrap();
    }
    assert_eq!(admitted, 50, "of two hundred");
    let ledger = mesh.stats().await.unwrap();
    assert_eq!(ledger.sum("helius_admission_total", &[("decision", "allowed")]), 50);
    assert_eq!(ledger.sum("helius_admission_total", &[("decision", "limited")]), 150);
}
