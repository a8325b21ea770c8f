//! What is said aloud: that too many answers are made up, that Envoy's route is in the way, when to come again.

use std::time::Duration;

use helius_e2e::{Answer, Behaviour, wait_for};
use serde_json::json;

use crate::regions::{QUESTION, Regions, assert_from_primary, assert_static, marks};

#[tokio::test]
async fn beyond_its_share_the_route_says_that_it_is_down() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().concurrency(1).assist_route(|route| {
        route["fail_open"]["max_share"] = json!({ "share": 0.5, "window": "1h", "min_requests": 10 });
    });
    let mesh = mesh.start().await.unwrap();
    for _ in 0..10 {
        assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
    }
    regions.secondary.behave(Answer::status(500));
    for primary in [Answer::status(500).text("boom"), Answer::status(500)] {
        regions.primary.behave(primary);
        for _ in 0..5 {
            assert_static(&mesh.post("/assist", QUESTION).await.unwrap(), "5xx", "2");
        }
    }
    // Ten of twenty are made up; from here on every second one would be.
    let ledger = mesh.ledger().await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..10 {
        let reply = mesh.post("/assist", QUESTION).await.unwrap();
        if reply.status == 503 {
            assert_eq!(reply.text(), "no region gave an answer, and too many answers are made up already\n");
            let expected = [("served-by", "refusal"), ("degraded", "5xx"), ("attempts", "2")].into();
            assert_eq!(marks(&reply), expected);
        }
        seen.push(reply.status);
    }
    assert_eq!(seen.iter().filter(|status| **status == 503).count(), 5, "{seen:?}");
    ledger.responses(&[("static", "5xx", 5), ("refusal", "5xx", 5)]).await;
    regions.primary.behave(Behaviour::Serve);
    assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
    mesh.assert_unharmed().await;
}

/// Envoy ends such an exchange or answers it before the ladder's time is over, and an operator has to know why.
#[tokio::test]
async fn a_route_timeout_that_is_too_short_is_reported() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().envoy_routes(|routes| routes[0]["route"]["timeout"] = json!("0.2s"));
    let mesh = mesh.start().await.unwrap();
    let labels = [("route", "assist")];
    let counted = async || mesh.stats().await.unwrap().sum("helius_route_timeout_total", &labels);
    assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
    assert_eq!(counted().await, 0);
    regions.primary.behave(Behaviour::Hang);
    for count in 1..=3 {
        let reply = mesh.post("/assist", QUESTION).await.unwrap();
        assert_eq!(marks(&reply).get("degraded"), Some(&"timeout"));
        assert_eq!(counted().await, count);
    }
    // While a failed answer is held, its route may end it past every filter.
    regions.primary.behave(Answer::status(500).drip(vec!["x"; 100], Duration::from_millis(20)));
    regions.secondary.behave(Behaviour::Hang);
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    assert!(reply.status == 504 && marks(&reply).is_empty(), "{reply:?}");
    let is_counted = wait_for("the count", Duration::from_secs(5), async || (counted().await == 4).then_some(()));
    is_counted.await.unwrap();
    let log = mesh.envoy().log();
    let lines = log.lines().filter(|line| line.contains("raise the timeout of the route")).count();
    // Once from each worker at most.
    assert!((1..=2).contains(&lines), "{lines} lines");
}

#[tokio::test]
async fn the_primarys_own_timeout_is_no_route_timeout() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    regions.primary.behave(Behaviour::Hang);
    mesh.post("/assist", QUESTION).await.unwrap();
    assert_eq!(mesh.stats().await.unwrap().sum("helius_route_timeout_total", &[("route", "assist")]), 0);
}

#[tokio::test]
async fn of_two_limits_the_client_gets_the_one_that_ends_sooner() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    for (primary, secondary, expected) in [(60, 5, ("5", "secondary")), (5, 60, ("5", "primary"))] {
        regions.primary.behave(Answer::rate_limited(primary));
        regions.secondary.behave(Answer::rate_limited(secondary));
        let reply = mesh.post("/assist", QUESTION).await.unwrap();
        assert_eq!(reply.status, 429);
        assert_eq!(
            (reply.header("retry-after"), reply.header("x-helius-served-by")),
            (Some(expected.0), Some(expected.1))
        );
    }
    // Who does not say when is not believed to mean now.
    regions.primary.behave(Answer::rate_limited(60));
    regions.secondary.behave(Answer::status(429));
    assert_eq!(mesh.post("/assist", QUESTION).await.unwrap().header("retry-after"), Some("60"));
    mesh.assert_unharmed().await;
}
