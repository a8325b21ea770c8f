//! What comes to a pod.

use std::time::Duration;

use helius_e2e::{Answer, Reply, Request, Upstream, wait_for};
use serde_json::json;

use crate::pod::{Pod, Unpatched};

const SOON: Duration = Duration::from_secs(10);

fn predict(segment: &str) -> Request {
    Request::post("/predict", r#"{"user": 7}"#).header("x-user-segment", segment)
}

/// Who has answered, and why not the application.
fn marks(reply: &Reply) -> (u16, Option<&str>, Option<&str>) {
    (reply.status, reply.marks().get("served-by").copied(), reply.marks().get("degraded").copied())
}

#[tokio::test]
async fn a_recommender_that_fails_answers_from_memory_or_what_was_written() {
    for unpatched in Unpatched::all() {
        let port = unpatched.port;
        let mut application = Upstream::start("recommender").await.unwrap();
        let good = json!({ "items": [{ "id": 3 }], "confidence": 0.9 });
        application.behave(Answer::status(200).json(&good));
        let pod = Pod::start("recommender", &unpatched, &[(&unpatched.application(), application.addr())]).await;

        let reply = pod.asked(port, predict("news")).await;
        assert_eq!((marks(&reply), reply.json()), ((200, None, None), good.clone()));

        application.behave(Answer::status(500).text("the registry is down"));
        let reply = pod.asked(port, predict("news")).await;
        assert_eq!((marks(&reply), reply.json()), ((200, Some("last-good"), Some("5xx")), good));
        // Nobody of this segment has asked before.
        let reply = pod.asked(port, predict("sports")).await;
        assert_eq!(marks(&reply), (200, Some("static"), Some("5xx")));
        assert_eq!((&reply.json()["confidence"], &reply.json()["items"][0]["id"]), (&json!(0.0), &json!(17)));

        application.behave(Answer::status(200).json(&json!({ "items": [], "confidence": 0.9 })));
        let reply = pod.asked(port, predict("films")).await;
        assert_eq!(marks(&reply), (200, Some("static"), Some("invalid_output")));

        application.refuse().await;
        let reply = pod.asked(port, predict("films")).await;
        assert_eq!(marks(&reply), (200, Some("static"), Some("connect")));
        // What the document does not name is as Istio alone would have it.
        let reply = pod.asked(port, Request::get("/healthz")).await;
        assert_eq!(marks(&reply), (503, None, None));

        assert_labelled(&pod).await;
        pod.assert_unharmed().await;
    }
}

/// By the rules that Istio makes of `extraStatTags`, and in spite of the stats that it does not keep.
async fn assert_labelled(pod: &Pod) {
    let labels = |served_by, degraded| {
        [("service", "recommender"), ("route", "predict"), ("served_by", served_by), ("degraded", degraded)]
    };
    let counted = wait_for("the counts", SOON, async || {
        let stats = pod.envoy.stats().await.unwrap();
        let count = |served_by, degraded| stats.sum("helius_responses_total", &labels(served_by, degraded));
        let counts =
            [count("primary", "none"), count("last-good", "5xx"), count("static", "5xx"), count("static", "connect")];
        (counts == [1; 4]).then_some(())
    });
    counted.await.unwrap();
    let page = pod.envoy.admin_get("/stats/prometheus").await.unwrap();
    assert!(!page.contains("envoy_http_downstream_rq_total"), "Istio would not keep this:\n{page}");
}

#[tokio::test]
async fn the_chain_for_ports_that_istio_does_not_know_is_protected_too() {
    for unpatched in Unpatched::all() {
        let application = Upstream::start("recommender").await.unwrap();
        application.behave(Answer::status(500).text("boom"));
        let endpoints = [("InboundPassthroughClusterIpv4", application.addr())];
        let pod = Pod::start("recommender", &unpatched, &endpoints).await;
        let reply = pod.asked(9999, predict("news")).await;
        assert_eq!(marks(&reply), (200, Some("static"), Some("5xx")));
        pod.assert_unharmed().await;
    }
}

#[tokio::test]
async fn the_agent_is_reached_by_its_cluster_and_reads_the_sidecars_stats() {
    for unpatched in Unpatched::all() {
        let port = unpatched.port;
        let application = Upstream::start("ingest").await.unwrap();
        let pod = Pod::start("telemetry-ingest", &unpatched, &[(&unpatched.application(), application.addr())]).await;
        let message = |id: &str, region: &str| {
            let request = Request::post("/v1/telemetry", r#"{"id": 1}"#);
            request.header("x-message-id", id).header("x-helius-region", region)
        };
        assert_eq!(pod.asked(port, message("1", "eu-west-1")).await.status, 200);
        let reply = pod.asked(port, message("1", "eu-west-1")).await;
        assert_eq!((reply.status, reply.header("x-helius-duplicate")), (202, Some("done")));
        assert_eq!(application.count(), 1);

        let isolate =
            json!({ "override": "isolate", "region": "us-east-1", "ttl": "5m", "reason": "a flood", "author": "ana" });
        pod.switch(&isolate).await;
        let mut next = 2;
        let isolated = wait_for("the region to be isolated", SOON, async || {
            next += 1;
            let reply = pod.asked(port, message(&next.to_string(), "us-east-1")).await;
            (reply.status == 503).then_some(reply)
        });
        assert_eq!(isolated.await.unwrap().header("x-helius-isolated"), Some("us-east-1"));
        assert_eq!(pod.asked(port, message("other", "eu-west-1")).await.status, 200);

        let metrics = pod.agent.metrics().await.unwrap();
        let labels = [("service", "telemetry-ingest"), ("route", "ingest"), ("decision", "duplicate")];
        assert_eq!(metrics.sum("helius_admission_total", &labels), 1);
        assert_eq!(metrics.sum("helius_override_active", &[("override", "isolate")]), 1);
        pod.assert_unharmed().await;
    }
}
