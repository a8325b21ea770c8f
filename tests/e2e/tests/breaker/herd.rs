//! A region that dies leaves its load to the others, and must not leave them more than its load.

use std::time::{Duration, Instant};

use helius_e2e::{Bootstrap, LeanRegion, Mesh, Mood, Sent, alone};
use serde_json::{Value, json};

use crate::figures::{Latencies, tell};
use crate::load::{question, warm};
use crate::overload::has_half_of;
use crate::sidecar::{breaker, static_answers, told, with_breaker};

/// Requests a second.
const RATE: u32 = 1000;
/// Seconds.
const SPAN: u32 = 4;
const DIES: Duration = Duration::from_secs(1);
const SLOW: Duration = Duration::from_millis(100);
/// What a region takes for an answer.
const WORK: Duration = Duration::from_millis(40);
const WINDOW: Duration = Duration::from_secs(1);
/// Of all that the clients ask.
const MOST: f64 = 1.2;

#[tokio::test]
async fn the_survivor_of_two_never_sees_a_fifth_more_than_the_clients_ask() {
    let _machine = alone().await;
    let [primary, survivor] = [region("us-east-1").await, region("us-west-2").await];
    let regions = [primary.addr(), survivor.addr()];
    let mesh = with_breaker(regions, regions, &breaker(SLOW)).start().await.unwrap();
    let sent = ask(&mesh, async || primary.behave(Mood::Hang)).await;
    tell(&format!("of two regions one hangs: {}", told(&mesh.stats().await.unwrap())));
    let times = times_the_load(&sent, &[&survivor]);
    assert!(times <= MOST, "{times:.2} times what the clients asked");
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn the_survivors_of_three_never_see_a_fifth_more_together_though_one_of_them_fails_too() {
    let times = with_a_weak_survivor(&breaker(SLOW)).await;
    assert!(times <= MOST, "{times:.2} times what the clients asked");
}

/// Without this the story above might prove nothing.
#[tokio::test]
async fn without_a_breaker_the_survivors_of_three_see_much_more() {
    let times = with_a_weak_survivor(&Value::Null).await;
    assert!(times > MOST, "{times:.2} times what the clients asked");
}

/// The secondary takes half of what the primary leaves it, and each request that it fails could go to the third.
async fn with_a_weak_survivor(breaker: &Value) -> f64 {
    let _machine = alone().await;
    let [mut primary, weak, strong] = [region("us-east-1").await, region("us-west-2").await, region("eu-west-1").await];
    weak.temper(|arrivals, now| if has_half_of(RATE, arrivals, now) { Mood::Fail } else { Mood::ServeAfter(WORK) });
    let regions = [primary.addr(), weak.addr()];
    let mesh = third_region(with_breaker(regions, regions, breaker), &strong).start().await.unwrap();
    let sent = ask(&mesh, async || primary.refuse().await).await;
    tell(&format!("of three regions one dies, one takes half: {}", told(&mesh.stats().await.unwrap())));
    let times = times_the_load(&sent, &[&weak, &strong]);
    mesh.assert_unharmed().await;
    times
}

async fn region(name: &str) -> LeanRegion {
    let region = LeanRegion::start(name).await.unwrap();
    region.behave(Mood::ServeAfter(WORK));
    region
}

fn third_region(bootstrap: Bootstrap, region: &LeanRegion) -> Bootstrap {
    bootstrap.extra_cluster("llm_assistant_eu_west_1", region.addr()).assist_route(|route| {
        let third = json!({ "name": "eu-west-1", "cluster": "llm_assistant_eu_west_1", "timeout": "200ms" });
        route["upstream"]["regions"].as_array_mut().unwrap().push(third);
    })
}

async fn ask(mesh: &Mesh, die: impl AsyncFnOnce()) -> Vec<Sent> {
    let load = warm(mesh.addr(), &["/assist"]).await;
    let running = load.spawn(RATE * SPAN, RATE, |_| question("/assist"));
    tokio::time::sleep(DIES).await;
    die().await;
    let (_, sent) = running.await.unwrap().unwrap();
    assert!(sent.iter().all(|sent| sent.status() == 200));
    sent
}

/// The most that the survivors saw in a second, measured by the most that the clients sent in one.
fn times_the_load(sent: &[Sent], survivors: &[&LeanRegion]) -> f64 {
    let mut arrivals: Vec<_> = survivors.iter().flat_map(|region| region.arrivals()).map(|it| it.at).collect();
    arrivals.sort_unstable();
    let asked: Vec<_> = sent.iter().map(|sent| sent.due).collect();
    let [saw, asked] = [&arrivals, &asked].map(|moments| most_in_a_window(moments));
    let times = f64::from(saw) / f64::from(asked);
    tell(&format!("  in a second the clients sent {asked} at most, and the survivors saw {saw}: {times:.2} times"));
    tell(&format!("  {} of {} answers were static; {}", static_answers(sent), sent.len(), Latencies::of(sent)));
    times
}

/// The most moments, of these in order, that lie within a window.
fn most_in_a_window(moments: &[Instant]) -> u32 {
    let within = |from: usize| moments[from..].partition_point(|at| *at < moments[from] + WINDOW);
    u32::try_from((0..moments.len()).map(within).max().unwrap_or(0)).unwrap()
}
