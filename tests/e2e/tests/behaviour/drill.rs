//! The lower rungs are tried while the primary is well, and no client notices.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use helius_e2e::{Answer, Behaviour, Bootstrap, Mesh, wait_for};
use serde_json::{Value, json};

use crate::regions::{QUESTION, Regions, assert_from_primary};

/// Every exchange is followed by a drill.
fn drilled(regions: &Regions) -> Bootstrap {
    regions.mesh().assist_route(|route| {
        route["drill"] = json!({ "share": 1 });
        route["fail_open"]["last_good"] = json!({});
    })
}

async fn counted(mesh: &Mesh) -> BTreeMap<(String, String), u64> {
    let stats = mesh.stats().await.unwrap();
    let label = |labels: &BTreeMap<String, String>, name: &str| labels.get(name).cloned().unwrap_or_default();
    let drilled = stats.of("helius_drill_total").filter(|sample| sample.value > 0);
    drilled.map(|it| ((label(&it.labels, "rung"), label(&it.labels, "result")), it.value)).collect()
}

/// Waits until exactly this has been counted: rung, result, how many.
async fn assert_counted(mesh: &Mesh, expected: &[(&str, &str, u64)]) {
    let expected: BTreeMap<_, _> =
        expected.iter().map(|(rung, result, count)| (((*rung).to_owned(), (*result).to_owned()), *count)).collect();
    let mut seen = BTreeMap::new();
    let settled = wait_for("the drills", Duration::from_secs(10), async || {
        seen = counted(mesh).await;
        (seen == expected).then_some(())
    });
    let is_settled = settled.await.is_ok();
    assert!(is_settled, "{seen:?} instead of {expected:?}");
}

#[tokio::test]
async fn every_rung_is_tried_once_more_and_the_client_sees_the_primarys_answer() {
    let regions = Regions::start().await;
    let mesh = drilled(&regions).start().await.unwrap();
    let ledger = mesh.ledger().await.unwrap();
    for _ in 0..5 {
        assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
    }
    let expected = [("us-west-2", "ok", 5), ("last-good", "miss", 1), ("last-good", "hit", 4), ("static", "ok", 5)];
    assert_counted(&mesh, &expected).await;
    assert_eq!(regions.primary.count(), 5);
    let drills = regions.secondary.take_requests();
    assert_eq!(drills.len(), 5);
    for drill in drills {
        assert_eq!((drill.header("x-helius-drill"), &drill.body[..]), (Some("true"), QUESTION.as_bytes()));
    }
    assert!(regions.primary.requests().iter().all(|request| request.header("x-helius-drill").is_none()));
    ledger.attempts(&[("us-east-1", "ok", 5)]).await;
    ledger.responses(&[("primary", "none", 5)]).await;
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn what_a_region_would_do_wrong_in_an_outage_is_counted() {
    let regions = Regions::start().await;
    let bootstrap = drilled(&regions).assist_route(|route| {
        route["fail_open"] = json!({ "static": [{ "body": { "confidence": 0.0 } }] });
        route["output"] = json!({ "min_confidence": { "pointer": "/confidence", "bound": 0.1 } });
    });
    let mesh = bootstrap.start().await.unwrap();
    let good: Value = json!({ "id": 7, "confidence": 0.9 });
    regions.primary.behave(Answer::status(200).header("region", "us-east-1").json(&good));
    let cases: [(Behaviour, &str); 4] = [
        (Answer::status(200).json(&json!({ "confidence": "none" })).into(), "invalid_output"),
        (Answer::status(500).text("boom").into(), "5xx"),
        (Behaviour::Hang, "timeout"),
        (Answer::status(200).json(&good).into(), "ok"),
    ];
    let mut expected = Vec::new();
    for (number, (behaviour, result)) in cases.into_iter().enumerate() {
        regions.secondary.behave(behaviour);
        assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
        expected.push(("us-west-2", result, 1));
        let fixed = [("static", "ok", number as u64 + 1)];
        assert_counted(&mesh, &[expected.as_slice(), &fixed].concat()).await;
    }
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_hanging_secondary_delays_nobody_and_gathers_no_more_drills_than_there_are_places() {
    let regions = Regions::start().await;
    let bootstrap = drilled(&regions).assist_route(|route| {
        route["upstream"]["timeout"] = "9s".into();
        route["upstream"]["regions"][1]["timeout"] = "8s".into();
    });
    let mesh = bootstrap.concurrency(1).start().await.unwrap();
    regions.secondary.behave(Behaviour::Hang);
    let mut connection = mesh.client().connect().await.unwrap();
    let began = Instant::now();
    for _ in 0..40 {
        assert_from_primary(&connection.send(helius_e2e::Request::post("/assist", QUESTION)).await.unwrap());
    }
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    let overflow = ("us-west-2".to_owned(), "skipped_overflow".to_owned());
    wait_for("the drills", Duration::from_secs(5), async || {
        (counted(&mesh).await.get(&overflow) == Some(&24)).then_some(())
    })
    .await
    .unwrap();
    wait_for("those that have a place", Duration::from_secs(5), async || {
        (regions.secondary.count() == 16).then_some(())
    })
    .await
    .unwrap();
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn what_may_not_be_sent_twice_is_not_and_shadow_mode_drills_nothing() {
    let regions = Regions::start().await;
    let once = drilled(&regions).assist_route(|route| route["upstream"]["replay"] = json!({ "methods": ["GET"] }));
    let once = once.start().await.unwrap();
    assert_from_primary(&once.post("/assist", QUESTION).await.unwrap());
    let skipped = [("us-west-2", "skipped_not_replayable", 1), ("last-good", "miss", 1), ("static", "ok", 1)];
    assert_counted(&once, &skipped).await;
    let shadow = drilled(&regions).configure(|document| document["mode"] = "shadow".into()).start().await.unwrap();
    let ledger = shadow.ledger().await.unwrap();
    assert_from_primary(&shadow.post("/assist", QUESTION).await.unwrap());
    ledger.responses(&[("primary", "none", 1)]).await;
    assert_counted(&shadow, &[]).await;
    assert_eq!(regions.secondary.count(), 0);
}

#[tokio::test]
async fn no_breaker_hears_of_a_drill_and_one_that_is_open_is_no_probe() {
    let regions = Regions::start().await;
    let breaker = |mode: &str| json!({ "consecutive_failures": 1, "mode": mode });
    let mesh = drilled(&regions).breakers(&breaker("enforce")).start().await.unwrap();
    regions.secondary.behave(Answer::status(500).text("boom"));
    for _ in 0..3 {
        assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
    }
    let expected = [("us-west-2", "5xx", 3), ("last-good", "miss", 1), ("last-good", "hit", 2), ("static", "ok", 3)];
    assert_counted(&mesh, &expected).await;
    let state = mesh.stats().await.unwrap().sum("telemetry_circuit_breaker_state", &[("route", "assist")]);
    assert_eq!(state, 0);

    // The secondary's breaker opens by a real request, and is left alone from then on.
    regions.primary.behave(Answer::status(500).text("boom"));
    mesh.post("/assist", QUESTION).await.unwrap();
    let before = regions.secondary.count();
    regions.primary.behave(Behaviour::Serve);
    let open = ("us-west-2".to_owned(), "skipped_breaker_open".to_owned());
    wait_for("a good answer of the primary again", Duration::from_secs(30), async || {
        mesh.post("/assist", QUESTION).await.ok()?;
        counted(&mesh).await.contains_key(&open).then_some(())
    })
    .await
    .unwrap();
    let asked = regions.secondary.requests();
    assert!(asked[before..].iter().all(|request| request.header("x-helius-drill").is_none()));
}
