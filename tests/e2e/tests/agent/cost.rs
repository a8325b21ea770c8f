//! What the agent costs: time and memory, with 50 routes to 3 regions each.

use std::time::{Duration, Instant};

use helius_e2e::{AgentProcess, Mesh, Request, ReservedPort, Upstream};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ROUTES: usize = 50;
const REGIONS: [&str; 3] = ["us-east-1", "us-west-2", "eu-west-1"];
const SCRAPES: usize = 50;

/// Of a debug build on a machine that has other things to do. A release build stays below 10 ms and 15 MB.
const MOST_TIME: Duration = Duration::from_millis(500);
const MOST_MEMORY: u64 = 60 << 20;

fn route(number: usize) -> Value {
    let regions = REGIONS.iter().enumerate().map(|(index, name)| match index {
        0 => json!({ "name": name, "via": "route", "timeout": "500ms" }),
        _ => json!({ "name": name, "cluster": "llm_assistant_us_west_2", "timeout": "500ms" }),
    });
    json!({
        "name": format!("route-{number}"),
        "match": { "path": format!("/route/{number}") },
        "admission": { "rate_limit": [{ "key": ["path"], "rate": "100000/s", "burst": 100_000 }] },
        "upstream": {
            "timeout": "2s", "regions": regions.collect::<Vec<_>>(), "circuit_breaker": {},
            "retry_budget": { "ratio": 0.2 }, "replay": { "methods": ["GET", "POST"], "max_body": "64KiB" },
            "fail_on": ["connect", "reset", "timeout", "5xx", "overflow", "no_healthy_upstream", "invalid_output"],
        },
        "output": { "schema": { "type": "object" } },
        "fail_open": { "static": [{ "status": 200, "body": {} }] },
    })
}

/// Reads the metrics by a client that costs nothing itself.
async fn read(agent: &AgentProcess) -> String {
    let mut stream = TcpStream::connect(agent.metrics_addr()).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: agent\r\n\r\n").await.unwrap();
    let mut answer = Vec::with_capacity(2 << 20);
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    String::from_utf8(answer).unwrap()
}

/// The median and the worst of the scrapes.
async fn scrape(agent: &AgentProcess) -> (Duration, Duration, String) {
    let mut times = Vec::new();
    let mut page = String::new();
    for _ in 0..SCRAPES {
        // What is younger than a moment is not asked for again; a scrape that asks is what is measured.
        tokio::time::sleep(Duration::from_millis(110)).await;
        let begun = Instant::now();
        page = read(agent).await;
        times.push(begun.elapsed());
    }
    times.sort();
    (times[SCRAPES / 2], times[SCRAPES - 1], page)
}

/// How long Envoy takes for what the agent asks, in the median.
async fn envoy_alone(mesh: &Mesh) -> Duration {
    let mut times = Vec::new();
    for _ in 0..SCRAPES {
        let begun = Instant::now();
        mesh.envoy().admin_get("/stats?filter=%5Ewasmcustom%5C.service%3D&usedonly").await.unwrap();
        times.push(begun.elapsed());
    }
    times.sort();
    times[SCRAPES / 2]
}

#[tokio::test]
async fn a_scrape_is_quick_and_the_agent_small_with_fifty_routes_to_three_regions() {
    let upstream = Upstream::start("us-east-1").await.unwrap();
    let admin = ReservedPort::any().unwrap();
    let mesh = Mesh::builder()
        .assist(upstream.addr(), upstream.addr())
        .admin(admin.addr())
        .configure(|document| document["routes"] = (0..ROUTES).map(route).collect())
        .extra_route(json!({ "match": { "prefix": "/route/" }, "route": { "cluster": "llm_assistant_us_east_1" } }));
    let mesh = mesh.start().await.unwrap();
    let agent = AgentProcess::start(admin.addr(), &[]).await.unwrap();
    let fresh = agent.memory().unwrap();

    let begun = Instant::now();
    let page = read(&agent).await;
    let first = begun.elapsed();
    let series = page.lines().filter(|line| !line.starts_with('#')).count();
    assert!(page.matches("helius_responses_total{").count() >= ROUTES * 10, "{page}");

    for number in 0..ROUTES {
        let reply = mesh.send(Request::get(&format!("/route/{number}"))).await.unwrap();
        assert_eq!(reply.status, 200);
    }
    let (median, worst, page) = scrape(&agent).await;
    let memory = agent.memory().unwrap();
    let of_envoy = envoy_alone(&mesh).await;
    println!(
        "of which Envoy {of_envoy:.1?}; {series} series, {} KB: the first scrape {first:.1?}, those that follow {median:.1?} in the median, \
         {worst:.1?} at worst; memory {:.1} MB after the start, {:.1} MB after {SCRAPES} scrapes",
        page.len() / 1000,
        megabytes(fresh),
        megabytes(memory),
    );
    assert!(median < MOST_TIME && memory < MOST_MEMORY);
    mesh.assert_unharmed().await;
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
