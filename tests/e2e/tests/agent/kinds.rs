//! Each kind of override once, in the real Envoy: what the client sees while it is in force, and afterwards.

use std::fs;
use std::time::Duration;

use helius_e2e::{AgentProcess, Answer, Mesh, Reply, Request, ReservedPort, Upstream, wait_for};
use serde_json::{Value, json};
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(10);
const TOKEN: &str = "open sesame";

struct Pod {
    mesh: Mesh,
    agent: AgentProcess,
    primary: Upstream,
    secondary: Upstream,
    _api: ReservedPort,
    _directory: TempDir,
}

impl Pod {
    async fn start() -> Self {
        let (primary, secondary) =
            (Upstream::start("us-east-1").await.unwrap(), Upstream::start("us-west-2").await.unwrap());
        let (admin, api) = (ReservedPort::any().unwrap(), ReservedPort::any().unwrap());
        let directory = TempDir::new().unwrap();
        let token = directory.path().join("token");
        fs::write(&token, TOKEN).unwrap();
        let flags = ["--token-file", token.to_str().unwrap()];
        let agent = AgentProcess::start_at(api.addr(), admin.addr(), &flags).await.unwrap();
        let bootstrap = Mesh::builder().assist(primary.addr(), secondary.addr());
        let bootstrap = bootstrap.endpoint("helius_agent", api.addr()).admin(admin.addr()).assist_route(|route| {
            route["admission"] = json!({
                "isolate": { "region_header": "x-helius-region" },
                "rate_limit": [{ "rate": "1000/s", "burst": 1000 }],
            });
        });
        let mesh = bootstrap.start().await.unwrap();
        Self { mesh, agent, primary, secondary, _api: api, _directory: directory }
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> Reply {
        let method = hyper::Method::from_bytes(method.as_bytes()).unwrap();
        let request = Request::new(method, path).body(body.to_string());
        self.agent.api().send(request.header("authorization", format!("Bearer {TOKEN}"))).await.unwrap()
    }

    /// Sets one, and waits until the filter says that it is in force.
    async fn set(&self, kind: &str, keys: Value) {
        let mut body = json!({ "route": "assist", "ttl": "5m", "reason": "a test", "author": "me", "force": true });
        for (key, value) in keys.as_object().unwrap() {
            body[key] = value.clone();
        }
        let reply = self.ask("POST", "/v1/overrides", &body).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        self.shown(kind, 1).await;
    }

    /// Clears all, and waits until the filter says that it is gone.
    async fn clear(&self, kind: &str) {
        let reply = self.ask("DELETE", "/v1/overrides", &Value::Null).await;
        assert_eq!(reply.status / 100, 2, "{}", reply.text());
        self.shown(kind, 0).await;
    }

    async fn shown(&self, kind: &str, count: u64) {
        let labels = [("service", "llm-router"), ("route", "assist"), ("override", kind)];
        let shown = wait_for("the filter to show it", SOON, async || {
            let stats = self.mesh.stats().await.unwrap();
            (stats.sum("helius_override_active", &labels) == count).then_some(())
        });
        shown.await.unwrap_or_else(|error| panic!("{kind}: {error:#}"));
        // Every worker has found it by its next tick: ask until they agree.
        let stats = self.agent.metrics().await.unwrap();
        assert_eq!(stats.sum("helius_override_active", &labels), count, "the agent passes it on");
    }

    async fn post(&self) -> Reply {
        self.mesh.send(Request::post("/assist", r#"{"id": 7}"#).header("x-helius-region", "eu-south-1")).await.unwrap()
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
    let pod = Pod::start().await;
    pod.until_untouched().await;

    pod.set("static", json!({ "override": "static" })).await;
    let is_forced = |reply: &Reply| mark(reply, "served-by") == Some("static");
    pod.until("the static answer", is_forced).await;
    let asked = pod.primary.count() + pod.secondary.count();
    assert_eq!(mark(&pod.post().await, "degraded"), Some("skipped_override"));
    assert_eq!(pod.primary.count() + pod.secondary.count(), asked, "no region is asked");
    pod.clear("static").await;
    pod.until_untouched().await;

    pod.set("drain", json!({ "override": "drain", "region": "us-east-1" })).await;
    pod.until("the secondary", |reply| mark(reply, "region") == Some("us-west-2")).await;
    assert_eq!(mark(&pod.post().await, "degraded"), Some("skipped_override"));
    pod.clear("drain").await;
    pod.until_untouched().await;

    pod.set("isolate", json!({ "override": "isolate", "region": "eu-south-1" })).await;
    pod.until("the refusal", |reply| reply.status == 503).await;
    assert_eq!(pod.post().await.header("x-helius-isolated"), Some("eu-south-1"));
    pod.clear("isolate").await;
    pod.until_untouched().await;

    pod.set("rate_limit", json!({ "override": "rate_limit", "scale": 0.001 })).await;
    pod.until("a 429", |reply| reply.status == 429).await;
    pod.clear("rate_limit").await;
    pod.until_untouched().await;

    pod.set("shadow", json!({ "override": "shadow" })).await;
    pod.primary.behave(Answer::status(500).text("boom"));
    pod.until("the primary's failure", |reply| reply.status == 500 && reply.marks().is_empty()).await;
    pod.clear("shadow").await;
    pod.until("somebody else's answer", |reply| reply.status == 200).await;
    pod.primary.behave(helius_e2e::Behaviour::Serve);
    pod.until_untouched().await;
    pod.mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_breaker_stands_where_an_operator_puts_it() {
    let pod = Pod::start().await;
    let breaker = [("route", "assist"), ("region", "us-east-1")];
    let stands = async |code| {
        let shown = wait_for("the gauge", SOON, async || {
            let stats = pod.mesh.stats().await.unwrap();
            (stats.sum("telemetry_circuit_breaker_state", &breaker) == code).then_some(())
        });
        shown.await.unwrap();
    };
    pod.set("breaker_open", json!({ "override": "breaker", "region": "us-east-1", "state": "open" })).await;
    pod.until("the secondary", |reply| mark(reply, "degraded") == Some("skipped_breaker_open")).await;
    stands(2).await;
    pod.clear("breaker_open").await;
    pod.until_untouched().await;
    stands(0).await;

    // Forced closed it goes on asking a region that fails, and off it knows nothing of it.
    for (kind, word) in [("breaker_closed", "closed"), ("breaker_off", "off")] {
        pod.set(kind, json!({ "override": "breaker", "state": word })).await;
        pod.primary.behave(Answer::status(500).text("boom"));
        pod.until("a failure that is covered", |reply| mark(reply, "degraded") == Some("5xx")).await;
        for _ in 0..20 {
            assert_eq!(mark(&pod.post().await, "degraded"), Some("5xx"), "{word}: the region is still asked");
        }
        stands(0).await;
        pod.primary.behave(helius_e2e::Behaviour::Serve);
        pod.clear(kind).await;
        pod.until_untouched().await;
    }
    pod.mesh.assert_unharmed().await;
}
