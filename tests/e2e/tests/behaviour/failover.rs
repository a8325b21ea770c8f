//! The primary fails, the secondary answers.

use std::time::Duration;

use helius_e2e::{Answer, Behaviour, BlackHole, Bootstrap, Ending, Mesh, wait_for};
use serde_json::json;

use crate::STRICT;
use crate::regions::{PRIMARY_CLUSTER, QUESTION, Regions, assert_from_primary, assert_from_secondary};

/// Sends one request, which the secondary has to answer.
async fn assert_covered(mesh: &Mesh, regions: &Regions, verdict: &str) {
    let ledger = mesh.ledger().await.unwrap();
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    assert_from_secondary(&reply, verdict);
    let asked = regions.secondary.take_requests();
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("POST", "/assist"));
    assert_eq!(&asked[0].body[..], QUESTION.as_bytes());
    assert_eq!(asked[0].header("content-type"), Some("application/json"));
    ledger.attempts(&[("us-east-1", verdict, 1), ("us-west-2", "ok", 1)]).await;
    ledger.responses(&[("secondary", verdict, 1)]).await;
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn whatever_the_primary_does_wrong_is_covered() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    let second = Duration::from_secs(1);
    let failures: [(Behaviour, &str); 12] = [
        (Answer::status(500).text("boom").into(), "5xx"),
        (Answer::status(500).into(), "5xx"),
        (Answer::status(502).text("bad gateway").into(), "5xx"),
        // These two are the words of Envoy's own failures, here spoken by the region itself.
        (Answer::status(503).text("upstream connect error or disconnect/reset before headers").into(), "5xx"),
        (Answer::status(504).text("upstream request timeout").into(), "5xx"),
        (Answer::status(599).header("content-length", "0").into(), "5xx"),
        (Answer::status(500).drip(["bo", "om"], Duration::from_millis(20)).into(), "5xx"),
        // Of an answer to a call nothing is seen before its end.
        (Answer::status(500).text("boom").ending(Ending::Stall).into(), if STRICT { "timeout" } else { "5xx" }),
        (Behaviour::Reset, "reset"),
        (Behaviour::Close, "reset"),
        (Behaviour::Hang, "timeout"),
        (Answer::status(200).text("too late").after(second).into(), "timeout"),
    ];
    for (behaviour, verdict) in failures {
        println!("primary: {behaviour:?}");
        regions.primary.behave(behaviour);
        assert_covered(&mesh, &regions, verdict).await;
    }
    regions.primary.behave(Behaviour::Serve);
    assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
}

#[tokio::test]
async fn a_refused_connection_is_covered_and_the_primary_used_again_when_it_is_back() {
    let mut regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    regions.primary.refuse().await;
    assert_covered(&mesh, &regions, "connect").await;
    regions.primary.accept().await.unwrap();
    assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
    assert_eq!(regions.secondary.count(), 0);
}

#[tokio::test]
async fn a_primary_that_cannot_be_reached_at_all_is_covered() {
    let regions = Regions::start().await;
    let hole = BlackHole::open().await.unwrap();
    let mesh = regions.mesh().endpoint(PRIMARY_CLUSTER, hole.addr()).start().await.unwrap();
    assert_covered(&mesh, &regions, "connect").await;
}

#[tokio::test]
async fn a_primary_without_hosts_is_covered() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().without_endpoints(PRIMARY_CLUSTER).start().await.unwrap();
    assert_covered(&mesh, &regions, "no_healthy_upstream").await;
}

#[tokio::test]
async fn a_primary_that_failed_its_health_check_is_covered() {
    let mut regions = Regions::start().await;
    regions.primary.refuse().await;
    let mesh = regions.mesh().health_checked(PRIMARY_CLUSTER).start().await.unwrap();
    let unhealthy = wait_for("the health check to fail", Duration::from_secs(10), async || {
        let stats = mesh.stats().await.ok()?;
        let labels = [("envoy_cluster_name", PRIMARY_CLUSTER)];
        let failed = stats.sum("envoy_cluster_health_check_failure", &labels) > 0;
        (failed && stats.sum("envoy_cluster_membership_healthy", &labels) == 0).then_some(())
    });
    unhealthy.await.unwrap();
    assert_covered(&mesh, &regions, "no_healthy_upstream").await;
}

#[tokio::test]
async fn an_overflow_of_the_primarys_circuit_breaker_is_covered() {
    let regions = Regions::start().await;
    let limited = |limits| -> Bootstrap { regions.mesh().circuit_breaker(PRIMARY_CLUSTER, &limits) };
    for limits in [
        json!({ "max_requests": 0 }),
        json!({ "max_pending_requests": 0 }),
        json!({ "max_connections": 0, "max_pending_requests": 0 }),
    ] {
        println!("limits: {limits}");
        // Where Envoy knows at once that there is no room, it refuses a call as if there were no host.
        let is_refused = STRICT && limits.get("max_requests").is_none();
        let mesh = limited(limits).start().await.unwrap();
        assert_covered(&mesh, &regions, if is_refused { "no_healthy_upstream" } else { "overflow" }).await;
    }
}

#[tokio::test]
async fn an_overflow_under_load_is_covered() {
    let regions = Regions::start().await;
    let limits = json!({ "max_connections": 1, "max_pending_requests": 1 });
    let mesh = regions.mesh().circuit_breaker(PRIMARY_CLUSTER, &limits).concurrency(1).start().await.unwrap();
    regions.primary.behave(Behaviour::Hang);
    let ledger = mesh.ledger().await.unwrap();
    // The first has the only connection; of the other two one waits for it, and the other finds the queue full.
    let begun = async {
        regions.primary.wait_for_requests(1).await.unwrap();
        tokio::join!(mesh.post("/assist", QUESTION), mesh.post("/assist", QUESTION))
    };
    let (first, (second, third)) = tokio::join!(mesh.post("/assist", QUESTION), begun);
    let degraded = [first, second, third].map(|reply| reply.unwrap().marks().get("degraded").map(ToString::to_string));
    let full = if STRICT { "no_healthy_upstream" } else { "overflow" };
    let overflows = degraded.iter().filter(|verdict| verdict.as_deref() == Some(full)).count();
    let timeouts = degraded.iter().filter(|verdict| verdict.as_deref() == Some("timeout")).count();
    assert_eq!((overflows, timeouts), (1, 2), "{degraded:?}");
    ledger.responses(&[("secondary", full, 1), ("secondary", "timeout", 2)]).await;
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_failure_that_the_route_does_not_list_passes() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().assist_route(|route| route["upstream"]["fail_on"] = json!(["connect"]));
    let mesh = mesh.start().await.unwrap();
    regions.primary.behave(Answer::status(500).text("boom"));
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    assert_eq!((reply.status, reply.text().as_str()), (500, "boom"));
    assert_eq!(regions.secondary.count(), 0);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn requests_of_one_connection_are_covered_one_by_one() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    for client in [mesh.client(), mesh.http2_client()] {
        let mut connection = client.connect().await.unwrap();
        for _ in 0..3 {
            regions.primary.behave(Answer::status(500).text("boom"));
            let request = helius_e2e::Request::post("/assist", QUESTION);
            assert_from_secondary(&connection.send(request.clone()).await.unwrap(), "5xx");
            regions.primary.behave(Answer::status(500));
            assert_from_secondary(&connection.send(request.clone()).await.unwrap(), "5xx");
            regions.primary.behave(Behaviour::Serve);
            assert_from_primary(&connection.send(request).await.unwrap());
        }
    }
    mesh.assert_unharmed().await;
}
