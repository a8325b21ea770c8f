//! The Envoy stats of the filter.
//!
//! Envoy's Wasm interface knows no labels, so they are written into the name (`route=.=assist;.;`), from where the
//! `stats_tags` of `envoy/bootstrap.yaml` take them out again. Every combination that can happen is defined when the
//! filter is configured: the set is bounded, and a counter stands at 0 before its first event.

use helius_policy::admission::Decision;
use helius_policy::config::{Config, Mode, Route};
use helius_policy::exchange::Record;
use helius_policy::verdict::{Degraded, ServedBy, Verdict};
use proxy_wasm::types::MetricType;

use crate::host;

/// The metrics of one configuration.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// In the order of the configuration.
    routes: Vec<RouteMetrics>,
}

#[derive(Debug)]
struct RouteMetrics {
    /// The commonest decision first.
    admission: Vec<(Decision, u32)>,
    /// For each region, in the order of the configuration; the commonest verdict first.
    attempts: Vec<Vec<(Verdict, u32)>>,
    /// The commonest rung first.
    responses: Vec<((ServedBy, Option<Degraded>), u32)>,
}

impl Metrics {
    /// Defines every metric that this configuration can need.
    pub(crate) fn define(config: &Config) -> Self {
        let routes = config.routes().iter().map(|route| RouteMetrics::define(config, route)).collect();
        Self { routes }
    }

    /// Counts.
    pub(crate) fn record(&self, route: usize, record: Record) {
        let Some(route) = self.routes.get(route) else { return };
        let metric = match record {
            Record::Admission(decision) => find(&route.admission, decision),
            Record::Attempt { region, verdict } => {
                route.attempts.get(region).and_then(|verdicts| find(verdicts, verdict))
            }
            Record::Response { served_by, degraded } => find(&route.responses, (served_by, degraded)),
        };
        if let Some(metric) = metric {
            host::increment(metric);
        }
    }
}

impl RouteMetrics {
    fn define(config: &Config, route: &Route) -> Self {
        let labels = tag("service", config.service()) + &tag("route", route.name());
        let attempts = route.upstream().region_names().enumerate().map(|(region, name)| {
            let labels = labels.clone() + &tag("region", name);
            let possible = |verdict: &Verdict| region > 0 || !matches!(verdict, Verdict::Skipped(_));
            Verdict::all()
                .filter(possible)
                .filter_map(|verdict| {
                    let name = format!("{labels}{}helius_attempts_total", tag("verdict", verdict.word()));
                    Some((verdict, host::define_metric(MetricType::Counter, &name)?))
                })
                .collect()
        });
        let responses = possible_responses(config.mode(), route).filter_map(|(served_by, degraded)| {
            let served = tag("served_by", served_by.word());
            let reason = tag("degraded", degraded.map_or("none", Degraded::word));
            let name = format!("{labels}{served}{reason}helius_responses_total");
            Some(((served_by, degraded), host::define_metric(MetricType::Counter, &name)?))
        });
        let admission = possible_decisions(config.mode(), route).filter_map(|decision| {
            let name = format!("{labels}{}helius_admission_total", tag("decision", decision.word()));
            Some((decision, host::define_metric(MetricType::Counter, &name)?))
        });
        Self { admission: admission.collect(), attempts: attempts.collect(), responses: responses.collect() }
    }
}

/// What can become of a request before the ladder.
fn possible_decisions(mode: Mode, route: &Route) -> impl Iterator<Item = Decision> {
    let is_limited = route.admission().is_some();
    Decision::ALL.into_iter().filter(move |decision| match decision {
        Decision::Allowed | Decision::Undecided => is_limited,
        Decision::Limited => is_limited && mode == Mode::Enforce,
        Decision::WouldLimited => is_limited && mode == Mode::Shadow,
    })
}

/// Which rung can answer, and for which reason.
fn possible_responses(mode: Mode, route: &Route) -> impl Iterator<Item = (ServedBy, Option<Degraded>)> {
    let possible = move |served_by: &ServedBy| match served_by {
        ServedBy::Primary | ServedBy::Nobody => true,
        ServedBy::Secondary | ServedBy::Static => mode == Mode::Enforce,
        ServedBy::WouldSecondary | ServedBy::WouldStatic => mode == Mode::Shadow,
    };
    let regions = route.upstream().region_names().count();
    let has_static = route.has_static();
    let exists = move |served_by: &ServedBy| match served_by {
        ServedBy::Secondary | ServedBy::WouldSecondary => regions > 1,
        ServedBy::Static | ServedBy::WouldStatic => has_static,
        ServedBy::Primary | ServedBy::Nobody => true,
    };
    let healthy = [ServedBy::Primary, ServedBy::Nobody].map(|served_by| (served_by, None));
    let degraded = ServedBy::ALL
        .into_iter()
        .filter(possible)
        .filter(exists)
        .flat_map(|served_by| Degraded::all().map(move |degraded| (served_by, Some(degraded))));
    healthy.into_iter().chain(degraded)
}

/// The gauge that is 1 while `service` is given a bad configuration.
pub(crate) fn set_config_rejected(service: &str, is_rejected: bool) {
    let name = tag("service", service) + "helius_filter_config_rejected";
    if let Some(gauge) = host::define_metric(MetricType::Gauge, &name) {
        host::set_gauge(gauge, u64::from(is_rejected));
    }
}

/// A label as it stands in a stat's name.
fn tag(label: &str, value: &str) -> String {
    format!("{label}=.={value};.;")
}

fn find<K: Copy + PartialEq>(metrics: &[(K, u32)], key: K) -> Option<u32> {
    metrics.iter().find(|(it, _)| *it == key).map(|(_, metric)| *metric)
}
