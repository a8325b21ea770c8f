//! The incident as the platform's own alerts see it: Prometheus scrapes the agent, and each alert fires when it should, and
//! only then.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use helius_e2e::{
    AgentProcess, AlertRules, Answer, Behaviour, Client, Mesh, Prometheus, ReservedPort, Upstream, alone,
};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// Instead of the platform's five minutes.
const WINDOW: Duration = Duration::from_secs(6);
const SCRAPED_EVERY: Duration = Duration::from_millis(500);
/// An alert has to have changed by then: a window, and 15 s after the last made-up answer.
const SOON: Duration = Duration::from_secs(60);
const ASKED_EVERY: Duration = Duration::from_millis(25);
/// Longer than the alert's 2 s, and shorter than an attempt may take.
const SLOW: Duration = Duration::from_secs(3);

/// Clients that ask all the time, and what they got.
struct Clients {
    task: JoinHandle<()>,
    is_over: Arc<AtomicBool>,
    answered: Arc<AtomicU32>,
}

impl Clients {
    fn begin(client: Client) -> Self {
        let (is_over, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicU32>::default());
        let (over, count) = (is_over.clone(), answered.clone());
        let task = tokio::spawn(async move {
            let mut pace = interval(ASKED_EVERY);
            pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut under_way = tokio::task::JoinSet::new();
            while !over.load(Ordering::Relaxed) {
                pace.tick().await;
                let (client, count) = (client, count.clone());
                under_way.spawn(async move {
                    let reply = client.send(helius_e2e::Request::post("/assist", r#"{"id": 7}"#)).await.unwrap();
                    assert_eq!(reply.status, 200, "{}", reply.text());
                    count.fetch_add(1, Ordering::Relaxed);
                });
                while let Some(ended) = under_way.try_join_next() {
                    ended.unwrap();
                }
            }
            while let Some(ended) = under_way.join_next().await {
                ended.unwrap();
            }
        });
        Self { task, is_over, answered }
    }

    /// Ends them. Whoever got no good answer fails the test.
    async fn end(self) -> u32 {
        self.is_over.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
        self.answered.load(Ordering::Relaxed)
    }
}

/// Waits until exactly these alerts fire.
async fn fires(prometheus: &Prometheus, expected: &[&str]) {
    let expected: BTreeSet<String> = expected.iter().map(|name| (*name).to_owned()).collect();
    let names = |now: &[(helius_e2e::Labels, f64)]| -> BTreeSet<String> {
        now.iter().filter_map(|(labels, _)| labels.get("alertname").cloned()).collect()
    };
    let query = r#"ALERTS{alertstate="firing"}"#;
    let reached = prometheus.wait_for(query, |now| names(now) == expected, SOON).await;
    reached.unwrap_or_else(|error| panic!("{expected:?} should fire: {error:#}"));
    println!("fires: {expected:?}");
}

#[tokio::test]
async fn the_platforms_alerts_fire_when_they_should_and_only_then() {
    let _machine = alone().await;
    let regions = [Upstream::start("us-east-1").await.unwrap(), Upstream::start("us-west-2").await.unwrap()];
    let admin = ReservedPort::any().unwrap();
    let bootstrap = Mesh::builder().assist(regions[0].addr(), regions[1].addr()).admin(admin.addr());
    let mesh = bootstrap
        .assist_route(|route| {
            route["output"] = json!({ "schema": { "type": "object", "minProperties": 2 } });
            route["upstream"]["timeout"] = "8s".into();
            route["upstream"]["regions"][0]["timeout"] = "5s".into();
            route["upstream"]["regions"][1]["timeout"] = "5s".into();
        })
        .start()
        .await
        .unwrap();
    let agent = AgentProcess::start(admin.addr(), &[]).await.unwrap();
    let rules = AlertRules::shipped().unwrap().with_window(WINDOW).unwrap();
    let prometheus = Prometheus::builder()
        .scrape("helius-agent", agent.metrics_addr(), "/metrics")
        .interval(SCRAPED_EVERY)
        .rules(rules)
        .start()
        .await
        .unwrap();
    let all = |behaviour: Behaviour| regions.iter().for_each(|region| region.behave(behaviour.clone()));

    let clients = Clients::begin(mesh.client());
    // There is something to be quiet about.
    prometheus.wait_for("sum(rate(model_requests_total[6s])) > 10", |now| !now.is_empty(), SOON).await.unwrap();
    fires(&prometheus, &[]).await;
    all(Answer::status(200).json(&json!({ "nonsense": true })).into());
    fires(&prometheus, &["HighInvalidModelOutputs", "StaticModeActive", "TelemetryCircuitBreakerOpen"]).await;
    all(Behaviour::Serve);
    fires(&prometheus, &[]).await;
    all(Answer::status(200).json(&json!({ "id": 7, "slow": true })).after(SLOW).into());
    fires(&prometheus, &["HighRequestLatency"]).await;
    all(Behaviour::Serve);
    fires(&prometheus, &[]).await;
    let answered = clients.end().await;
    println!("{answered} answers, all of them good");
    mesh.assert_unharmed().await;
}
