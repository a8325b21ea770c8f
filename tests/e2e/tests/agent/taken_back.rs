//! What an operator takes back before its end, by the API and by the file, again and again: how soon it is gone.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use helius_e2e::{AgentProcess, Answer, Mesh, Request, ReservedPort, Upstream, alone, wait_for};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

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
const WORKERS: u8 = 4;

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

/// A mesh with its agent, both on one pod.
struct Pod {
    mesh: Mesh,
    agent: AgentProcess,
    directory: TempDir,
    _regions: [Upstream; 2],
    _api: ReservedPort,
}

impl Pod {
    async fn start() -> Self {
        let regions = [Upstream::start("us-east-1").await.unwrap(), Upstream::start("us-west-2").await.unwrap()];
        for region in &regions {
            region.behave(Answer::status(200).text("{}"));
        }
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("token"), "secret").unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let (token, file) = (path("token"), path("overrides.yaml"));
        let (admin, api) = (ReservedPort::any().unwrap(), ReservedPort::any().unwrap());
        let flags = ["--token-file", &token, "--overrides-file", &file];
        let agent = AgentProcess::start_at(api.addr(), admin.addr(), &flags).await.unwrap();
        let mesh = Mesh::builder()
            .assist(regions[0].addr(), regions[1].addr())
            .endpoint("helius_agent", api.addr())
            .admin(admin.addr())
            .concurrency(WORKERS.into())
            .start()
            .await
            .unwrap();
        Self { mesh, agent, directory, _regions: regions, _api: api }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("overrides.yaml")
    }

    async fn set(&self, keys: Value) -> Value {
        let mut body = json!({ "reason": "garbage since the rollout", "author": "ana", "route": "assist" });
        if let (Value::Object(body), Value::Object(keys)) = (&mut body, keys) {
            body.extend(keys);
        }
        let request = Request::post("/v1/overrides", body.to_string()).header("authorization", "Bearer secret");
        let reply = self.agent.api().send(request).await.unwrap();
        assert_eq!(reply.status, 201, "{}", reply.text());
        let set = reply.json();
        assert_eq!(set["warnings"], json!([]), "the filter knows the route and has a use for it");
        set
    }

    async fn clear(&self) {
        let request = Request::new("DELETE".parse().unwrap(), "/v1/overrides").header("authorization", "Bearer secret");
        assert_eq!(self.agent.api().send(request).await.unwrap().status, 200);
    }

    /// Asserts that every worker has connections, so that what holds for all of them holds for it.
    async fn assert_all_work(&self) {
        let stats = self.mesh.envoy().admin_get("/stats?filter=worker_%5Cd%2B.downstream_cx_total").await.unwrap();
        let counts = stats.lines().filter(|line| line.starts_with("listener.") && !line.starts_with("listener.admin"));
        let counts: Vec<&str> = counts.filter(|line| !line.ends_with(": 0")).collect();
        assert_eq!(counts.len(), usize::from(WORKERS), "{stats}");
    }
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
    let pod = Pod::start().await;
    let traffic = Traffic::start(&pod.mesh);
    traffic.settle(false).await;
    pod.assert_all_work().await;
    let mut took: Vec<(&str, Duration)> = Vec::new();
    for _ in 0..ROUNDS {
        let since = Instant::now();
        pod.set(json!({ "override": "static" })).await;
        took.push(("set by the API", traffic.changed(true, since).await));
        let since = Instant::now();
        pod.clear().await;
        took.push(("cleared by the API", traffic.changed(false, since).await));
        let since = Instant::now();
        replace(&pod.file(), &file(SystemTime::now() + Duration::from_secs(600)));
        took.push(("set by the file", traffic.changed(true, since).await));
        let since = Instant::now();
        replace(&pod.file(), "overrides: []\n");
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
