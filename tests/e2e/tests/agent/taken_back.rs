//! What an operator takes back before its end, by the API and by the file, again and again: how soon it is gone.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use helius_e2e::{Answer, Mesh, Request, Upstream, alone, wait_for};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::pod::Pod;

/// Connections at once: so many that each worker has some.
const CONNECTIONS: usize = 32;
/// Between two requests of a connection.
const PACE: Duration = Duration::from_millis(10);
/// What is promised.
const PROMISED: Duration = Duration::from_secs(1);
/// For what is promised sooner.
const PATIENCE: Duration = Duration::from_secs(20);
/// Answers in a row by which a connection is taken to have changed.
const SETTLED: usize = 20;
const ROUNDS: usize = 3;
const WORKERS: u32 = 4;

/// An answer: when it was there, and whether it was the static one.
type Seen = (Instant, bool);

/// Requests without an end, over connections that stay.
struct Traffic {
    seen: Arc<Vec<Mutex<Vec<Seen>>>>,
    tasks: JoinSet<()>,
}

impl Traffic {
    fn start(mesh: &Mesh) -> Self {
        let seen: Arc<Vec<Mutex<Vec<Seen>>>> = Arc::new((0..CONNECTIONS).map(|_| Mutex::default()).collect());
        let mut tasks = JoinSet::new();
        for number in 0..CONNECTIONS {
            let (client, seen) = (mesh.client(), Arc::clone(&seen));
            tasks.spawn(async move {
                let mut connection = client.connect().await.unwrap();
                loop {
                    let reply = connection.send(Request::post("/assist", r#"{"id": 1}"#)).await.unwrap();
                    assert_eq!(reply.status, 200);
                    let is_static = reply.header("x-helius-served-by") == Some("static");
                    seen[number].lock().unwrap().push((Instant::now(), is_static));
                    tokio::time::sleep(PACE).await;
                }
            });
        }
        Self { seen, tasks }
    }

    /// Waits until every connection gets static answers, or none does.
    async fn settle(&self, is_static: bool) {
        let settled = |seen: &Mutex<Vec<Seen>>| {
            let seen = seen.lock().unwrap();
            let last = seen.iter().rev().take(SETTLED);
            last.filter(|(_, it)| *it == is_static).count() == SETTLED
        };
        let what = format!("every connection to get {} answers", if is_static { "static" } else { "the primary's" });
        wait_for(&what, PATIENCE, async || self.seen.iter().all(settled).then_some(())).await.unwrap();
    }

    /// How long after `since` the last answer came that was another one.
    fn last_other(&self, is_static: bool, since: Instant) -> Duration {
        let last = |seen: &Mutex<Vec<Seen>>| {
            let seen = seen.lock().unwrap();
            seen.iter().filter(|(_, it)| *it != is_static).map(|(at, _)| at.saturating_duration_since(since)).max()
        };
        self.seen.iter().filter_map(last).max().unwrap_or_default()
    }

    async fn changed(&self, is_static: bool, since: Instant) -> Duration {
        self.settle(is_static).await;
        self.last_other(is_static, since)
    }
}

/// A pod whose regions answer alike.
async fn start() -> (Pod, [Upstream; 2]) {
    let regions = [Upstream::start("us-east-1").await.unwrap(), Upstream::start("us-west-2").await.unwrap()];
    for region in &regions {
        region.behave(Answer::status(200).text("{}"));
    }
    let bootstrap = Mesh::builder().assist(regions[0].addr(), regions[1].addr()).concurrency(WORKERS);
    (Pod::start(bootstrap, tempfile::tempdir().unwrap()).await, regions)
}

async fn set(pod: &Pod) {
    let body =
        json!({ "override": "static", "route": "assist", "reason": "garbage since the rollout", "author": "ana" });
    let reply = pod.ask("POST", &body).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(reply.json()["warnings"], json!([]), "the filter knows the route and has a use for it");
}

async fn clear(pod: &Pod) {
    assert_eq!(pod.ask("DELETE", &Value::Null).await.status, 200);
}

fn file(until: SystemTime) -> String {
    let until = humantime::format_rfc3339_seconds(until);
    format!("overrides: [{{ override: static, route: assist, until: {until}, reason: r, author: ci }}]\n")
}

/// Replaces a file as a whole, as Kubernetes does.
fn replace(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, path).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_back_is_gone_from_every_worker_within_a_second() {
    let _machine = alone().await;
    let (pod, _regions) = start().await;
    let overrides_file = Pod::overrides_file(pod.directory());
    let traffic = Traffic::start(&pod.mesh);
    traffic.settle(false).await;
    pod.assert_spread(WORKERS).await;
    let mut took: Vec<(&str, Duration)> = Vec::new();
    for _ in 0..ROUNDS {
        let since = Instant::now();
        set(&pod).await;
        took.push(("set by the API", traffic.changed(true, since).await));
        let since = Instant::now();
        clear(&pod).await;
        took.push(("cleared by the API", traffic.changed(false, since).await));
        let since = Instant::now();
        replace(&overrides_file, &file(SystemTime::now() + Duration::from_secs(600)));
        took.push(("set by the file", traffic.changed(true, since).await));
        let since = Instant::now();
        replace(&overrides_file, "overrides: []\n");
        took.push(("cleared by the file", traffic.changed(false, since).await));
    }
    for what in ["set by the API", "cleared by the API", "set by the file", "cleared by the file"] {
        let mut times: Vec<Duration> = took.iter().filter(|(it, _)| *it == what).map(|(_, took)| *took).collect();
        times.sort();
        println!("{what}: the last other answer after {times:.0?}");
        assert!(times.iter().all(|took| *took > Duration::ZERO), "requests were under way: {times:?}");
        assert!(times.iter().all(|took| *took < PROMISED), "{what}: {times:?}");
    }

    // Before Envoy goes, whose end would be a failure to them.
    let mut traffic = traffic;
    traffic.tasks.shutdown().await;
    pod.mesh.assert_unharmed().await;
}
