//! A region that comes back cold: it can take half of its load, and the other half is its end. So it gets little at
//! first, and all of it when it is warm.

use std::time::{Duration, Instant};

use helius_e2e::{Arrival, LeanRegion, Mood, Sent, Stats, alone};
use serde_json::{Value, json};

use crate::figures::{Latencies, tell};
use crate::load::{question, warm};
use crate::overload::has_half_of;
use crate::sidecar::{TIMEOUT, assert_covered, breaker, static_answers, told, transitions, with_breaker};

/// Requests a second.
const RATE: u32 = 2000;
const SPAN: Duration = Duration::from_secs(4);
/// It is back before the first probe.
const DEAD: Duration = Duration::from_millis(300);
/// By then it has all of its traffic again: the open time with its jitter, and four steps to the last one.
const WARM: Duration = Duration::from_millis(3200);
/// Good answers after which a region is warm.
const WARMS_UP: usize = 500;

#[tokio::test]
async fn a_region_that_comes_back_cold_gets_its_traffic_step_by_step_and_stays() {
    let _machine = alone().await;
    let (sent, opened_again) = come_back(&breaker(TIMEOUT)).await;
    assert_eq!(opened_again, 0, "the region was flooded back into failure");
    let began = sent[0].due;
    let last: Vec<_> = sent.iter().filter(|sent| sent.due >= began + WARM).collect();
    let strays = last.iter().filter(|sent| sent.header("region") != Some("us-east-1")).count();
    assert_eq!(strays, 0, "of the last {} requests", last.len());
}

/// Without this the story above might prove nothing.
#[tokio::test]
async fn without_the_steps_it_is_flooded_back_into_failure() {
    let _machine = alone().await;
    let mut flood = breaker(TIMEOUT);
    flood["ramp"] = json!({ "start": 1.0 });
    let (_, opened_again) = come_back(&flood).await;
    assert!(opened_again > 0);
}

/// What the clients got, and how often the breaker opened after it had closed.
async fn come_back(breaker: &Value) -> (Vec<Sent>, u64) {
    let (primary, secondary) =
        (LeanRegion::start("us-east-1").await.unwrap(), LeanRegion::start("us-west-2").await.unwrap());
    let regions = [primary.addr(), secondary.addr()];
    let mesh = with_breaker(regions, regions, breaker).start().await.unwrap();
    let load = warm(mesh.addr(), &["/assist"]).await;
    primary.behave(Mood::Fail);
    let began = Instant::now();
    let count = RATE * u32::try_from(SPAN.as_millis()).unwrap() / 1000;
    let running = load.spawn(count, RATE, |_| question("/assist"));
    tokio::time::sleep_until((began + DEAD).into()).await;
    primary.temper(cold(primary.arrivals().len()));
    let (_, sent) = running.await.unwrap().unwrap();

    let stats = mesh.stats().await.unwrap();
    tell(&format!("a cold region comes back, ramp {}: {}", breaker["ramp"], told(&stats)));
    tell(&format!("  its share by half seconds: {}", shares(&sent)));
    tell(&format!("  {}", Latencies::of(&sent)));
    tell(&format!("  {} of {} answers were static", static_answers(&sent), sent.len()));
    assert_covered(&sent);
    mesh.assert_unharmed().await;
    assert!(transitions(&stats, "assist", "closed") > 0, "it never came back");
    (sent, trips(&stats) - 1)
}

/// How often the breaker of the primary opened while it was closed.
fn trips(stats: &Stats) -> u64 {
    let trips = ["consecutive_failures", "failure_rate", "slow_calls", "unanswered"];
    let count = |reason| {
        let labels = [("route", "assist"), ("region", "us-east-1"), ("to", "open"), ("reason", reason)];
        stats.sum("helius_breaker_transitions_total", &labels)
    };
    trips.into_iter().map(count).sum()
}

/// How a cold region behaves that has been asked so often before.
fn cold(asked_before: usize) -> impl FnMut(&[Arrival], Instant) -> Mood {
    let mut served = 0;
    move |arrivals, now| {
        if served < WARMS_UP && has_half_of(RATE, &arrivals[asked_before..], now) {
            return Mood::Fail;
        }
        served += 1;
        Mood::Serve
    }
}

/// How many of a hundred requests the primary served, in each half of a second.
fn shares(sent: &[Sent]) -> String {
    let half_second = |sent: &Sent| sent.number / (RATE / 2);
    let shares = sent.chunk_by(|one, next| half_second(one) == half_second(next)).map(|slice| {
        let primary = slice.iter().filter(|sent| sent.header("region") == Some("us-east-1")).count();
        format!("{} %", primary * 100 / slice.len())
    });
    shares.collect::<Vec<_>>().join(", ")
}
