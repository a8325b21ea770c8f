//! Whether a rate limit is one for the whole sidecar: the same rate is admitted whatever the load and however many
//! workers there are; and what it costs in memory when everybody is somebody else, or asks something else. A program of its own, because it wants the
//! machine for itself while it runs.

mod distinct_keys;
mod kept_answers;

use std::time::Duration;

use helius_e2e::{Client, Mesh, Request, Upstream, alone};
use hyper::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Requests a second.
const RATE: u32 = 40;
const BURST: u32 = 8;
/// How many times the rate is asked for, each on a route of its own.
const LOADS: [u32; 3] = [2, 10, 50];
const SPAN: Duration = Duration::from_secs(10);
/// Of the requests that the rate admits in the span.
const MOST_OFF: f64 = 0.03;
/// Spread over the workers by the kernel.
const CONNECTIONS: u32 = 20;

/// What came of a load.
#[derive(Debug, Default)]
struct Seen {
    admitted: u32,
    limited: u32,
}

#[tokio::test]
async fn workers_admit_together_what_one_would() {
    let _machine = alone().await;
    for workers in [2, 4] {
        assert_rates(workers).await;
    }
}

async fn assert_rates(workers: u32) {
    let regions = [Upstream::start("us-east-1").await.unwrap(), Upstream::start("us-west-2").await.unwrap()];
    let bootstrap = Mesh::builder().assist(regions[0].addr(), regions[1].addr()).configure(add_routes);
    let mesh = bootstrap.concurrency(workers).start().await.unwrap();
    let began = Instant::now();
    let (two, ten, fifty) =
        tokio::join!(load(&mesh, LOADS[0], began), load(&mesh, LOADS[1], began), load(&mesh, LOADS[2], began));
    let stats = mesh.stats().await.unwrap();
    for (times, seen) in LOADS.into_iter().zip([two, ten, fifty]) {
        let expected = f64::from(BURST) + f64::from(RATE) * SPAN.as_secs_f64();
        let off = (f64::from(seen.admitted) - expected) / expected;
        println!("{workers} workers, {times} times the rate: {seen:?}, {:+.1} %", off * 100.0);
        assert!(off.abs() <= MOST_OFF, "{} were admitted instead of {expected}", seen.admitted);
        let counted =
            |decision: &str| stats.sum("helius_admission_total", &[("route", &route(times)), ("decision", decision)]);
        assert_eq!(counted("allowed"), u64::from(seen.admitted));
        assert_eq!(counted("limited"), u64::from(seen.limited));
        assert_eq!(counted("undecided"), 0);
    }
    mesh.assert_unharmed().await;
}

fn route(times: u32) -> String {
    format!("times-{times}")
}

/// One route for each load, with a limit of its own.
fn add_routes(document: &mut Value) {
    for times in LOADS {
        let mut route = document["routes"][0].clone();
        route["name"] = self::route(times).into();
        route["match"] = json!({ "path": "/assist", "headers": { "x-load": times.to_string() } });
        route["admission"] = json!({ "rate_limit": [{ "rate": format!("{RATE}/s"), "burst": BURST }] });
        document["routes"].as_array_mut().unwrap().insert(0, route);
    }
}

/// Asks evenly, for the span.
async fn load(mesh: &Mesh, times: u32, began: Instant) -> Seen {
    let every = Duration::from_secs(1) * CONNECTIONS / (RATE * times);
    let clients = (0..CONNECTIONS).map(|index| {
        let first = began + every * index / CONNECTIONS;
        tokio::spawn(ask(mesh.client(), times, first, every, began + SPAN))
    });
    let mut seen = Seen::default();
    for client in clients.collect::<Vec<_>>() {
        let one = client.await.unwrap();
        seen.admitted += one.admitted;
        seen.limited += one.limited;
    }
    seen
}

async fn ask(client: Client, times: u32, first: Instant, every: Duration, until: Instant) -> Seen {
    let mut connection = client.connect().await.unwrap();
    let mut pace = interval_at(first, every);
    // Who is late catches up: the load must not sink because this machine is slow.
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut seen = Seen::default();
    while pace.tick().await < until && Instant::now() < until {
        // Without a body: Envoy closes a connection whose request it has answered before its end.
        let request = Request::new(Method::POST, "/assist").header("x-load", times.to_string());
        match connection.send(request).await.unwrap().status {
            200 => seen.admitted += 1,
            429 => seen.limited += 1,
            other => panic!("it is a {other}"),
        }
    }
    seen
}
