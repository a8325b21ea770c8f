//! What is of use comes as it would without the filter.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use helius_e2e::{Answer, Bootstrap, Client, Mesh, Reply, wait_for};
use tokio::sync::Semaphore;

use super::answers::{sized, ways};
use super::{IN_PLACE, any_length, ask, assert_valid, judged, question, with_much_time};
use crate::STRICT;
use crate::outer_filters::witness;
use crate::regions::Regions;
use crate::shadow::seen;
use crate::sizes::received_of_primary;

#[tokio::test]
async fn a_valid_answer_comes_as_it_would_without_the_filter() {
    let regions = Regions::start().await;
    for upstreams in [Bootstrap::without_breakers, Bootstrap::http2_upstreams] {
        let bare = upstreams(regions.mesh()).without_filter().start().await.unwrap();
        let mesh = with_much_time(judged(upstreams(regions.mesh()), &any_length())).start().await.unwrap();
        let ledger = mesh.ledger().await.unwrap();
        let mut asked = 0;
        // Over connections that stay open: that an answer was held must not cost its client the connection.
        let clients = [(bare.client(), mesh.client()), (bare.http2_client(), mesh.http2_client())];
        for (to_bare, to_mesh) in clients {
            let (mut to_bare, mut to_mesh) = (to_bare.connect().await.unwrap(), to_mesh.connect().await.unwrap());
            for size in [10, 16 * 1024, 16 * 1024 + 1, IN_PLACE, IN_PLACE + 1, 200 * 1024] {
                for answer in ways(&sized(size)) {
                    regions.primary.behave(answer);
                    let expected = to_bare.send(question()).await.unwrap();
                    let reply = to_mesh.send(question()).await.unwrap();
                    assert!(reply.body == sized(size), "{} bytes came instead of {size}", reply.body.len());
                    assert_same(&reply, &expected);
                    asked += 1;
                }
            }
        }
        ledger.attempts(&[("us-east-1", "ok", asked)]).await;
        ledger.responses(&[("primary", "none", asked)]).await;
        mesh.assert_unharmed().await;
    }
    assert_eq!(regions.secondary.count(), 0);
}

#[tokio::test]
async fn the_bytes_of_a_valid_answer_may_be_any_that_http_allows() {
    let regions = Regions::start().await;
    let bare = regions.mesh().http2_upstreams().without_filter().start().await.unwrap();
    let mesh = judged(regions.mesh().http2_upstreams(), &any_length()).start().await.unwrap();
    for size in [10, IN_PLACE] {
        let answer = Answer::status(206).header("x-own", b"\xff\xfe").body(sized(size)).trailer("checksum", "abc");
        regions.primary.behave(answer);
        for (to_bare, to_mesh) in [(bare.client(), mesh.client()), (bare.http2_client(), mesh.http2_client())] {
            let (expected, reply) = (to_bare.send(question()).await.unwrap(), to_mesh.send(question()).await.unwrap());
            if STRICT {
                // A reply of the filter's own has no trailers, and headers that are text.
                assert_eq!((reply.status, reply.body, reply.trailers), (206, expected.body, None));
                continue;
            }
            assert_same(&reply, &expected);
            assert_eq!(reply.trailers, expected.trailers);
        }
    }
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn filters_outside_see_a_valid_answer_that_is_not_long() {
    let regions = Regions::start().await;
    let bootstrap = judged(regions.mesh(), &any_length());
    let mesh = bootstrap.outer_filter(witness("x-outer")).inner_filter(witness("x-inner")).start().await.unwrap();
    for size in [10, IN_PLACE] {
        for answer in ways(&sized(size)) {
            regions.primary.behave(answer);
            let reply = ask(&mesh).await;
            assert!(reply.body == sized(size), "{} bytes came instead of {size}", reply.body.len());
            assert_eq!((reply.header("x-outer"), reply.header("x-inner")), (Some("200"), Some("200")));
        }
    }
    mesh.assert_unharmed().await;
}

/// What Envoy may hold is what a sidecar of Istio may.
#[tokio::test]
async fn a_valid_answer_comes_whole_where_envoy_may_hold_little() {
    let regions = Regions::start().await;
    let bootstrap = with_much_time(judged(regions.mesh(), &any_length()));
    let mesh = bootstrap.buffer_limit(32 * 1024).start().await.unwrap();
    for size in [10, 16 * 1024, 16 * 1024 + 1, IN_PLACE] {
        for answer in ways(&sized(size)) {
            regions.primary.behave(answer);
            for client in [mesh.client(), mesh.http2_client()] {
                assert_valid(&client.send(question()).await.unwrap(), size);
            }
        }
    }
    for size in [IN_PLACE + 1, 200 * 1024] {
        for client in [mesh.client(), mesh.http2_client()] {
            assert_valid(&ask_piece_by_piece(&mesh, client, &regions, &sized(size)).await, size);
        }
    }
    // All at once is more than Envoy takes, unless it reads it in pieces: its own answer then, and never half of one.
    regions.primary.behave(Answer::status(200).body(sized(200 * 1024)));
    let reply = ask(&mesh).await;
    assert!(reply.status == 500 || reply.body == sized(200 * 1024), "{} with {} bytes", reply.status, reply.body.len());
    regions.primary.behave(Answer::status(200).body(sized(10)));
    assert_valid(&ask(&mesh).await, 10);
    mesh.assert_unharmed().await;
}

/// Each piece is sent when Envoy has read the one before, so that none comes with another one.
async fn ask_piece_by_piece(mesh: &Mesh, client: Client, regions: &Regions, body: &Bytes) -> Reply {
    let gate = Arc::new(Semaphore::new(0));
    let pieces: Vec<_> = body.chunks(8 * 1024).map(Bytes::copy_from_slice).collect();
    regions.primary.behave(Answer::status(200).gated(pieces.clone(), &gate));
    let before = received_of_primary(mesh).await;
    let feed = async {
        let mut sent = before;
        for piece in &pieces {
            gate.add_permits(1);
            sent += piece.len();
            let has_arrived = async || (received_of_primary(mesh).await >= sent).then_some(());
            wait_for("a piece of the answer", Duration::from_secs(5), has_arrived).await.unwrap();
        }
    };
    tokio::join!(client.send(question()), feed).0.unwrap()
}

/// Asserts that two answers are the same to whoever reads them; how the length of a reply of the filter's own is told may
/// differ.
fn assert_same(reply: &Reply, expected: &Reply) {
    let told = |reply: &Reply| {
        let (status, mut headers, body) = seen(reply);
        if body.len() > IN_PLACE || STRICT {
            headers.retain(|name, _| !["content-length", "transfer-encoding"].contains(&name.as_str()));
        }
        (status, headers, body)
    };
    let ((status, headers, body), (expected_status, expected_headers, expected_body)) = (told(reply), told(expected));
    assert_eq!((status, headers), (expected_status, expected_headers));
    assert!(body == expected_body, "{} bytes came instead of {}", body.len(), expected_body.len());
}
