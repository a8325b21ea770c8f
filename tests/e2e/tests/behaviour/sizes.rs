//! Answers near and beyond what Envoy and the filter hold back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use helius_e2e::{Answer, Behaviour, Ending, Mesh, Reply, wait_for};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::STRICT;
use crate::regions::{
    PRIMARY_CLUSTER, QUESTION, Regions, assert_from_primary, assert_from_secondary, assert_marked_secondary,
    assert_static,
};

const LIMIT: u32 = 32 * 1024;

fn filled(size: usize) -> Bytes {
    // Not all the same, so that a piece that comes twice or not at all is noticed.
    (0..size).map(|index| b'a' + u8::try_from(index % 23).unwrap_or(0)).collect()
}

fn assert_whole(reply: &Reply, body: &Bytes) {
    assert_eq!(reply.status, 200);
    assert!(reply.body == *body, "{} bytes came instead of {}", reply.body.len(), body.len());
}

async fn assert_next_is_served(mesh: &Mesh, regions: &Regions) {
    mesh.assert_unharmed().await;
    regions.primary.behave(Behaviour::Serve);
    assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
}

async fn assert_replaced(mesh: &Mesh, regions: &Regions, failure: Answer) {
    regions.primary.behave(failure);
    regions.secondary.behave(Behaviour::Serve);
    assert_from_secondary(&mesh.post("/assist", QUESTION).await.unwrap(), "5xx");
    // Time enough for the failed answer to arrive whole before there is something to replace it with.
    regions.secondary.behave(Answer::status(500).text("boom").after(Duration::from_millis(100)));
    assert_static(&mesh.post("/assist", QUESTION).await.unwrap(), "5xx", "2");
    mesh.assert_unharmed().await;
}

/// A failed answer that comes in pieces.
fn dripped(size: usize) -> Answer {
    let pieces: Vec<Bytes> = filled(size).chunks(8 * 1024).map(Bytes::copy_from_slice).collect();
    Answer::status(500).drip(pieces, Duration::from_millis(1))
}

#[tokio::test]
async fn failed_answers_around_a_small_buffer_limit_are_replaced() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().buffer_limit(LIMIT).start().await.unwrap();
    for size in [16 * 1024, 30 * 1024, 32 * 1024] {
        println!("a failed answer of {size} bytes");
        assert_replaced(&mesh, &regions, Answer::status(500).body(filled(size))).await;
        assert_replaced(&mesh, &regions, dripped(size)).await;
    }
    assert_next_is_served(&mesh, &regions).await;
}

/// Far more than Envoy may hold back, but never at once.
#[tokio::test]
async fn a_failed_answer_far_over_the_buffer_limit_is_replaced_if_it_comes_in_pieces() {
    const PIECE: usize = 24 * 1024;
    const PIECES: usize = 8;
    let regions = Regions::start().await;
    let mesh = regions.mesh().buffer_limit(LIMIT).assist_route(with_much_time).start().await.unwrap();
    for ending in [Ending::Complete, Ending::Stall] {
        println!("ending: {ending:?}");
        let (failed, better) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        regions.primary.behave(Answer::status(500).gated(vec![filled(PIECE); PIECES], &failed).ending(ending));
        regions.secondary.behave(Answer::status(200).gated(["better"], &better));
        // Each piece is sent when Envoy has read the one before, and the better answer when it has read them all: so
        // what arrives at once does not depend on who else keeps this machine busy.
        let before = received_of_primary(&mesh).await;
        let feed = async {
            for sent in 1..=PIECES {
                failed.add_permits(1);
                let has_arrived = async || (received_of_primary(&mesh).await >= before + sent * PIECE).then_some(());
                wait_for("a piece of the failed answer", Duration::from_secs(5), has_arrived).await.unwrap();
            }
            better.add_permits(1);
        };
        let (reply, ()) = tokio::join!(mesh.post("/assist", QUESTION), feed);
        let reply = reply.unwrap();
        assert_whole(&reply, &Bytes::from("better"));
        assert_marked_secondary(&reply, if STRICT && ending == Ending::Stall { "timeout" } else { "5xx" });
    }
    assert_next_is_served(&mesh, &regions).await;
}

fn with_much_time(route: &mut Value) {
    route["upstream"]["timeout"] = json!("20s");
    route["upstream"]["regions"][1]["timeout"] = json!("15s");
}

pub(crate) async fn received_of_primary(mesh: &Mesh) -> usize {
    let stats = mesh.stats().await.unwrap();
    let received = stats.sum("envoy_cluster_upstream_cx_rx_bytes_total", &[("envoy_cluster_name", PRIMARY_CLUSTER)]);
    usize::try_from(received).unwrap()
}

#[tokio::test]
async fn large_failed_answers_are_replaced() {
    let regions = Regions::start().await;
    // What arrives at once must fit Envoy's buffer, or Envoy answers past every filter: see below.
    let mesh = regions.mesh().buffer_limit(4 << 20).start().await.unwrap();
    for size in [200 * 1024, 3 << 20] {
        println!("a failed answer of {size} bytes");
        assert_replaced(&mesh, &regions, Answer::status(500).body(filled(size))).await;
    }
    assert_next_is_served(&mesh, &regions).await;
}

/// Where more arrives at once than Envoy may hold back, Envoy answers 500 past every filter. The filter cannot prevent
/// that, only survive it, and count it as what the client saw.
#[tokio::test]
async fn a_failed_answer_that_comes_faster_than_envoy_may_hold_it() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().buffer_limit(LIMIT).start().await.unwrap();
    regions.primary.behave(Answer::status(500).body(filled(3 << 20)));
    regions.secondary.behave(Answer::status(200).text("fine").after(Duration::from_millis(300)));
    let ledger = mesh.ledger().await.unwrap();
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    if STRICT {
        // The answer to a call is not in that buffer.
        assert_marked_secondary(&reply, "5xx");
    } else {
        assert_eq!(reply.status, 500);
        ledger.responses(&[("primary", "5xx", 1)]).await;
        ledger.attempts(&[("us-east-1", "5xx", 1), ("us-west-2", "abandoned", 1)]).await;
    }
    regions.secondary.behave(Behaviour::Serve);
    regions.primary.behave(Answer::status(500).text("boom"));
    assert_from_secondary(&mesh.post("/assist", QUESTION).await.unwrap(), "5xx");
    assert_next_is_served(&mesh, &regions).await;
}

#[tokio::test]
async fn a_failed_answer_that_fits_comes_back_whole_where_nothing_better_is_found() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().buffer_limit(LIMIT).assist_route(|route| {
        route.as_object_mut().unwrap().remove("fail_open");
    });
    let mesh = mesh.start().await.unwrap();
    regions.secondary.behave(Answer::status(500));
    for size in [1, 16 * 1024, 30 * 1024] {
        let body = filled(size);
        regions.primary.behave(Answer::status(500).body(body.clone()));
        let reply = mesh.post("/assist", QUESTION).await.unwrap();
        assert_eq!(reply.status, 500);
        assert!(reply.body == body, "{} bytes came instead of {size}", reply.body.len());
        assert_eq!(reply.marks().get("served-by"), Some(&"primary"));
    }
    assert_next_is_served(&mesh, &regions).await;
}

#[tokio::test]
async fn large_answers_of_the_secondary_come_whole() {
    let regions = Regions::start().await;
    for mesh in [regions.start_mesh().await, regions.mesh().buffer_limit(LIMIT).start().await.unwrap()] {
        for size in [100 * 1024, 2 << 20] {
            let body = filled(size);
            regions.secondary.behave(Answer::status(200).body(body.clone()));
            for failure in [Answer::status(500).text("boom"), Answer::status(500)] {
                println!("{size} bytes instead of {failure:?}");
                regions.primary.behave(failure);
                for client in [mesh.client(), mesh.http2_client()] {
                    let request = helius_e2e::Request::post("/assist", QUESTION);
                    let reply = client.send(request).await.unwrap();
                    assert_whole(&reply, &body);
                    assert_marked_secondary(&reply, "5xx");
                }
            }
        }
        assert_next_is_served(&mesh, &regions).await;
    }
}

#[tokio::test]
async fn large_answers_of_the_primary_are_streamed_whole() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().buffer_limit(LIMIT).start().await.unwrap();
    let body = filled(5 << 20);
    regions.primary.behave(Answer::status(200).body(body.clone()));
    for client in [mesh.client(), mesh.http2_client()] {
        let reply = client.send(helius_e2e::Request::post("/assist", QUESTION)).await.unwrap();
        assert_whole(&reply, &body);
        assert!(reply.marks().is_empty());
    }
    assert_next_is_served(&mesh, &regions).await;
}

#[tokio::test]
async fn a_failed_answer_that_never_ends_is_replaced() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().buffer_limit(LIMIT).start().await.unwrap();
    // More would have to come in pieces, see above.
    for size in [10, 30 * 1024] {
        regions.primary.behave(Answer::status(500).body(filled(size)).ending(Ending::Stall));
        // Of an answer to a call nothing is seen before its end.
        let verdict = if STRICT { "timeout" } else { "5xx" };
        assert_from_secondary(&mesh.post("/assist", QUESTION).await.unwrap(), verdict);
    }
    assert_next_is_served(&mesh, &regions).await;
}
