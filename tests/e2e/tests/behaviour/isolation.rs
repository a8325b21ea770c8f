//! What comes from an isolated region is turned away; nobody behind the filter sees it.

use helius_e2e::{Bootstrap, Reply, Request};
use hyper::Method;
use serde_json::json;

use crate::regions::{QUESTION, Regions, assert_from_primary};

const REGION: &str = "x-helius-region";

fn isolating(regions: &Regions, isolated: &[&str]) -> Bootstrap {
    regions.mesh().assist_route(|route| {
        route["admission"] = json!({ "isolate": { "region_header": REGION, "regions": isolated } });
    })
}

fn from(region: impl AsRef<[u8]>) -> Request {
    Request::post("/assist", QUESTION).header(REGION, region)
}

fn assert_isolated(reply: &Reply, region: &str) {
    assert_eq!((reply.status, reply.text().as_str()), (503, "this region is isolated\n"));
    assert_eq!(reply.marks(), [("isolated", region)].into(), "it is no answer of a rung");
}

#[tokio::test]
async fn an_isolated_region_is_told_so_and_all_others_are_served() {
    let regions = Regions::start().await;
    let mesh = isolating(&regions, &["eu-south-1", "sa-east-1"]).start().await.unwrap();
    let ledger = mesh.ledger().await.unwrap();
    for region in ["eu-south-1", "sa-east-1"] {
        assert_isolated(&mesh.send(from(region)).await.unwrap(), region);
    }
    let events = from("eu-south-1").header("accept", "text/event-stream");
    assert_isolated(&mesh.send(events).await.unwrap(), "eu-south-1");
    let grpc = Request::new(Method::POST, "/assist").header(REGION, "eu-south-1");
    let reply = mesh.http2_client().send(grpc.header("content-type", "application/grpc")).await.unwrap();
    assert_eq!((reply.status, reply.header("grpc-status")), (200, Some("14")), "as Envoy says 503 to gRPC");
    assert_eq!(regions.primary.count(), 0, "who is turned away costs the region nothing");
    for region in [&b"us-east-1"[..], b"EU-SOUTH-1", b"eu-south-1x", b"\xff\xfe", b""] {
        assert_from_primary(&mesh.send(from(region)).await.unwrap());
    }
    assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
    ledger.admissions(&[("assist", "isolated", 4), ("assist", "allowed", 6)]).await;
    ledger.responses(&[("primary", "none", 6)]).await;
    assert_eq!((regions.primary.count(), regions.secondary.count()), (6, 0));
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_push_isolates_a_region_and_lets_it_back() {
    let regions = Regions::start().await;
    let nobody = isolating(&regions, &[]).document().to_string();
    let bootstrap = isolating(&regions, &["eu-south-1"]);
    let isolated = bootstrap.document().to_string();
    let mut pushed = bootstrap.start_pushed().await.unwrap();
    assert_isolated(&pushed.mesh().send(from("eu-south-1")).await.unwrap(), "eu-south-1");
    pushed.push(&nobody).await.unwrap();
    for _ in 0..4 {
        assert_from_primary(&pushed.mesh().send(from("eu-south-1")).await.unwrap());
    }
    pushed.push(&isolated).await.unwrap();
    for _ in 0..4 {
        assert_isolated(&pushed.mesh().send(from("eu-south-1")).await.unwrap(), "eu-south-1");
    }
    assert_eq!(regions.primary.count(), 4);
}

#[tokio::test]
async fn shadow_mode_lets_everybody_in_and_counts() {
    let regions = Regions::start().await;
    let bootstrap = isolating(&regions, &["eu-south-1"]).configure(|document| document["mode"] = "shadow".into());
    let mesh = bootstrap.start().await.unwrap();
    let ledger = mesh.ledger().await.unwrap();
    for region in ["eu-south-1", "us-east-1", "eu-south-1"] {
        assert_from_primary(&mesh.send(from(region)).await.unwrap());
    }
    ledger.admissions(&[("assist", "allowed", 1), ("assist", "would_isolated", 2)]).await;
}
