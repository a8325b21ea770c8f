//! Answers that are judged where nothing follows from it: they pass as they come, and are counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use helius_e2e::{Answer, Behaviour};
use tokio::sync::Semaphore;

use super::answers::{invalid, invalid_answers};
use super::{any_length, ask, judged, question, rules};
use crate::STRICT;
use crate::regions::{Regions, assert_from_primary, marks};
use crate::shadow::seen;

/// As in the shipped document. Nothing would follow from it, so nothing is held back for it either.
#[tokio::test]
async fn an_invalid_answer_that_is_not_listed_passes_and_is_counted() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().assist_route(|route| {
        assert!(!route["upstream"]["fail_on"].as_array().unwrap().contains(&"invalid_output".into()));
        route["output"] = rules();
    });
    let mesh = mesh.start().await.unwrap();
    for (what, answer) in invalid_answers() {
        println!("primary: {what}");
        regions.primary.behave(answer.header("x-own", "kept"));
        for client in [mesh.client(), mesh.http2_client()] {
            let ledger = mesh.ledger().await.unwrap();
            let reply = client.send(question()).await.unwrap();
            // Of the answer to a call it is known what it is before the client has it.
            let of_strict =
                [("served-by", "primary"), ("region", "us-east-1"), ("degraded", "invalid_output"), ("attempts", "1")];
            let expected = if STRICT { of_strict.into() } else { BTreeMap::new() };
            assert_eq!((reply.header("x-own"), marks(&reply)), (Some("kept"), expected));
            ledger.attempts(&[("us-east-1", "invalid_output", 1)]).await;
            ledger.responses(&[("primary", "invalid_output", 1)]).await;
        }
    }
    assert_eq!(regions.secondary.count(), 0);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn shadow_mode_changes_nothing_and_counts_what_it_would_have_done() {
    let regions = Regions::start().await;
    let bare = regions.mesh().without_filter().start().await.unwrap();
    let shadow = judged(regions.mesh(), &rules()).configure(|document| document["mode"] = "shadow".into());
    let mesh = shadow.start().await.unwrap();
    for (what, answer) in invalid_answers() {
        println!("primary: {what}");
        regions.primary.behave(answer);
        let ledger = mesh.ledger().await.unwrap();
        assert_eq!(seen(&ask(&mesh).await), seen(&ask(&bare).await));
        ledger.attempts(&[("us-east-1", "invalid_output", 1)]).await;
        ledger.responses(&[("primary", "invalid_output", 1), ("would_secondary", "invalid_output", 1)]).await;
    }
    // Over the cap, so that only the static answer would have been left.
    regions.primary.behave(invalid());
    let ledger = mesh.ledger().await.unwrap();
    assert!(marks(&mesh.post("/assist", "x".repeat(64 * 1024 + 1)).await.unwrap()).is_empty());
    ledger.responses(&[("primary", "invalid_output", 1), ("would_static", "invalid_output", 1)]).await;

    regions.primary.behave(Behaviour::Serve);
    let ledger = mesh.ledger().await.unwrap();
    assert_from_primary(&ask(&mesh).await);
    ledger.attempts(&[("us-east-1", "ok", 1)]).await;
    ledger.responses(&[("primary", "none", 1)]).await;
    assert_eq!(regions.secondary.count(), 0);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn shadow_mode_holds_nothing_back() {
    let regions = Regions::start().await;
    let shadow = judged(regions.mesh(), &any_length()).configure(|document| document["mode"] = "shadow".into());
    let mesh = shadow.start().await.unwrap();
    let gate = Arc::new(Semaphore::new(1));
    regions.primary.behave(Answer::status(200).gated([r#"{"a""#, ":1}"], &gate));
    let mut connection = mesh.client().connect().await.unwrap();
    let ledger = mesh.ledger().await.unwrap();
    let mut reply = connection.open(question()).await.unwrap();
    assert_eq!(reply.next().await.unwrap().unwrap(), r#"{"a""#, "the rest has not been sent");
    gate.add_permits(1);
    assert_eq!(reply.finish().await.unwrap().text(), ":1}");
    ledger.attempts(&[("us-east-1", "ok", 1)]).await;
    mesh.assert_unharmed().await;
}
