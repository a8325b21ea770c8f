//! One deadline over all regions.

use std::time::{Duration, Instant};

use helius_e2e::{Answer, Behaviour, wait_for};
use serde_json::json;

use crate::regions::{QUESTION, Regions, assert_from_secondary, assert_static, assert_static_body};

/// What a busy machine may add to a deadline.
const SLACK: Duration = Duration::from_millis(700);

#[tokio::test]
async fn the_secondary_gets_what_the_primary_left() {
    let regions = Regions::start().await;
    let mesh =
        regions.mesh().assist_route(|route| route["upstream"]["timeout"] = json!("700ms")).start().await.unwrap();
    regions.primary.behave(Behaviour::Hang);
    regions.secondary.behave(Behaviour::Hang);
    let ledger = mesh.ledger().await.unwrap();
    let begun = Instant::now();
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    let took = begun.elapsed();
    assert_static(&reply, "timeout", "2");
    // 500 ms of the primary and 200 of the 500 that the secondary would have had.
    assert!(took >= Duration::from_millis(680) && took < Duration::from_millis(700) + SLACK, "{took:?}");
    ledger.attempts(&[("us-east-1", "timeout", 1), ("us-west-2", "timeout", 1)]).await;
    ledger.responses(&[("static", "timeout", 1)]).await;
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_region_that_has_no_time_left_is_not_asked() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().assist_route(|route| {
        route["upstream"]["timeout"] = json!("300ms");
        route["upstream"]["regions"][0]["timeout"] = json!("300ms");
        route["upstream"]["regions"][1]["timeout"] = json!("300ms");
    });
    let mesh = mesh.start().await.unwrap();
    regions.primary.behave(Behaviour::Hang);
    regions.secondary.behave(Behaviour::Hang);
    let ledger = mesh.ledger().await.unwrap();
    let begun = Instant::now();
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    let took = begun.elapsed();
    assert_static_body(&reply);
    assert!(took >= Duration::from_millis(290) && took < Duration::from_millis(300) + SLACK, "{took:?}");
    assert_eq!(reply.marks()["attempts"], "1");
    ledger.attempts(&[("us-east-1", "timeout", 1), ("us-west-2", "skipped_deadline", 1)]).await;
    ledger.responses(&[("static", "timeout", 1)]).await;
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn each_region_has_its_own_timeout() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().assist_route(|route| {
        route["upstream"]["regions"][0]["timeout"] = json!("100ms");
        route["upstream"]["regions"][1]["timeout"] = json!("1500ms");
    });
    let mesh = mesh.start().await.unwrap();
    regions.primary.behave(Answer::status(200).text("too late").after(Duration::from_millis(400)));
    let begun = Instant::now();
    assert_from_secondary(&mesh.post("/assist", QUESTION).await.unwrap(), "timeout");
    assert!(begun.elapsed() < Duration::from_millis(100) + SLACK, "{:?}", begun.elapsed());
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn an_answer_that_comes_after_the_deadline_harms_nobody() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    regions.primary.behave(Answer::status(500).text("boom"));
    regions.secondary.behave(Answer::status(200).text("too late").after(Duration::from_millis(600)));
    let ledger = mesh.ledger().await.unwrap();
    for _ in 0..3 {
        assert_static(&mesh.post("/assist", QUESTION).await.unwrap(), "5xx", "2");
    }
    ledger.attempts(&[("us-east-1", "5xx", 3), ("us-west-2", "timeout", 3)]).await;
    regions.secondary.behave(Behaviour::Serve);
    // The late answers arrive while this one is served.
    let late = wait_for("a hundred answers", Duration::from_secs(20), async || {
        let reply = mesh.post("/assist", QUESTION).await.ok()?;
        assert_from_secondary(&reply, "5xx");
        (regions.secondary.count() >= 100).then_some(())
    });
    late.await.unwrap();
    mesh.assert_unharmed().await;
}
