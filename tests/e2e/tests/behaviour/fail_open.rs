//! Every region fails: the configured answer, or, where there is none, the primary's own failure.

use std::time::Duration;

use helius_e2e::{Answer, Behaviour, Mesh};
use serde_json::json;

use crate::regions::{
    QUESTION, Regions, SECONDARY_CLUSTER, assert_from_primary, assert_from_secondary, assert_static, marks,
};

async fn assert_static_answers(mesh: &Mesh, primary: &str, secondary: &str) {
    let ledger = mesh.ledger().await.unwrap();
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    assert_static(&reply, primary, "2");
    ledger.attempts(&[("us-east-1", primary, 1), ("us-west-2", secondary, 1)]).await;
    ledger.responses(&[("static", primary, 1)]).await;
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn whatever_the_secondary_does_wrong_the_static_answer_comes() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    let failures: [(Behaviour, &str); 8] = [
        (Answer::status(500).text("boom").into(), "5xx"),
        (Answer::status(500).into(), "5xx"),
        (Answer::status(503).text("overloaded").into(), "5xx"),
        (Answer::status(504).text("upstream request timeout").into(), "5xx"),
        (Behaviour::Reset, "reset"),
        (Behaviour::Close, "reset"),
        (Behaviour::Hang, "timeout"),
        (Answer::status(200).text("too late").after(Duration::from_secs(1)).into(), "timeout"),
    ];
    for (behaviour, verdict) in failures {
        println!("secondary: {behaviour:?}");
        regions.secondary.behave(behaviour);
        // One with a body to replace and one without: the filter delivers over different ways.
        for primary in [Answer::status(500).text("boom"), Answer::status(500)] {
            regions.primary.behave(primary);
            assert_static_answers(&mesh, "5xx", verdict).await;
        }
    }
    regions.secondary.behave(Behaviour::Serve);
    assert_from_secondary(&mesh.post("/assist", QUESTION).await.unwrap(), "5xx");
}

#[tokio::test]
async fn both_regions_gone() {
    let mut regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    regions.primary.refuse().await;
    regions.secondary.refuse().await;
    assert_static_answers(&mesh, "connect", "connect").await;
    regions.secondary.accept().await.unwrap();
    assert_from_secondary(&mesh.post("/assist", QUESTION).await.unwrap(), "connect");
    regions.primary.accept().await.unwrap();
    assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
}

#[tokio::test]
async fn a_secondary_that_envoy_does_not_know() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().assist_route(|route| route["upstream"]["regions"][1]["cluster"] = json!("nobody_knows"));
    let mesh = mesh.start().await.unwrap();
    regions.primary.behave(Answer::status(500).text("boom"));
    assert_static_answers(&mesh, "5xx", "no_healthy_upstream").await;
    assert!(mesh.envoy().log().contains("nobody_knows"), "the log does not name the cluster");
    regions.primary.behave(Behaviour::Serve);
    assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
}

#[tokio::test]
async fn a_secondary_without_hosts() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().without_endpoints(SECONDARY_CLUSTER).start().await.unwrap();
    for primary in [Answer::status(500).text("boom"), Answer::status(500)] {
        regions.primary.behave(primary);
        assert_static_answers(&mesh, "5xx", "no_healthy_upstream").await;
    }
}

#[tokio::test]
async fn an_overflow_of_the_secondarys_circuit_breaker() {
    let regions = Regions::start().await;
    regions.primary.behave(Answer::status(500).text("boom"));
    let mesh = regions.mesh().circuit_breaker(SECONDARY_CLUSTER, &json!({ "max_requests": 0 }));
    // Once: with the second request Envoy knows it at once, as below.
    assert_static_answers(&mesh.start().await.unwrap(), "5xx", "overflow").await;
    // Where Envoy knows at once that there is no room, it refuses the callout as if there were no host.
    let mesh = regions.mesh().circuit_breaker(SECONDARY_CLUSTER, &json!({ "max_pending_requests": 0 }));
    let mesh = mesh.start().await.unwrap();
    // One with a body to replace and one without: the callout begins in another callback.
    for primary in [Answer::status(500).text("boom"), Answer::status(500)] {
        regions.primary.behave(primary);
        assert_static_answers(&mesh, "5xx", "no_healthy_upstream").await;
    }
    assert_eq!(regions.secondary.count(), 0);
}

#[tokio::test]
async fn without_a_static_answer_the_primarys_own_failure_passes() {
    let mut regions = Regions::start().await;
    let mesh = regions.mesh().assist_route(|route| {
        route.as_object_mut().unwrap().remove("fail_open");
    });
    let mesh = mesh.start().await.unwrap();
    regions.secondary.behave(Answer::status(502).text("the secondary's"));
    let failures = [
        (Answer::status(500).header("x-own", "kept").text("the primary's"), "the primary's"),
        (Answer::status(500).header("x-own", "kept"), ""),
    ];
    for (failure, text) in failures {
        regions.primary.behave(failure);
        let ledger = mesh.ledger().await.unwrap();
        let reply = mesh.post("/assist", QUESTION).await.unwrap();
        assert_eq!((reply.status, reply.text().as_str(), reply.header("x-own")), (500, text, Some("kept")));
        assert_eq!(
            marks(&reply),
            [("served-by", "primary"), ("region", "us-east-1"), ("degraded", "5xx"), ("attempts", "2")].into()
        );
        ledger.attempts(&[("us-east-1", "5xx", 1), ("us-west-2", "5xx", 1)]).await;
        ledger.responses(&[("primary", "5xx", 1)]).await;
    }
    regions.primary.refuse().await;
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    assert_eq!(reply.status, 503);
    assert_eq!(
        marks(&reply),
        [("served-by", "primary"), ("region", "us-east-1"), ("degraded", "connect"), ("attempts", "2")].into()
    );
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn with_one_region_the_static_answer_follows_the_primary() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().assist_route(|route| {
        route["upstream"]["regions"].as_array_mut().unwrap().truncate(1);
    });
    let mesh = mesh.start().await.unwrap();
    let failures: [(Behaviour, &str); 4] = [
        (Answer::status(500).text("boom").into(), "5xx"),
        (Answer::status(500).into(), "5xx"),
        (Behaviour::Reset, "reset"),
        (Behaviour::Hang, "timeout"),
    ];
    for (behaviour, verdict) in failures {
        regions.primary.behave(behaviour);
        let ledger = mesh.ledger().await.unwrap();
        assert_static(&mesh.post("/assist", QUESTION).await.unwrap(), verdict, "1");
        ledger.attempts(&[("us-east-1", verdict, 1)]).await;
        ledger.responses(&[("static", verdict, 1)]).await;
    }
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_static_answer_is_sent_as_it_is_configured() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().assist_route(|route| {
        route["fail_open"]["static"] = json!([{
            "status": 203,
            "headers": { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store", "x-own": "ja" },
            "body": "Später wieder.",
        }]);
    });
    let mesh = mesh.start().await.unwrap();
    regions.secondary.behave(Answer::status(500));
    for primary in [Answer::status(500).header("x-own", "the primary's").text("boom"), Answer::status(500)] {
        regions.primary.behave(primary);
        let reply = mesh.post("/assist", QUESTION).await.unwrap();
        assert_eq!((reply.status, reply.text().as_str()), (203, "Später wieder."));
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.headers.get_all("x-own").iter().collect::<Vec<_>>(), ["ja"]);
    }
}
