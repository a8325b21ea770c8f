//! A primary that breaks off in mid-body is not covered: the client sees it, and so does the SRE.

use std::time::Duration;

use helius_e2e::{Answer, Behaviour, Ending, Failure};
use serde_json::json;

use crate::regions::{QUESTION, Regions, assert_from_primary};

#[tokio::test]
async fn the_client_sees_the_truncation_and_the_attempt_is_counted() {
    let regions = Regions::start().await;
    // A region's timeout is for the beginning of its answer; what stalls later is ended by Envoy's own.
    let mesh = regions.mesh().envoy_routes(|routes| routes[0]["route"]["timeout"] = json!("0.7s"));
    let mesh = mesh.start().await.unwrap();
    for (ending, verdict) in [(Ending::Reset, "reset"), (Ending::Close, "reset"), (Ending::Stall, "timeout")] {
        println!("ending: {ending:?}");
        regions.primary.behave(Answer::status(200).text("half").ending(ending));
        let ledger = mesh.ledger().await.unwrap();
        match mesh.post("/assist", QUESTION).await {
            Err(Failure::Truncated { reply, .. }) => {
                assert_eq!((reply.status, reply.text().as_str()), (200, "half"));
            }
            other => panic!("{other:?}"),
        }
        ledger.attempts(&[("us-east-1", verdict, 1)]).await;
        mesh.assert_unharmed().await;
    }
    assert_eq!(regions.secondary.count(), 0);
    regions.primary.behave(Behaviour::Serve);
    assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
}

#[tokio::test]
async fn a_failed_answer_that_breaks_off_while_it_is_held_ends_with_envoys_own_error() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    regions.secondary.behave(Answer::status(200).text("too late").after(Duration::from_millis(300)));
    for ending in [Ending::Reset, Ending::Close] {
        println!("ending: {ending:?}");
        regions.primary.behave(Answer::status(500).text("bo").ending(ending));
        let ledger = mesh.ledger().await.unwrap();
        let reply = mesh.post("/assist", QUESTION).await.unwrap();
        assert!(matches!(reply.status, 502 | 503) && reply.marks().is_empty(), "{reply:?}");
        ledger.attempts(&[("us-east-1", "5xx", 1), ("us-west-2", "abandoned", 1)]).await;
        ledger.responses(&[("primary", "5xx", 1)]).await;
        mesh.assert_unharmed().await;
    }
    regions.primary.behave(Behaviour::Serve);
    assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
}
