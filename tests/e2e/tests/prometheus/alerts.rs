//! The platform's alerts over a short window in a real Prometheus. `tests/e2e/tests/monitoring` plays the real one.

use std::time::Duration;

use helius_e2e::{AlertRules, AlertState, Answer, Labels, Prometheus, Promtool, Upstream};

/// The window instead of five minutes: many scrapes, and little to wait for when it has to be over.
const WINDOW: Duration = Duration::from_secs(3);
const SOON: Duration = Duration::from_secs(15);
const FIRING: &str = r#"ALERTS{alertstate="firing"}"#;
const ALL: [&str; 4] =
    ["HighInvalidModelOutputs", "HighRequestLatency", "StaticModeActive", "TelemetryCircuitBreakerOpen"];
/// The metrics of a pod that has had so many requests, of which so many were invalid and took over two seconds.
fn metrics(requests: u32, bad: u32, is_static: bool, breaker: u8) -> Answer {
    let (good, is_static) = (requests - bad, u8::from(is_static));
    Answer::status(200).text(&format!(
        r#"model_requests_total{{service="llm-router",route="assist",region="us-east-1"}} {requests}
model_invalid_outputs_total{{service="llm-router",route="assist",region="us-east-1"}} {bad}
request_latency_seconds_bucket{{service="llm-router",route="assist",le="1"}} {good}
request_latency_seconds_bucket{{service="llm-router",route="assist",le="4"}} {requests}
request_latency_seconds_bucket{{service="llm-router",route="assist",le="+Inf"}} {requests}
reco_engine_mode_static_active{{service="llm-router",route="assist"}} {is_static}
telemetry_circuit_breaker_state{{service="llm-router",route="assist",region="us-east-1"}} {breaker}
"#
    ))
}

#[test]
fn only_the_window_of_the_rules_is_another_in_a_test() {
    let rules = AlertRules::shipped().unwrap();
    let short = rules.clone().with_window(WINDOW).unwrap();
    assert_eq!(short.text().replace("[3000ms]", "[5m]"), rules.text());
    let judged = Promtool::find().unwrap().check_rules(&short).unwrap();
    assert!(judged.is_clean, "{}", judged.output);
}

#[tokio::test]
async fn the_alerts_fire_in_a_real_prometheus_and_resolve() {
    let pod = Upstream::start("pod").await.unwrap();
    pod.behave(metrics(100, 0, false, 0));
    let prometheus = Prometheus::builder()
        .scrape("helius-agent", pod.addr(), "/metrics")
        .interval(Duration::from_millis(200))
        .rules(AlertRules::shipped().unwrap().with_window(WINDOW).unwrap())
        .start()
        .await
        .unwrap();
    // A counter has to be seen before it grows, or no rate is known.
    prometheus.wait_for("model_requests_total", |now| !now.is_empty(), SOON).await.unwrap();
    prometheus.wait_for(FIRING, <[_]>::is_empty, SOON).await.unwrap();

    // The pod goes on as badly for as long as it is waited: one step of a counter could fall between two windows.
    let mut requests = 100;
    let all_fire = |now: &[(Labels, f64)]| {
        requests += 10;
        // Half of what has come since: the first step must not be worse than those that follow.
        pod.behave(metrics(requests, (requests - 100) / 2, true, 2));
        now.len() == ALL.len()
    };
    prometheus.wait_for(FIRING, all_fire, SOON).await.unwrap();
    let mut alerts = prometheus.alerts().await.unwrap();
    // On a busy machine a scrape may come late, and the rule that misses it waits.
    alerts.retain(|alert| alert.state == AlertState::Firing);
    alerts.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(alerts.iter().map(|alert| alert.name.as_str()).collect::<Vec<_>>(), ALL);
    let [invalid, latency, fixed, breaker] = alerts.try_into().unwrap();
    // No more exactly: Prometheus draws each rate out to the ends of the window, but no counter to below zero.
    assert!(invalid.value > 0.05 && invalid.value <= 0.6, "{invalid:?}");
    assert!(latency.value > 2.0 && latency.value <= 4.0, "{latency:?}");
    assert_eq!((fixed.labels["service"].as_str(), fixed.labels["route"].as_str()), ("llm-router", "assist"));
    assert_eq!((breaker.labels["route"].as_str(), breaker.labels["region"].as_str()), ("assist", "us-east-1"));

    pod.behave(metrics(requests, (requests - 100) / 2, false, 0));
    prometheus.wait_for(FIRING, <[_]>::is_empty, SOON).await.unwrap();
}
