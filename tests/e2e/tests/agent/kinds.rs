//! Each kind of override once, in the real Envoy: what the client sees while it is in force, and afterwards.

use std::time::Duration;

use helius_e2e::{Answer, Mesh, Reply, Request, Stats, Upstream, wait_for};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::pod::Pod;

const SOON: Duration = Duration::from_secs(10);

/// A pod with two regions, and what a client and an operator see of it.
struct Case {
    pod: Pod,
    primary: Upstream,
    secondary: Upstream,
}

impl Case {
    async fn start() -> Self {
        let (primary, secondary) =
            (Upstream::start("us-east-1").await.unwrap(), Upstream::start("us-west-2").await.unwrap());
        let bootstrap = Mesh::builder().assist(primary.addr(), secondary.addr()).assist_route(|route| {
            route["admission"] = json!({
                "isolate": { "region_header": "x-helius-region" },
                "rate_limit": [{ "rate": "1000/s", "burst": 1000 }],
            });
        });
        Self { pod: Pod::start(bootstrap, TempDir::new().unwrap()).await, primary, secondary }
    }

    /// Sets one, and waits until the filter says that it is in force.
    async fn set(&self, kind: &str, keys: Value) {
        let mut body = json!({ "route": "assist", "ttl": "5m", "reason": "a test", "author": "me", "force": true });
        for (key, value) in keys.as_object().unwrap() {
            body[key] = value.clone();
        }
        let reply = self.pod.ask("POST", &body).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        self.shown(kind, 1).await;
    }

    /// Clears all, and waits until the filter says that it is gone.
    async fn clear(&self, kind: &str) {
        let reply = self.pod.ask("DELETE", &Value::Null).await;
        assert_eq!(reply.status / 100, 2, "{}", reply.text());
        self.shown(kind, 0).await;
    }

    async fn shown(&self, kind: &str, count: u64) {
        let labels = [("service", "llm-router"), ("route", "assist"), ("override", kind)];
        let shown = wait_for("the filter to show it, and the agent to pass it on", SOON, async || {
            let (filter, agent) = (self.pod.mesh.stats().await.unwrap(), self.pod.agent.metrics().await.unwrap());
            let is_so = |stats: &Stats| stats.sum("helius_override_active", &labels) == count;
            (is_so(&filter) && is_so(&agent)).then_some(())
        });
        shown.await.unwrap_or_else(|error| panic!("{kind}: {error:#}"));
    }

    async fn post(&self) -> Reply {
        self.pod
            .mesh
            .send(Request::post("/assist", r#"{"id": 7}"#).header("x-helius-region", "eu-south-1"))
            .await
            .unwrap()
    }

    /// Asks until this is what comes, on whatever worker, several times in a row.
    async fn until(&self, what: &str, is_so: impl Fn(&Reply) -> bool) {
        let mut in_a_row = 0;
        let came = wait_for(what, SOON, async || {
            in_a_row = if is_so(&self.post().await) { in_a_row + 1 } else { 0 };
            (in_a_row == 8).then_some(())
        });
        came.await.unwrap();
    }

    async fn until_untouched(&self) {
        self.until("the primary's own answer", |reply| reply.status == 200 && reply.marks().is_empty()).await;
    }
}

fn mark<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.marks().get(name).copied()
}

#[tokio::test]
async fn each_does_what_it_says_and_leaves_nothing_behind() {
    let case = Case::start().await;
    case.until_untouched().await;

    case.set("static", json!({ "override": "static" })).await;
    let is_forced = |reply: &Reply| mark(reply, "served-by") == Some("static");
    case.until("the static answer", is_forced).await;
    let asked = case.primary.count() + case.secondary.count();
    assert_eq!(mark(&case.post().await, "degraded"), Some("skipped_override"));
    assert_eq!(case.primary.count() + case.secondary.count(), asked, "no region is asked");
    case.clear("static").await;
    case.until_untouched().await;

    case.set("drain", json!({ "override": "drain", "region": "us-east-1" })).await;
    case.until("the secondary", |reply| mark(reply, "region") == Some("us-west-2")).await;
    assert_eq!(mark(&case.post().await, "degraded"), Some("skipped_override"));
    case.clear("drain").await;
    case.until_untouched().await;

    case.set("isolate", json!({ "override": "isolate", "region": "eu-south-1" })).await;
    case.until("the refusal", |reply| reply.status == 503).await;
    assert_eq!(case.post().await.header("x-helius-isolated"), Some("eu-south-1"));
    case.clear("isolate").await;
    case.until_untouched().await;

    case.set("rate_limit", json!({ "override": "rate_limit", "scale": 0.001 })).await;
    case.until("a 429", |reply| reply.status == 429).await;
    case.clear("rate_limit").await;
    case.until_untouched().await;

    case.set("shadow", json!({ "override": "shadow" })).await;
    case.primary.behave(Answer::status(500).text("boom"));
    case.until("the primary's failure", |reply| reply.status == 500 && reply.marks().is_empty()).await;
    case.clear("shadow").await;
    case.until("somebody else's answer", |reply| reply.status == 200).await;
    case.primary.behave(helius_e2e::Behaviour::Serve);
    case.until_untouched().await;
    case.pod.mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_breaker_stands_where_an_operator_puts_it() {
    let case = Case::start().await;
    let breaker = [("route", "assist"), ("region", "us-east-1")];
    let stands = async |code| {
        let shown = wait_for("the gauge", SOON, async || {
            let stats = case.pod.mesh.stats().await.unwrap();
            (stats.sum("telemetry_circuit_breaker_state", &breaker) == code).then_some(())
        });
        shown.await.unwrap();
    };
    case.set("breaker_open", json!({ "override": "breaker", "region": "us-east-1", "state": "open" })).await;
    case.until("the secondary", |reply| mark(reply, "degraded") == Some("skipped_breaker_open")).await;
    stands(2).await;
    case.clear("breaker_open").await;
    case.until_untouched().await;
    stands(0).await;

    // Forced closed it goes on asking a region that fails, and off it knows nothing of it.
    for (kind, word) in [("breaker_closed", "closed"), ("breaker_off", "off")] {
        case.set(kind, json!({ "override": "breaker", "state": word })).await;
        case.primary.behave(Answer::status(500).text("boom"));
        case.until("a failure that is covered", |reply| mark(reply, "degraded") == Some("5xx")).await;
        for _ in 0..20 {
            assert_eq!(mark(&case.post().await, "degraded"), Some("5xx"), "{word}: the region is still asked");
        }
        stands(0).await;
        case.primary.behave(helius_e2e::Behaviour::Serve);
        case.clear(kind).await;
        case.until_untouched().await;
    }
    case.pod.mesh.assert_unharmed().await;
}
