//! The shipped rules in a real Prometheus, the shipped routes in a real Alertmanager, and a stand-in for who is told.

use std::time::Duration;

use helius_e2e::{
    AlertRouting, AlertRules, Alertmanager, Answer, HeldAlert, Labels, Notification, NotifiedAlert, Prometheus,
    Upstream, wait_for,
};

const SOON: Duration = Duration::from_secs(30);
/// Instead of minutes. Whoever inhibits has to be known before who is inhibited would be told of.
const WAIT: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_millis(1500);
const REPEAT: Duration = Duration::from_millis(1600);
const INHIBITED: &str = "TelemetryCircuitBreakerOpen";

/// A pod of which two routes leave a region alone, and one gives made-up answers or does not; its Envoy is read or not.
fn metrics(is_static: bool, breakers: u8, is_read: bool) -> Answer {
    let [is_static, is_read] = [is_static, is_read].map(u8::from);
    let breaker = |route: &str| {
        format!(
            r#"telemetry_circuit_breaker_state{{service="llm-router",route="{route}",region="us-east-1"}} {breakers}"#
        )
    };
    Answer::status(200).text(&format!(
        "reco_engine_mode_static_active{{service=\"llm-router\",route=\"assist\"}} {is_static}\n\
         helius_envoy_up {is_read}\n{}\n{}\n",
        breaker("assist"),
        breaker("predict")
    ))
}

/// The route that an alert is about; none where it is about a pod.
fn route_of(labels: &Labels) -> &str {
    labels.get("route").map_or("", String::as_str)
}

struct Watched {
    pod: Upstream,
    webhook: Upstream,
    alertmanager: Alertmanager,
    _prometheus: Prometheus,
}

impl Watched {
    async fn start() -> Self {
        let (pod, webhook) = (Upstream::start("pod").await.unwrap(), Upstream::start("webhook").await.unwrap());
        pod.behave(metrics(false, 0, true));
        let mut routing = AlertRouting::shipped().unwrap().intervals([WAIT, INTERVAL, REPEAT]).unwrap();
        for receiver in ["helius-pages", "helius-tickets"] {
            routing = routing.receiver(receiver, webhook.addr()).unwrap();
        }
        let alertmanager = routing.start().await.unwrap();
        let prometheus = Prometheus::builder()
            .scrape("helius-agent", pod.addr(), "/metrics")
            .interval(Duration::from_millis(200))
            .rules(AlertRules::shipped().unwrap().with_waits(WAIT).unwrap())
            .alertmanager(alertmanager.addr());
        Self { pod, webhook, alertmanager, _prometheus: prometheus.start().await.unwrap() }
    }

    /// All that anybody was told, by the receiver.
    fn told(&self) -> Vec<(String, NotifiedAlert)> {
        let messages = self.webhook.requests().into_iter().map(|request| {
            let message = Notification::parse(&request.body).unwrap();
            assert_eq!(request.path, format!("/{}", message.receiver));
            message
        });
        messages.flat_map(|it| it.alerts.into_iter().map(move |alert| (it.receiver.clone(), alert))).collect()
    }

    /// How often this was told.
    fn count(&self, receiver: &str, name: &str, route: &str, is_firing: bool) -> usize {
        let is_it = |(to, alert): &&(String, NotifiedAlert)| {
            to == receiver && alert.name() == name && route_of(&alert.labels) == route && alert.is_firing == is_firing
        };
        self.told().iter().filter(is_it).count()
    }

    async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let reached = wait_for(what, SOON, async || is_so().await.then_some(()));
        reached.await.unwrap_or_else(|error| panic!("{error:#}; told was {:#?}", self.told()));
    }

    /// Whether Alertmanager holds this alert, and tells nobody.
    async fn is_suppressed(&self, name: &str, route: &str) -> bool {
        let is_it = |alert: &HeldAlert| alert.labels["alertname"] == name && route_of(&alert.labels) == route;
        self.alertmanager.alerts().await.unwrap().iter().any(|alert| is_it(alert) && alert.is_suppressed)
    }
}

#[tokio::test]
async fn a_page_arrives_and_its_end_and_what_it_explains_does_not() {
    let watched = Watched::start().await;
    let (pages, tickets) = ("helius-pages", "helius-tickets");
    watched.pod.behave(metrics(true, 2, true));
    watched.until("the page", async || watched.count(pages, "StaticModeActive", "assist", true) > 0).await;
    let (_, page) = watched.told().into_iter().find(|(to, _)| to == pages).unwrap();
    assert_eq!((page.labels["severity"].as_str(), page.labels["service"].as_str()), ("page", "llm-router"));
    assert_eq!(page.annotations["summary"], "llm-router/assist gives made-up answers");
    assert!(page.annotations["description"].contains("helius-agent override list"), "{page:?}");

    watched.until("the breaker to be inhibited", async || watched.is_suppressed(INHIBITED, "assist").await).await;
    // The same alert of the route without made-up answers is told, and then told again: the other had its turn twice.
    watched.until("two tickets", async || watched.count(tickets, INHIBITED, "predict", true) >= 2).await;
    assert_eq!(watched.count(tickets, INHIBITED, "assist", true), 0, "{:#?}", watched.told());
    assert!(!watched.is_suppressed(INHIBITED, "predict").await, "predict answers by itself");

    // Clients get answers of regions again, one of which is still left alone.
    watched.pod.behave(metrics(false, 2, true));
    watched.until("the page's end", async || watched.count(pages, "StaticModeActive", "assist", false) > 0).await;
    watched.until("the ticket", async || watched.count(tickets, INHIBITED, "assist", true) > 0).await;

    // One that waits, and is about the pod.
    watched.pod.behave(metrics(false, 0, false));
    for route in ["assist", "predict"] {
        watched.until("the ticket's end", async || watched.count(tickets, INHIBITED, route, false) > 0).await;
    }
    watched.until("the pod's ticket", async || watched.count(tickets, "HeliusEnvoyUnreadable", "", true) > 0).await;
    watched.pod.behave(metrics(false, 0, true));
    watched.until("its end", async || watched.count(tickets, "HeliusEnvoyUnreadable", "", false) > 0).await;
    let strays = watched.told().into_iter().filter(|(to, alert)| (to == pages) != (alert.labels["severity"] == "page"));
    assert_eq!(strays.count(), 0);
    assert!(watched.alertmanager.is_alive());
}

#[tokio::test]
async fn an_alertmanager_that_refuses_its_routes_is_told_with_the_end_of_its_log() {
    let error = AlertRouting::of("route: { receiver: nobody }").unwrap().start().await.unwrap_err();
    let message = format!("{error:#}");
    assert!(message.contains("Alertmanager did not start") && message.contains("undefined receiver"), "{message}");
    let unknown = AlertRouting::shipped().unwrap().receiver("pager", ([127, 0, 0, 1], 1).into()).unwrap_err();
    assert_eq!(unknown.to_string(), "there is no receiver \"pager\"");
}
