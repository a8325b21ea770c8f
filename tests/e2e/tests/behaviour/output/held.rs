//! What can happen to an answer, and to its client, while it is held.

use std::time::Duration;

use bytes::Bytes;
use helius_e2e::{Answer, Behaviour, Ending, wait_for};
use serde_json::json;

use super::answers::sized;
use super::{any_length, ask, assert_valid, judged, question, rules, start, with_much_time};
use crate::STRICT;
use crate::regions::{Regions, assert_from_primary, assert_from_secondary, marks};
use crate::sizes::received_of_primary;

/// The client has seen nothing of it, so unlike an answer that is not judged it can be given up.
#[tokio::test]
async fn an_answer_that_comes_too_slowly_is_given_up() {
    let regions = Regions::start().await;
    let mesh = start(&regions, &any_length()).await;
    regions.secondary.behave(Answer::status(200).header("region", "us-west-2").json(&json!({ "id": 7, "a": "" })));
    let pieces: Vec<_> = sized(1000).chunks(5).map(Bytes::copy_from_slice).collect();
    let dripping = Answer::status(200).drip(pieces, Duration::from_millis(50));
    let stalling = Answer::status(200).body(sized(1000)).ending(Ending::Stall);
    for (what, answer) in [("drips", dripping), ("stalls", stalling)] {
        println!("primary: {what}");
        regions.primary.behave(answer);
        for client in [mesh.client(), mesh.http2_client()] {
            let ledger = mesh.ledger().await.unwrap();
            assert_from_secondary(&client.send(question()).await.unwrap(), "timeout");
            ledger.attempts(&[("us-east-1", "timeout", 1), ("us-west-2", "ok", 1)]).await;
            ledger.responses(&[("secondary", "timeout", 1)]).await;
        }
    }
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_while_it_is_held_ends_with_envoys_own_error() {
    let regions = Regions::start().await;
    let mesh = start(&regions, &rules()).await;
    for ending in [Ending::Reset, Ending::Close] {
        println!("ending: {ending:?}");
        regions.primary.behave(Answer::status(200).text("{").ending(ending));
        let ledger = mesh.ledger().await.unwrap();
        let reply = ask(&mesh).await;
        if STRICT {
            assert_from_secondary(&reply, "reset");
            ledger.attempts(&[("us-east-1", "reset", 1), ("us-west-2", "ok", 1)]).await;
        } else {
            ledger.attempts(&[("us-east-1", "reset", 1)]).await;
            assert!(matches!(reply.status, 502..=504) && marks(&reply).is_empty(), "{reply:?}");
            ledger.responses(&[("primary", "reset", 1)]).await;
        }
        mesh.assert_unharmed().await;
    }
    assert!(STRICT || regions.secondary.count() == 0);
    regions.primary.behave(Behaviour::Serve);
    assert_from_primary(&ask(&mesh).await);
}

#[tokio::test]
async fn a_client_that_leaves_while_its_answer_is_held_harms_nobody() {
    let regions = Regions::start().await;
    let mesh = with_much_time(judged(regions.mesh(), &any_length())).start().await.unwrap();
    let ledger = mesh.ledger().await.unwrap();
    let before = received_of_primary(&mesh).await;
    regions.primary.behave(Answer::status(200).body(sized(100)).ending(Ending::Stall));
    let mut connection = mesh.client().connect().await.unwrap();
    let leaves = tokio::spawn(async move { connection.send(question()).await });
    let has_arrived = async || (received_of_primary(&mesh).await >= before + 100).then_some(());
    wait_for("the beginning of the answer", Duration::from_secs(5), has_arrived).await.unwrap();
    leaves.abort();
    ledger.attempts(&[("us-east-1", "abandoned", 1)]).await;
    ledger.responses(&[("none", "none", 1)]).await;
    regions.primary.behave(Answer::status(200).body(sized(100)));
    assert_valid(&ask(&mesh).await, 100);
    assert_eq!(regions.secondary.count(), 0);
    mesh.assert_unharmed().await;
}
