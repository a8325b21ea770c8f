//! A region dies under load: it costs the requests that it takes to notice, and from then on nobody waits for it.

use std::time::{Duration, Instant};

use helius_e2e::{LeanRegion, Mood, Sent, Stats, alone};

use crate::figures::{Latencies, median, millis, tell};
use crate::load::{question, warm};
use crate::sidecar::{
    CONSECUTIVE, PERMITS, SHORTEST_OPEN, TIMEOUT, asked_primary, assert_covered, breaker, degraded, static_answers,
    stood_still, told, transitions, with_breaker,
};

/// Requests a second.
const RATE: u32 = 2000;
/// Requests in which the primary is well, dies, and is found dead.
const BEFORE: u32 = 1000;
const DIES: Duration = Duration::from_millis(250);
/// From then on half of the requests go to the healthy route: this machine is slow at times, and shall be so for both.
/// They are compared window by window, without the first, in which connections are made.
const PER_WINDOW: u32 = 1000;
const WINDOWS: u32 = 11;
/// What a region takes for an answer, which is little for one that thinks. Of one that answers at once, what the filter
/// itself takes would be a good part: 0.05 ms more for a request that it sends by itself, of 0.3 ms.
const WORK: Duration = Duration::from_millis(5);
/// How long nobody must have been answered for a region to be taken for dead.
const SILENCE: Duration = Duration::from_millis(100);
/// What is under way when the region dies, or before either worker sees what the other one found out.
const ON_THE_WAY: Duration = Duration::from_millis(15);
/// Of the p99 that a healthy route to the same region has.
const MOST_OVER: f64 = 0.20;
/// The route whose primary dies, and one whose primary is the region that the other one falls back to.
const DYING: &str = "/assist";
const HEALTHY: &str = "/predict";

#[derive(Debug, Clone, Copy)]
enum Death {
    /// It accepts connections and never answers.
    Hangs,
    /// Its port is closed.
    Refuses,
}

impl Death {
    /// What is slow. Where silence says nothing, it is long: a machine that stands still for a moment makes the survivor
    /// look dead too.
    fn slow(self) -> Duration {
        match self {
            Self::Hangs => SILENCE,
            Self::Refuses => TIMEOUT,
        }
    }

    /// How many requests it takes to notice: so many failures, or so much silence.
    fn detection_volume(self) -> u32 {
        let volume = match self {
            Self::Hangs => CONSECUTIVE.max(in_time(SILENCE)),
            Self::Refuses => CONSECUTIVE,
        };
        volume + in_time(ON_THE_WAY)
    }
}

fn in_time(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap() * RATE / 1000
}

#[tokio::test]
async fn a_region_that_hangs_costs_no_more_requests_than_it_takes_to_notice() {
    assert_left_alone(Death::Hangs).await;
}

#[tokio::test]
async fn a_region_that_refuses_connections_costs_no_more_requests_than_it_takes_to_notice() {
    assert_left_alone(Death::Refuses).await;
}

async fn assert_left_alone(death: Death) {
    let _machine = alone().await;
    let mut primary = LeanRegion::start("us-east-1").await.unwrap();
    let survivor = LeanRegion::start("us-west-2").await.unwrap();
    for region in [&primary, &survivor] {
        region.behave(Mood::ServeAfter(WORK));
    }
    let regions = [primary.addr(), survivor.addr()];
    let mesh = with_breaker(regions, [survivor.addr(); 2], &breaker(death.slow())).start().await.unwrap();
    let load = warm(mesh.addr(), &[HEALTHY, DYING]).await;

    let running = load.spawn(BEFORE + WINDOWS * PER_WINDOW, RATE, |number| question(path(number)));
    tokio::time::sleep(DIES).await;
    match death {
        Death::Hangs => primary.behave(Mood::Hang),
        Death::Refuses => primary.refuse().await,
    }
    let died = Instant::now();
    let (_, sent) = running.await.unwrap().unwrap();

    let stats = mesh.stats().await.unwrap();
    tell(&format!("a region {death:?} at {RATE} requests/s: {}", told(&stats)));
    assert_covered(&sent);
    assert_noticed(death, died, &sent, &stats);
    assert_as_quick_as_healthy(&sent);
    mesh.assert_unharmed().await;
}

fn path(number: u32) -> &'static str {
    // By twos: of every other one, all would come at the same part of a millisecond, and a region's timer ticks by those.
    if number < BEFORE || (number / 2).is_multiple_of(2) { DYING } else { HEALTHY }
}

fn assert_noticed(death: Death, died: Instant, sent: &[Sent], stats: &Stats) {
    let late = sent.iter().filter(|sent| degraded(sent).is_some() && asked_primary(sent));
    let (first, probes): (Vec<_>, Vec<_>) = late.partition(|sent| sent.due < died + SHORTEST_OPEN);
    let volume = death.detection_volume() + in_time(stood_still(sent));
    let rounds = transitions(stats, "assist", "half_open");
    tell(&format!("  {} requests met the dead region, of {volume} that it may take", first.len()));
    tell(&format!("  {} probes met it, in {rounds} rounds", probes.len()));
    tell(&format!("  {} answers were static", static_answers(sent)));
    assert!(!first.is_empty(), "nobody noticed that it died");
    assert!(first.len() <= volume as usize, "{} requests met the dead region", first.len());
    assert!(probes.len() as u64 <= rounds * PERMITS, "{} requests met the dead region later", probes.len());
}

fn assert_as_quick_as_healthy(sent: &[Sent]) {
    let windows = sent[BEFORE as usize..].chunks_exact(PER_WINDOW as usize).skip(1);
    let of = |path, window: &[Sent]| Latencies::of(window.iter().filter(|sent| self::path(sent.number) == path));
    let (open, healthy): (Vec<_>, Vec<_>) = windows.map(|window| (of(DYING, window), of(HEALTHY, window))).unzip();
    let [open_p50, healthy_p50] = [&open, &healthy].map(|all| median(all.iter().map(|it| it.permille(500)).collect()));
    let [open_p99, healthy_p99] = [&open, &healthy].map(|all| median(all.iter().map(Latencies::p99).collect()));
    let over = open_p99.as_secs_f64() / healthy_p99.as_secs_f64() - 1.0;
    tell(&format!("  while open: p50 {:.2} ms, p99 {:.2} ms", millis(open_p50), millis(open_p99)));
    tell(&format!("  healthy:    p50 {:.2} ms, p99 {:.2} ms", millis(healthy_p50), millis(healthy_p99)));
    tell(&format!("  p99 {:+.1} %, in the median of {} windows", over * 100.0, open.len()));
    assert!(over <= MOST_OVER, "who is sent past a dead region waits {:.1} % longer", over * 100.0);
}
