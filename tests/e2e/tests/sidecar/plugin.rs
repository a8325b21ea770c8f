//! The filter as a `WasmPlugin`: what it can do without the fields that Istio has no words for, and what that costs.

use std::time::{Duration, Instant};

use helius_e2e::{Answer, Request, Upstream, repository};
use helius_istio::{Manifest, rendered, wasm_plugin};
use serde_json::json;

use crate::pod::{Pod, Unpatched};

/// `telemetry-limits` as Envoy gets it, with its document changed.
fn example(change: impl Fn(&mut serde_json::Value)) -> Vec<Manifest> {
    let mut manifests = rendered::example(&repository(), "telemetry-limits").unwrap();
    for plugin in manifests.iter_mut().filter(|it| it.kind() == "WasmPlugin") {
        change(&mut plugin.value["spec"]["pluginConfig"]["routes"][0]);
        *plugin = wasm_plugin::as_envoy_filter(plugin).unwrap();
    }
    manifests
}

fn message(region: &str) -> Request {
    Request::post("/v1/telemetry", r#"{"id": 1}"#).header("x-helius-region", region)
}

#[tokio::test]
async fn a_plugin_limits_each_region() {
    for unpatched in Unpatched::all() {
        let application = Upstream::start("ingest").await.unwrap();
        let endpoints = [(unpatched.application(), application.addr())];
        let endpoints = endpoints.each_ref().map(|(name, addr)| (name.as_str(), *addr));
        // Fewer than the example allows, so that a test can ask more.
        let example = example(|route| {
            let limit = &mut route["admission"]["rate_limit"][0];
            (limit["rate"], limit["burst"]) = (json!("1/h"), json!(2));
        });
        let pod = Pod::of(&example, &unpatched, &endpoints).await;
        let mut statuses = Vec::new();
        for region in ["us-east-1", "us-east-1", "us-east-1", "us-west-2"] {
            statuses.push(pod.asked(unpatched.port, message(region)).await.status);
        }
        assert_eq!(statuses, [200, 200, 429, 200]);
        assert_eq!(application.requests()[2].body, r#"{"id": 1}"#.as_bytes());
        pod.assert_unharmed().await;
    }
}

/// The comment of the example says so, and keeps such routes away from it.
#[tokio::test]
async fn a_plugin_that_had_to_hold_bodies_and_answers_could_not() {
    let unpatched = Unpatched::all().remove(0);
    let application = Upstream::start("ingest").await.unwrap();
    application.behave(Answer::status(200).json(&json!({ "nonsense": true })));
    let endpoints = [(unpatched.application(), application.addr())];
    let endpoints = endpoints.each_ref().map(|(name, addr)| (name.as_str(), *addr));
    let example = example(|route| {
        *route = json!({
            "name": "ingest", "match": { "path": "/v1/telemetry" },
            "upstream": {
                "timeout": "2s", "regions": [{ "name": "here", "via": "route", "timeout": "1s" }],
                "replay": { "methods": ["POST"], "max_body": "1KiB" },
            },
            "output": { "schema": { "required": ["action"] } },
            "fail_open": { "static": [{ "body": { "action": "none" } }] },
        });
    });
    let pod = Pod::of(&example, &unpatched, &endpoints).await;
    let begun = Instant::now();
    let reply = pod.asked(unpatched.port, message("us-east-1")).await;
    assert!(begun.elapsed() > Duration::from_secs(1), "{:?}", begun.elapsed());
    // Not invalid_output: the body never came, because the headers were held.
    assert_eq!((reply.status, reply.marks()["degraded"]), (200, "timeout"));
    pod.assert_unharmed().await;
}
