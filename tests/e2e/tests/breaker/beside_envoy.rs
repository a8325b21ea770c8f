//! The same outage at the same time under Envoy's own failover and under the filter's, and beside both a route of the
//! filter with nothing wrong: what this machine does to one it does to all.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use helius_e2e::{LeanRegion, Mesh, Mood, OpenLoop, Sent, alone};
use serde_json::{Value, json};

use crate::figures::{Latencies, millis, tell};
use crate::load::{question, warm};
use crate::sidecar::{TIMEOUT, static_answers, told, with_breaker};

const REQUESTS: u32 = 5000;
/// Requests a second.
const RATE: u32 = 500;
/// Between a request of one side and one of the next: a third of the time between two of the same.
const TURN: Duration = Duration::from_micros(667);
/// Nearly the region's timeout: Envoy reads its clock before it sends.
const WAITED: Duration = TIMEOUT.saturating_sub(Duration::from_millis(10));
/// Requests that may wait for the timeout of a region that hangs.
const MOST_WAIT: usize = 25;
/// Of the requests while a region hangs, and while it refuses connections: 99 of 100 do not take so long.
const P99_HANGING: Duration = Duration::from_millis(2);
const P99_REFUSING: Duration = Duration::from_millis(1);
/// Or, while this machine is busy with something else, so many times what the healthy route has at the same time, for
/// those who were sent past the region.
const MOST_TIMES: f64 = 2.0;

/// What clients saw on one side.
struct Side {
    failed: usize,
    waited: usize,
    fixed: usize,
    latencies: Latencies,
    /// Of those who did not wait for the region.
    p99_of_the_others: Duration,
}

/// All that was asked at the same time.
struct Sides {
    envoy: Side,
    filter: Side,
    healthy: Side,
}

#[tokio::test]
async fn a_region_that_hangs_costs_less_than_with_envoys_own_failover() {
    let _machine = alone().await;
    let (primary, secondary) = regions().await;
    primary.behave(Mood::Hang);
    let sides = suffer("accepts and never answers", primary.addr(), secondary.addr()).await;
    // On the healthy route nobody waits for a region: who did all the same waited for this machine.
    let waited = sides.filter.waited.saturating_sub(sides.healthy.waited);
    assert!(waited <= MOST_WAIT, "{waited} requests waited for the timeout");
    assert!(waited < sides.envoy.waited, "Envoy alone does better");
    sides.assert_quick(P99_HANGING);
}

#[tokio::test]
async fn a_region_that_refuses_connections_costs_next_to_nothing() {
    let _machine = alone().await;
    let (mut primary, secondary) = regions().await;
    primary.refuse().await;
    let sides = suffer("refuses connections", primary.addr(), secondary.addr()).await;
    sides.assert_quick(P99_REFUSING);
}

async fn regions() -> (LeanRegion, LeanRegion) {
    (LeanRegion::start("us-east-1").await.unwrap(), LeanRegion::start("us-west-2").await.unwrap())
}

async fn suffer(what: &str, primary: SocketAddr, secondary: SocketAddr) -> Sides {
    let envoy = Mesh::builder().without_filter().native_failover(primary, secondary, "0.2s").start().await.unwrap();
    // As it is by default, but that the operator knows how quick this service is.
    let breaker = json!({ "slow_call": { "duration": "30ms" } });
    let filter = with_breaker([primary, secondary], [secondary; 2], &Value::Null);
    let filter = filter.assist_route(|route| route["upstream"]["circuit_breaker"] = breaker).start().await.unwrap();
    // Over the route with nothing wrong: the outage begins with the first of the requests that are counted.
    let loads = [&envoy, &filter, &filter].map(|mesh| warm(mesh.addr(), &["/predict"]));
    let [on_envoy, on_filter, on_healthy] = join(loads).await;
    let begins = Instant::now() + TURN;
    let ask = |load: OpenLoop, turn, path| {
        load.beginning(begins + TURN * turn).spawn(REQUESTS, RATE, move |_| question(path))
    };
    let running = [ask(on_envoy, 0, "/assist"), ask(on_filter, 1, "/assist"), ask(on_healthy, 2, "/predict")];
    let [envoy, on_route, healthy] = join(running).await.map(|ended| ended.unwrap().unwrap().1);

    tell(&format!("{REQUESTS} requests at {RATE}/s on each side, the primary {what}:"));
    let sides = Sides { envoy: Side::of(&envoy), filter: Side::of(&on_route), healthy: Side::of(&healthy) };
    sides.tell();
    tell(&format!("  {}", told(&filter.stats().await.unwrap())));
    assert_eq!(sides.filter.failed + sides.healthy.failed, 0);
    filter.assert_unharmed().await;
    sides
}

/// What all three come to, at the same time.
async fn join<F: Future>([first, second, third]: [F; 3]) -> [F::Output; 3] {
    let (first, second, third) = tokio::join!(first, second, third);
    [first, second, third]
}

impl Side {
    fn of(sent: &[Sent]) -> Self {
        let failed = sent.iter().filter(|sent| sent.status() != 200).count();
        let (waited, others): (Vec<_>, Vec<_>) = sent.iter().partition(|sent| sent.took >= WAITED);
        let p99_of_the_others = Latencies::of(others).p99();
        let latencies = Latencies::of(sent);
        Self { failed, waited: waited.len(), fixed: static_answers(sent), latencies, p99_of_the_others }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failed, waited, fixed, latencies, .. } = self;
        let timeout = millis(TIMEOUT);
        write!(formatter, "{failed} failed, {waited} waited {timeout:.0} ms, {fixed} were static; {latencies}")
    }
}

impl Sides {
    fn tell(&self) {
        tell(&format!("  Envoy's own failover   {}", self.envoy));
        tell(&format!("  the filter             {}", self.filter));
        tell(&format!("  its healthy route      {}", self.healthy));
    }

    fn assert_quick(&self, limit: Duration) {
        let [envoy, filter, healthy] = [&self.envoy, &self.filter, &self.healthy].map(|side| side.latencies.p99());
        let times = |time: Duration, of: Duration| time.as_secs_f64() / of.as_secs_f64();
        let of_healthy = times(self.filter.p99_of_the_others, healthy);
        tell(&format!("  p99: Envoy's own has {:.1} times the filter's", times(envoy, filter)));
        tell(&format!("  p99 of who did not wait for it: {of_healthy:.2} times that of the healthy route"));
        let is_quick = filter < limit || of_healthy <= MOST_TIMES;
        assert!(is_quick, "p99 is {:.2} ms", millis(filter));
    }
}
