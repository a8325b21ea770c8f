//! A pod in which everything happens that rules and dashboard ask about: a real Envoy, its agent, and a Prometheus that
//! reads it.

use std::fs;
use std::time::{Duration, SystemTime};

use helius_e2e::{
    AgentProcess, AlertRules, Answer, Behaviour, Bootstrap, Mesh, Prometheus, Reply, Request, ReservedPort, Upstream,
    wait_for,
};
use serde_json::json;
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(30);
/// What everybody has asked before.
const QUESTION: &str = "what now?";

pub(crate) struct Pod {
    pub(crate) mesh: Mesh,
    pub(crate) agent: AgentProcess,
    pub(crate) prometheus: Prometheus,
    regions: [Upstream; 2],
    _directory: TempDir,
    _ports: [ReservedPort; 2],
}

/// A route with every policy that counts something, and one that is strict and has nothing to cover a failure.
fn document(bootstrap: Bootstrap) -> Bootstrap {
    bootstrap.configure(|document| {
        let assist = &mut document["routes"][0];
        assist["admission"] = json!({
            "isolate": { "region_header": "x-region", "regions": ["eu-south-1"] },
            "rate_limit": [{ "rate": "1/h", "burst": 1, "key": [{ "header": "x-client" }] }],
            "dedupe": { "key": { "header": "x-message" } },
        });
        assist["output"] = json!({ "schema": { "type": "object", "required": ["confidence"] } });
        assist["upstream"]["fail_on"].as_array_mut().unwrap().push("invalid_output".into());
        assist["drill"] = json!({ "share": 1 });
        assist["fail_open"]["last_good"] = json!({});
        let predict = document["routes"][1].as_object_mut().unwrap();
        predict.remove("fail_open");
        predict["upstream"]["strict"] = true.into();
    })
}

impl Pod {
    /// Starts all of it, and an override is in force.
    pub(crate) async fn start() -> Self {
        let regions = [Upstream::start("us-east-1").await.unwrap(), Upstream::start("us-west-2").await.unwrap()];
        let ports = [ReservedPort::any().unwrap(), ReservedPort::any().unwrap()];
        let [api, admin] = [ports[0].addr(), ports[1].addr()];
        let directory = TempDir::new().unwrap();
        let overrides = directory.path().join("overrides.yaml");
        let until = humantime::format_rfc3339_seconds(SystemTime::now() + Duration::from_secs(1200));
        let drain = format!("override: drain, route: predict, region: us-west-2, until: \"{until}\", reason: a test");
        fs::write(&overrides, format!("overrides: [{{ {drain}, author: me }}]\n")).unwrap();
        let probe = format!("tcp://{}", regions[0].addr());
        let flags = ["--overrides-file", overrides.to_str().unwrap(), "--app-probe", &probe];
        let agent = AgentProcess::start_at(api, admin, &flags).await.unwrap();
        let [east, west] = [regions[0].addr(), regions[1].addr()];
        let bootstrap = document(Mesh::builder()).assist(east, west).predict(east, west);
        let mesh = bootstrap.endpoint("helius_agent", api).admin(admin).start().await.unwrap();
        let prometheus = Prometheus::builder()
            .scrape("helius-agent", agent.metrics_addr(), "/metrics")
            .rules(AlertRules::shipped().unwrap());
        let prometheus = prometheus.start().await.unwrap();
        Self { mesh, agent, prometheus, regions, _directory: directory, _ports: ports }
    }

    async fn ask(&self, path: &str, question: &str, headers: &[(&str, &str)]) -> Reply {
        let request = Request::post(path, json!({ "id": 7, "question": question }).to_string());
        let request = headers.iter().fold(request, |it, (name, value)| it.header(name, value));
        self.mesh.send(request).await.unwrap()
    }

    /// Asks the route `assist` as this client.
    async fn assist(&self, client: &str, question: &str) -> Reply {
        self.ask("/assist", question, &[("x-client", client)]).await
    }

    /// Asks the route `assist`, each time as another client, until the answer is such; fails where none is.
    async fn until(&self, what: &str, question: &str, is_so: impl Fn(&Reply) -> bool) {
        let mut number = 0;
        let came = wait_for(what, SOON, async || {
            number += 1;
            is_so(&self.assist(&format!("{what} {number}"), question).await).then_some(())
        });
        came.await.unwrap();
    }

    /// Lets everything happen once, after Prometheus has seen the counters at 0.
    pub(crate) async fn live(&self) {
        self.prometheus.wait_for("helius_responses_total", |now| !now.is_empty(), SOON).await.unwrap();
        for number in 0..20 {
            assert_eq!(self.assist(&format!("good {number}"), QUESTION).await.status, 200);
            assert_eq!(self.ask("/predict", QUESTION, &[]).await.status, 200);
        }
        self.turn_away().await;
        self.fail().await;
        self.mesh.assert_unharmed().await;
    }

    /// Requests that no region is asked for.
    async fn turn_away(&self) {
        assert_eq!(self.assist("good 0", QUESTION).await.status, 429);
        let isolated = [("x-client", "far"), ("x-region", "eu-south-1")];
        assert_eq!(self.ask("/assist", QUESTION, &isolated).await.status, 503);
        for (client, status) in [("first", 200), ("second", 202)] {
            let message = [("x-client", client), ("x-message", "m-1")];
            assert_eq!(self.ask("/assist", QUESTION, &message).await.status, status, "{client}");
        }
    }

    /// The ladder, down to where nothing is left.
    async fn fail(&self) {
        let served_by = |reply: &Reply, rung: &str| reply.header("x-helius-served-by") == Some(rung);
        self.regions[0].behave(Answer::status(200).json(&json!({ "nonsense": true })));
        self.until("invalid", "new", |reply| reply.header("x-helius-degraded") == Some("invalid_output")).await;
        self.regions[0].behave(Answer::status(500).text("boom"));
        self.until("failed over", "new", |reply| served_by(reply, "secondary")).await;
        self.regions.iter().for_each(|region| region.behave(Behaviour::Reset));
        let is_left_alone = |reply: &Reply| reply.header("x-helius-degraded") == Some("skipped_breaker_open");
        self.until("left alone", "newer", is_left_alone).await;
        self.until("last good", QUESTION, |reply| served_by(reply, "last-good")).await;
        self.until("static", "newest", |reply| served_by(reply, "static")).await;
        // One region is drained, and nothing covers the other.
        let refused = wait_for("the refusal", SOON, async || {
            let reply = self.ask("/predict", QUESTION, &[]).await;
            assert!(reply.status >= 500, "{reply:?}");
            served_by(&reply, "refusal").then_some(())
        });
        refused.await.unwrap();
    }
}
