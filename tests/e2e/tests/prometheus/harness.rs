//! The harness itself: that it fails aloud.

use std::time::Duration;

use helius_e2e::{AlertRules, Prometheus, Upstream};

use crate::labels;

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_target_that_cannot_be_read_is_down_and_named_when_something_is_waited_for_in_vain() {
    let gone = Upstream::start_refusing("gone").unwrap();
    let prometheus = Prometheus::builder().scrape("gone", gone.addr(), "/metrics").start().await.unwrap();
    let instance = gone.addr().to_string();
    let down = prometheus.query(r#"up{job="gone"}"#).await.unwrap();
    assert_eq!(down, [(labels([("__name__", "up"), ("job", "gone"), ("instance", &instance)]), 0.0)]);

    let message = prometheus.wait_for("up > 0", |now| !now.is_empty(), SHORT).await.unwrap_err().to_string();
    for part in ["up > 0", "which was []", &format!("http://{instance}/metrics was not read"), "connection refused"] {
        assert!(message.contains(part), "{part:?} is not in {message}");
    }
}

#[tokio::test]
async fn an_expression_that_is_none_is_an_error_at_once() {
    let prometheus = Prometheus::builder().start().await.unwrap();
    assert_eq!(prometheus.query("2 + 2").await.unwrap(), [(labels([]), 4.0)]);
    let minute = Duration::from_secs(60);
    let refused = prometheus.wait_for("sum(up", |_| true, minute).await.unwrap_err();
    assert!(format!("{refused:#}").contains("cannot evaluate sum(up: Prometheus says: "), "{refused:#}");
}

#[tokio::test]
async fn a_prometheus_that_refuses_its_rules_is_told_with_the_end_of_its_log() {
    let broken = AlertRules::of("broken", "groups: [{ name: g, rules: [{ alert: A, expr: 'sum(up' }] }]");
    let error = Prometheus::builder().rules(broken).start().await.unwrap_err();
    let message = format!("{error:#}");
    assert!(message.contains("Prometheus did not start") && message.contains("unclosed left parenthesis"), "{message}");
}

#[tokio::test]
async fn an_interval_too_short_for_anything_is_refused() {
    let error = Prometheus::builder().interval(Duration::from_micros(100)).start().await.unwrap_err();
    assert!(error.to_string().contains("50 ms or more"), "{error}");
}
