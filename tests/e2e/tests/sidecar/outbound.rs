//! What a pod calls.

use helius_e2e::{Answer, Request, Upstream};
use helius_istio::routing::cluster;
use serde_json::json;

use crate::pod::{Pod, Unpatched};

const ASSISTANT: &str = "llm-assistant.ai.svc.cluster.local";
const OTHER_REGION: &str = "llm-assistant.us-west-2.mesh";

fn assist() -> Request {
    Request::post("/assist", r#"{"question": "what now?"}"#).header("host", ASSISTANT)
}

#[tokio::test]
async fn an_assistant_that_is_gone_is_asked_in_the_other_region_and_then_answers_honestly() {
    for unpatched in Unpatched::all() {
        let (mut east, mut west) =
            (Upstream::start("us-east-1").await.unwrap(), Upstream::start("us-west-2").await.unwrap());
        let answer = |from: &str| Answer::status(200).json(&json!({ "action": from, "confidence": 0.9 }));
        east.behave(answer("east"));
        west.behave(answer("west"));
        let endpoints = [(cluster(80, ASSISTANT), east.addr()), (cluster(443, OTHER_REGION), west.addr())];
        let endpoints: Vec<_> = endpoints.iter().map(|(name, addr)| (name.as_str(), *addr)).collect();
        let pod = Pod::start("llm-router", &unpatched, &endpoints).await;

        let reply = pod.asks(80, assist()).await;
        assert_eq!((reply.status, reply.json()["action"].as_str()), (200, Some("east")));
        assert!(reply.marks().is_empty(), "{:?}", reply.marks());
        assert_eq!(east.take_requests()[0].header("host"), Some(ASSISTANT));

        east.behave(Answer::status(200).text("nonsense"));
        let reply = pod.asks(80, assist()).await;
        assert_eq!((reply.json()["action"].as_str(), reply.marks()["degraded"]), (Some("west"), "invalid_output"));
        east.refuse().await;
        let reply = pod.asks(80, assist()).await;
        assert_eq!((reply.json()["action"].as_str(), reply.marks()["degraded"]), (Some("west"), "connect"));
        assert_eq!((reply.marks()["served-by"], reply.marks()["region"]), ("secondary", "us-west-2"));
        assert_eq!(west.take_requests()[1].header("host"), Some(OTHER_REGION));

        west.refuse().await;
        let reply = pod.asks(80, assist()).await;
        assert_eq!((reply.status, reply.marks()["served-by"]), (200, "static"));
        assert_eq!((&reply.json()["action"], &reply.json()["confidence"]), (&json!("safemode_fallback"), &json!(0.0)));
        pod.assert_unharmed().await;
    }
}

#[tokio::test]
async fn what_is_called_on_other_ports_does_not_pass_the_filter() {
    for unpatched in Unpatched::all() {
        let elsewhere = Upstream::start("elsewhere").await.unwrap();
        elsewhere.behave(Answer::status(500).text("boom"));
        let pod = Pod::start("llm-router", &unpatched, &[("PassthroughCluster", elsewhere.addr())]).await;
        // No listener has this port, so it is what virtualOutbound does not know.
        let reply = pod.asks(8125, assist()).await;
        assert_eq!((reply.status, reply.text().as_str()), (500, "boom"));
        assert!(reply.marks().is_empty(), "{:?}", reply.marks());
        pod.assert_unharmed().await;
    }
}
