//! What the agent says of real traffic.

use std::time::Duration;

use helius_e2e::{AgentProcess, Answer, Bootstrap, Mesh, Promtool, ReservedPort, Stats, Upstream, wait_for};
use serde_json::Value;
use serde_json::json;

/// Envoy counts an exchange when it logs it, which may be after the client has its answer.
const SETTLES: Duration = Duration::from_secs(10);

const GAUGE: &str = "telemetry_circuit_breaker_state";

async fn regions() -> [Upstream; 2] {
    [Upstream::start("us-east-1").await.unwrap(), Upstream::start("us-west-2").await.unwrap()]
}

fn mesh(regions: &[Upstream; 2], admin: &ReservedPort) -> Bootstrap {
    // Breakers that only watch, so that they have a gauge and keep nobody away.
    let watched = json!({ "mode": "shadow" });
    Mesh::builder().assist(regions[0].addr(), regions[1].addr()).breakers(&watched).admin(admin.addr())
}

/// Sends requests of which each third fails at the primary, and gives how many each rung answered.
async fn traffic(mesh: &Mesh, regions: &[Upstream; 2], requests: u32) -> [u64; 2] {
    let mut answered = [0, 0];
    for number in 0..requests {
        regions[0].behave(if number % 3 == 0 { Answer::status(500) } else { Answer::status(200).text("{}") });
        let reply = mesh.post("/assist", r#"{"id": 1}"#).await.unwrap();
        assert_eq!(reply.status, 200);
        answered[usize::from(reply.header("x-helius-served-by") == Some("secondary"))] += 1;
    }
    answered
}

fn responses(stats: &Stats, served_by: &str) -> u64 {
    stats.sum("helius_responses_total", &[("service", "llm-router"), ("route", "assist"), ("served_by", served_by)])
}

fn requests(stats: &Stats, region: &str) -> u64 {
    stats.sum("model_requests_total", &[("service", "llm-router"), ("route", "assist"), ("region", region)])
}

#[tokio::test]
async fn the_agents_numbers_are_the_clients_and_survive_envoy() {
    let regions = regions().await;
    let admin = ReservedPort::any().unwrap();
    // Nobody is there yet: it starts before Envoy, as it does in a pod.
    let agent = AgentProcess::start(admin.addr(), &[]).await.unwrap();
    assert_eq!(agent.metrics().await.unwrap().sum("helius_envoy_up", &[]), 0);

    let promtool = Promtool::find().unwrap();
    let mut sum = [0, 0];
    for (round, count) in [60, 30, 90].into_iter().enumerate() {
        let mesh = mesh(&regions, &admin).start().await.unwrap();
        let answered = traffic(&mesh, &regions, count).await;
        assert!(answered.iter().all(|count| *count > 0), "{answered:?}");
        sum = [sum[0] + answered[0], sum[1] + answered[1]];
        let settled = wait_for("the agent's numbers to be the clients'", SETTLES, async || {
            let stats = agent.metrics().await.unwrap();
            let is_equal = [responses(&stats, "primary"), responses(&stats, "secondary")] == sum
                && [requests(&stats, "us-east-1"), requests(&stats, "us-west-2")] == [sum[0] + sum[1], sum[1]];
            is_equal.then_some(stats)
        });
        let stats = settled.await.unwrap();
        assert_eq!(stats.sum("helius_envoy_up", &[]), 1);
        assert_eq!(stats.sum("helius_agent_envoy_restarts_total", &[]), round as u64);
        assert_eq!(stats.of(GAUGE).count(), 4);
        assert_eq!(stats.sum("helius_agent_malformed_total", &[]), 0);
        // Regions that nobody asked stand there at 0.
        let idle = [("route", "predict"), ("region", "us-west-2")];
        assert_eq!(stats.of("model_invalid_outputs_total").count(), 4);
        assert_eq!(stats.sum("model_requests_total", &idle), 0);
        let judgement = promtool.check_metrics(&agent.page().await.unwrap()).unwrap();
        assert!(judgement.is_clean, "{}", judgement.output);

        // By its uptime, in whole seconds, the agent tells an Envoy from the next one.
        let old = wait_for("Envoy to be two seconds old", SETTLES, async || {
            let info: Value = serde_json::from_str(&mesh.envoy().admin_get("/server_info").await.unwrap()).unwrap();
            let uptime = info["uptime_current_epoch"].as_str()?.strip_suffix('s')?.parse::<u64>().ok()?;
            (uptime >= 2 && agent.metrics().await.is_ok()).then_some(())
        });
        old.await.unwrap();
        drop(mesh);
        let stats = wait_for("Envoy to be down", SETTLES, async || {
            let stats = agent.metrics().await.unwrap();
            (stats.sum("helius_envoy_up", &[]) == 0).then_some(stats)
        });
        let stats = stats.await.unwrap();
        assert_eq!([responses(&stats, "primary"), responses(&stats, "secondary")], sum, "they stay where they were");
        assert_eq!(stats.of(GAUGE).count(), 0, "nobody knows");
    }
}
