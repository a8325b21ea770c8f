//! What an operator switches, under load, in every worker: how soon it is in force, and how soon it is gone.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use helius_e2e::{LeanRegion, Mesh, OpenLoop, Sent, alone, lean_post, wait_for};
use serde_json::json;
use tempfile::TempDir;
use tokio::task::spawn_blocking;
use tokio::time::sleep_until;

use crate::pod::Pod;

/// Requests a second.
const RATE: u32 = 2_000;
/// So many that the kernel gives some to every worker; the test looks whether it did.
const LANES: usize = 48;
/// What is promised.
const AT_MOST: Duration = Duration::from_secs(1);
/// Two clocks tell the end, in milliseconds: what is due so close to it may be on either side.
const CLOSE: Duration = Duration::from_millis(50);
/// The gauge is set by the first worker that knows; the others find it with their next tick.
const FOUND_WITHIN: Duration = Duration::from_millis(200);
/// Long enough that most of what is asked meets it.
const LASTS: Duration = Duration::from_secs(3);

/// A pod with so many workers, and its regions.
async fn start(workers: u32) -> (Pod, [LeanRegion; 2]) {
    let regions = [LeanRegion::start("us-east-1").await.unwrap(), LeanRegion::start("us-west-2").await.unwrap()];
    let directory = TempDir::new().unwrap();
    symlink("..data/overrides.yaml", Pod::overrides_file(directory.path())).unwrap();
    mount(directory.path(), "overrides: []\n");
    let bootstrap = Mesh::builder().assist(regions[0].addr(), regions[1].addr()).concurrency(workers);
    (Pod::start(bootstrap, directory).await, regions)
}

/// Sends requests for so long, and tells what became of each.
fn load(pod: &Pod, span: Duration) -> tokio::task::JoinHandle<Vec<Sent>> {
    let addr = pod.mesh.addr();
    spawn_blocking(move || {
        let mut sent = Vec::new();
        let mut open_loop = OpenLoop::connect(addr, LANES).unwrap();
        let count = u32::try_from(span.as_secs()).unwrap() * RATE;
        open_loop.run(count, RATE, |_| lean_post("/assist", &[], r#"{"id":7}"#), |it| sent.push(it)).unwrap();
        sent
    })
}

/// Puts a file where a config map would be mounted, as Kubernetes does: a new directory, and a link that is moved.
fn mount(directory: &Path, text: &str) {
    let name = format!("..{}", SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos());
    fs::create_dir(directory.join(&name)).unwrap();
    fs::write(directory.join(&name).join("overrides.yaml"), text).unwrap();
    let fresh = directory.join("..data_tmp");
    symlink(&name, &fresh).unwrap();
    fs::rename(&fresh, directory.join("..data")).unwrap();
}

/// How long after `moment` the last request was due whose answer is not as it should be.
fn last_after(sent: &[Sent], moment: Instant, until: Instant, is_right: impl Fn(&Sent) -> bool) -> Duration {
    let between = sent.iter().filter(|it| it.due > moment && it.due < until);
    let wrong = between.filter(|it| !is_right(it)).map(|it| it.due - moment);
    wrong.max().unwrap_or_default()
}

fn is_static(it: &Sent) -> bool {
    it.answer.as_ref().is_some_and(|answer| answer.header("x-helius-served-by") == Some("static"))
}

/// The moment that the wall clock calls so.
fn moment(until: SystemTime) -> Instant {
    Instant::now() + until.duration_since(SystemTime::now()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_override_is_in_force_in_every_worker_within_a_second_and_gone_within_one() {
    let _machine = alone().await;
    for workers in [2, 4] {
        let (pod, _regions) = start(workers).await;
        let began = Instant::now();
        let load = load(&pod, Duration::from_secs(14));
        sleep_until((began + Duration::from_secs(1)).into()).await;

        // By the API.
        let set_at = Instant::now();
        let body = json!({ "override": "static", "route": "assist", "ttl": "3s", "reason": "a test", "author": "me" });
        let reply = pod.ask("POST", &body).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        let until = humantime::parse_rfc3339(reply.json()["until"].as_str().unwrap()).unwrap();
        let api = (set_at, moment(until));

        // By the file.
        sleep_until((began + Duration::from_secs(7)).into()).await;
        let until = SystemTime::now() + LASTS;
        let text = format!(
            "overrides: [{{ override: static, route: assist, until: \"{}\", reason: a test, author: me }}]\n",
            humantime::format_rfc3339_millis(until)
        );
        let set_at = Instant::now();
        mount(pod.directory(), &text);
        let file = (set_at, moment(until));

        let sent = load.await.unwrap();
        assert!(sent.iter().all(|it| it.answer.as_ref().is_some_and(|answer| answer.status() == 200)));
        pod.assert_spread(workers).await;
        for (source, (set_at, ends_at), next) in
            [("API", api, began + Duration::from_secs(7)), ("file", file, began + Duration::from_secs(14))]
        {
            let in_force = last_after(&sent, set_at, ends_at.checked_sub(CLOSE).unwrap(), is_static);
            let gone = last_after(&sent, ends_at, next, |it| !is_static(it));
            let met = sent.iter().filter(|it| it.due > set_at && it.due < next && is_static(it)).count();
            println!("{workers} workers, {source}: in force after {in_force:?}, gone after {gone:?}, met by {met}");
            assert!(in_force < AT_MOST, "{in_force:?}");
            assert!(gone < AT_MOST, "{gone:?}");
            assert!(met > RATE as usize, "{met}");
        }
        pod.mesh.assert_unharmed().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_ends_by_itself_where_the_agent_has_died_and_nobody_notices_the_death() {
    let _machine = alone().await;
    let (mut pod, _regions) = start(2).await;
    let began = Instant::now();
    let load = load(&pod, Duration::from_secs(9));
    sleep_until((began + Duration::from_secs(1)).into()).await;
    let body = json!({ "override": "drain", "region": "us-east-1", "ttl": "4s", "reason": "a test", "author": "me" });
    let reply = pod.ask("POST", &body).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let until = humantime::parse_rfc3339(reply.json()["until"].as_str().unwrap()).unwrap();
    let ends_at = moment(until);
    let active = [("route", "assist"), ("override", "drain")];
    let shown = wait_for("the drain to be in force", AT_MOST * 2, async || {
        (pod.mesh.stats().await.unwrap().sum("helius_override_active", &active) == 1).then_some(())
    });
    shown.await.unwrap();
    pod.agent.kill();
    let killed_at = Instant::now();

    let sent = load.await.unwrap();
    let is_good = |it: &Sent| it.answer.as_ref().is_some_and(|answer| answer.status() == 200);
    assert!(sent.iter().all(is_good), "no answer is lost");
    let region = |it: &Sent| it.answer.as_ref().and_then(|answer| answer.header("region").map(str::to_owned));
    let is_west = |it: &Sent| region(it).as_deref() == Some("us-west-2");
    let held = last_after(&sent, killed_at, ends_at.checked_sub(CLOSE).unwrap(), is_west);
    let gone = last_after(&sent, ends_at, began + Duration::from_secs(9), |it| !is_west(it));
    println!("killed {:?} before its end: drained until the end, gone after {gone:?}", ends_at - killed_at);
    assert!(held < FOUND_WITHIN, "it stays in force without the agent, but {held:?} later somebody did not know");
    assert!(gone < AT_MOST, "{gone:?}");
    let shown = wait_for("the gauge to say so", AT_MOST, async || {
        (pod.mesh.stats().await.unwrap().sum("helius_override_active", &active) == 0).then_some(())
    });
    shown.await.unwrap();
    pod.mesh.assert_unharmed().await;
}
