//! The filter's stats, read by Prometheus from Envoy itself.

use std::collections::BTreeMap;
use std::time::Duration;

use helius_e2e::{Answer, Behaviour, Labels, Mesh, Prometheus, Upstream};

use crate::labels;

const QUESTION: &str = r#"{"id": 7, "question": "what now?"}"#;
const SOON: Duration = Duration::from_secs(10);

/// How many answers the client saw, by who served them and why.
type Seen = BTreeMap<(String, String), f64>;

/// Sends requests through every rung.
async fn drive(mesh: &Mesh, primary: &Upstream, secondary: &Upstream) -> Seen {
    let boom = || Behaviour::from(Answer::status(500).text("boom"));
    let phases = [
        (Behaviour::Serve, Behaviour::Serve, 5),
        (boom(), Behaviour::Serve, 3),
        (Behaviour::Reset, Behaviour::Serve, 2),
        (boom(), Behaviour::Reset, 4),
    ];
    let mut seen = Seen::new();
    for (first, second, requests) in phases {
        primary.behave(first);
        secondary.behave(second);
        for _ in 0..requests {
            let reply = mesh.post("/assist", QUESTION).await.unwrap();
            let marks = reply.marks();
            // An answer without marks is the primary's.
            let [by, why] = [("served-by", "primary"), ("degraded", "none")]
                .map(|(mark, without)| marks.get(mark).copied().unwrap_or(without).to_owned());
            *seen.entry((by, why)).or_default() += 1.0;
        }
    }
    seen
}

/// The series of the filter that Prometheus has to have, label for label.
fn responses(seen: &Seen, instance: &str) -> Vec<(Labels, f64)> {
    let series = seen.iter().map(|((served_by, degraded), count)| {
        let labels = labels([
            ("__name__", "helius_responses_total"),
            ("service", "llm-router"),
            ("route", "assist"),
            ("served_by", served_by),
            ("degraded", degraded),
            ("instance", instance),
            ("job", "envoy"),
        ]);
        (labels, *count)
    });
    sorted(series.collect())
}

fn sorted(mut samples: Vec<(Labels, f64)>) -> Vec<(Labels, f64)> {
    samples.sort_by(|(one, _), (other, _)| one.cmp(other));
    samples
}

#[tokio::test]
async fn prometheus_counts_what_the_client_saw_label_for_label() {
    let primary = Upstream::start("us-east-1").await.unwrap();
    let secondary = Upstream::start("us-west-2").await.unwrap();
    let mesh = Mesh::builder().assist(primary.addr(), secondary.addr()).without_breakers().start().await.unwrap();
    let admin = mesh.envoy().admin_addr();
    let prometheus =
        Prometheus::builder().scrape("envoy", admin, "/stats/prometheus").interval(Duration::from_millis(200)).start();
    let (prometheus, seen) = tokio::join!(prometheus, drive(&mesh, &primary, &secondary));
    let prometheus = prometheus.unwrap();
    // What was planned, so that the client's view is no empty one: three rungs, and two reasons on one of them.
    assert_eq!(seen.values().copied().collect::<Vec<_>>(), [5.0, 3.0, 2.0, 4.0], "{seen:?}");

    let expected = responses(&seen, &admin.to_string());
    let counted = prometheus.wait_for("helius_responses_total > 0", |now| sorted(now.to_vec()) == expected, SOON);
    counted.await.unwrap();

    let sent: Vec<(Labels, f64)> = [("us-east-1", &primary), ("us-west-2", &secondary)]
        .map(|(region, upstream)| (labels([("region", region)]), f64::from(u32::try_from(upstream.count()).unwrap())))
        .into();
    let attempts = "sum by (region) (helius_attempts_total) > 0";
    prometheus.wait_for(attempts, |now| sorted(now.to_vec()) == sent, SOON).await.unwrap();
    mesh.assert_unharmed().await;
}
