//! The sidecar with a breaker that is quick to open and to close, so that a story takes seconds.

use std::net::SocketAddr;
use std::time::Duration;

use helius_e2e::{Bootstrap, Mesh, Sample, Sent, Stats};
use serde_json::{Value, json};

/// How long a region is waited for.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(200);
/// Clients that are so late did not get the machine.
const STANDS_STILL: Duration = Duration::from_millis(20);
/// Failures in a row at which a breaker opens: the default.
pub(crate) const CONSECUTIVE: u32 = 7;
/// Probes at the same time: the default.
pub(crate) const PERMITS: u64 = 3;
/// How long a region stays alone the first time, at least: the base without its jitter.
pub(crate) const SHORTEST_OPEN: Duration = Duration::from_millis(400);

/// The section, with a call of more than `slow` being slow.
pub(crate) fn breaker(slow: Duration) -> Value {
    json!({
        "slow_call": { "duration": format!("{}ms", slow.as_millis()) },
        "open": { "base": "500ms", "max": "4s" },
        "ramp": { "step": "500ms" },
    })
}

/// The two routes, each with the section.
pub(crate) fn with_breaker(assist: [SocketAddr; 2], predict: [SocketAddr; 2], breaker: &Value) -> Bootstrap {
    let [assist_primary, assist_secondary] = assist;
    let [predict_primary, predict_secondary] = predict;
    let bootstrap = Mesh::builder();
    let bootstrap = bootstrap.assist(assist_primary, assist_secondary).predict(predict_primary, predict_secondary);
    bootstrap.breakers(breaker).configure(|document| {
        for route in document["routes"].as_array_mut().unwrap() {
            if crate::STRICT {
                route["upstream"]["strict"] = true.into();
            }
            for region in route["upstream"]["regions"].as_array_mut().unwrap() {
                region["timeout"] = format!("{}ms", TIMEOUT.as_millis()).into();
            }
        }
    })
}

/// Why the primary did not serve a request; nothing where it did.
pub(crate) fn degraded(sent: &Sent) -> Option<&str> {
    sent.header("x-helius-degraded")
}

/// Whether the primary was asked, whatever came of it.
pub(crate) fn asked_primary(sent: &Sent) -> bool {
    degraded(sent) != Some("skipped_breaker_open")
}

/// Asserts that whoever was sent past a dead region got the answer of another one. Who met it may have got the static
/// one: no more than a share of the requests may be sent a second time at once.
///
/// A machine that stands still makes the other region look dead too. The clients were late then as well.
pub(crate) fn assert_covered(sent: &[Sent]) {
    let stood_still = stood_still(sent) > STANDS_STILL;
    for sent in sent {
        let is_covered = sent.header("region").is_some() || asked_primary(sent) || stood_still;
        assert!(sent.status() == 200 && is_covered, "{sent:?}");
    }
}

/// For how long this machine did nothing, at most, as the clients noticed: they were late.
pub(crate) fn stood_still(sent: &[Sent]) -> Duration {
    sent.iter().map(|sent| sent.late).max().unwrap_or_default()
}

/// How many answers were static.
pub(crate) fn static_answers(sent: &[Sent]) -> usize {
    sent.iter().filter(|sent| sent.header("x-helius-served-by") == Some("static")).count()
}

/// How often the breaker of a route's primary has become this.
pub(crate) fn transitions(stats: &Stats, route: &str, to: &str) -> u64 {
    stats.sum("helius_breaker_transitions_total", &[("route", route), ("region", "us-east-1"), ("to", to)])
}

/// Why breakers changed, as the operator reads it.
pub(crate) fn told(stats: &Stats) -> String {
    let label = |sample: &Sample, name: &str| sample.labels.get(name).cloned().unwrap_or_default();
    let changes = stats.of("helius_breaker_transitions_total").filter(|sample| sample.value > 0);
    let told = changes.map(|change| {
        let [route, region, to, reason] = ["route", "region", "to", "reason"].map(|name| label(change, name));
        format!("{} {route}/{region} {to} ({reason})", change.value)
    });
    told.collect::<Vec<_>>().join(", ")
}
