//! The Envoy stats of the filter.
//!
//! Envoy's Wasm interface knows no labels, so they are written into the name (`route=.=assist;.;`), from where the
//! `stats_tags` of `envoy/bootstrap.yaml` take them out again. Every combination that can happen is defined when the
//! filter is configured: the set is bounded, and a counter stands at 0 before its first event.

use helius_policy::admission::{Admission, Decision};
use helius_policy::circuit_breaker::{self, State, Transition};
use helius_policy::config::{Config, Mode, Region, Route};
use helius_policy::drill::{Asked, Drilled};
use helius_policy::exchange::Record;
use helius_policy::replay::NotReplayable;
use helius_policy::shared::SharedStore;
use helius_policy::verdict::{Degraded, Failure, ServedBy, Skip, Verdict};
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
    /// In the order of the configuration.
    regions: Vec<RegionMetrics>,
    /// Where the ladder has a time.
    route_timeouts: Option<u32>,
    /// Where the filter calls the primary itself.
    bypasses: Vec<(NotReplayable, u32)>,
    /// What rungs can come to in a drill.
    drilled: Vec<(Drilled, u32)>,
    /// The commonest rung first.
    responses: Vec<((ServedBy, Option<Degraded>), u32)>,
}

#[derive(Debug)]
struct RegionMetrics {
    /// The commonest verdict first.
    attempts: Vec<(Verdict, u32)>,
    /// The state of its breaker.
    state: Option<u32>,
    /// Whether the breaker acts; one that is only watched keeps nobody away, and stands at closed.
    acts: bool,
    transitions: Vec<(Transition, u32)>,
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
                route.regions.get(region).and_then(|region| find(&region.attempts, verdict))
            }
            Record::Transition { region, transition } => route.regions.get(region).and_then(|region| {
                if region.acts {
                    region.show(transition.to);
                }
                find(&region.transitions, transition)
            }),
            Record::RouteTimeout => route.route_timeouts,
            Record::StrictBypassed(reason) => find(&route.bypasses, reason),
            Record::Drill(drilled) => find(&route.drilled, drilled),
            Record::Response { served_by, degraded } => find(&route.responses, (served_by, degraded)),
        };
        if let Some(metric) = metric {
            host::increment(metric);
        }
    }

    /// Shows where every breaker stands, whoever brought it there: a VM that is gone may not have said so, and of two that
    /// speak at the same moment the wrong one may be the last.
    pub(crate) fn show_breakers(&self, config: &Config, store: &impl SharedStore) {
        for (route, metrics) in config.routes().iter().zip(&self.routes) {
            for (region, metrics) in route.upstream().regions().zip(&metrics.regions) {
                if let Some(breaker) = region.breaker() {
                    metrics.show(if metrics.acts { breaker.state(store) } else { State::Closed });
                }
            }
        }
    }
}

impl RegionMetrics {
    fn define(labels: &str, route: &Route, region: &Region, is_primary: bool) -> Self {
        let attempts = possible_verdicts(route, region, is_primary).filter_map(|verdict| {
            let name = format!("{labels}{}helius_attempts_total", tag("verdict", verdict.word()));
            Some((verdict, host::define_metric(MetricType::Counter, &name)?))
        });
        let attempts = attempts.collect();
        let Some(mode) = region.breaker().map(|breaker| breaker.settings().mode) else {
            return Self { attempts, state: None, acts: false, transitions: Vec::new() };
        };
        let gauge = host::define_metric(MetricType::Gauge, &format!("{labels}telemetry_circuit_breaker_state"));
        let would = if region.is_watched_only() { "would_" } else { "" };
        let transitions = Transition::ALL.into_iter().filter_map(|transition| {
            let to = tag("to", &format!("{would}{}", transition.to.word()));
            let name =
                format!("{labels}{to}{}helius_breaker_transitions_total", tag("reason", transition.reason.word()));
            Some((transition, host::define_metric(MetricType::Counter, &name)?))
        });
        let acts = !matches!(mode, circuit_breaker::Mode::Shadow | circuit_breaker::Mode::Off);
        Self { attempts, state: gauge, acts, transitions: transitions.collect() }
    }

    fn show(&self, state: State) {
        if let Some(gauge) = self.state {
            host::set_gauge(gauge, state.code().into());
        }
    }
}

impl RouteMetrics {
    fn define(config: &Config, route: &Route) -> Self {
        let labels = tag("service", config.service()) + &tag("route", route.name());
        let regions = route.upstream().regions().enumerate().map(|(index, region)| {
            let labels = labels.clone() + &tag("region", region.name());
            RegionMetrics::define(&labels, route, region, index == 0)
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
        let route_timeouts = route
            .upstream()
            .has_timeout()
            .then(|| host::define_metric(MetricType::Counter, &format!("{labels}helius_route_timeout_total")));
        let is_strict = route.upstream().is_strict() && config.mode() == Mode::Enforce;
        let bypasses = NotReplayable::ALL
            .into_iter()
            .filter(|reason| is_strict && !matches!(reason, NotReplayable::Method | NotReplayable::Grpc));
        let bypasses = bypasses.filter_map(|reason| {
            let name = format!("{labels}{}helius_strict_bypassed_total", tag("reason", reason.word()));
            Some((reason, host::define_metric(MetricType::Counter, &name)?))
        });
        let drilled = possible_drills(config.mode(), route).into_iter().filter_map(|(rung, drilled)| {
            let (rung, result) = (tag("rung", rung), tag("result", drilled.word()));
            Some((
                drilled,
                host::define_metric(MetricType::Counter, &format!("{labels}{rung}{result}helius_drill_total"))?,
            ))
        });
        Self {
            admission: admission.collect(),
            regions: regions.collect(),
            route_timeouts: route_timeouts.flatten(),
            bypasses: bypasses.collect(),
            drilled: drilled.collect(),
            responses: responses.collect(),
        }
    }
}

/// What can become of a request before the ladder.
fn possible_decisions(mode: Mode, route: &Route) -> impl Iterator<Item = Decision> {
    let admission = route.admission();
    let isolates = admission.is_some_and(Admission::isolates);
    let limits = admission.is_some_and(Admission::limits);
    let dedupes = admission.is_some_and(|it| it.dedupe().is_some());
    Decision::ALL.into_iter().filter(move |decision| match decision {
        Decision::Allowed => admission.is_some(),
        Decision::Undecided => limits || dedupes,
        Decision::Isolated => isolates && mode == Mode::Enforce,
        Decision::WouldIsolated => isolates && mode == Mode::Shadow,
        Decision::Limited => limits && mode == Mode::Enforce,
        Decision::WouldLimited => limits && mode == Mode::Shadow,
        Decision::Duplicate => dedupes && mode == Mode::Enforce,
        Decision::WouldDuplicate => dedupes && mode == Mode::Shadow,
    })
}

/// What can become of an attempt at a region.
fn possible_verdicts(route: &Route, region: &Region, is_primary: bool) -> impl Iterator<Item = Verdict> {
    let has_breaker = region.breaker().is_some();
    let has_budget = route.upstream().has_retry_budget();
    let judges_output = route.judges_output();
    Verdict::all().filter(move |verdict| match verdict {
        Verdict::Skipped(Skip::BreakerOpen) => has_breaker,
        Verdict::Skipped(Skip::Budget) => has_budget && !is_primary,
        Verdict::Skipped(Skip::NotReplayable | Skip::Deadline) => !is_primary,
        Verdict::Failure(Failure::InvalidOutput) => judges_output,
        _ => true,
    })
}

/// What each rung can come to in a drill, with its name.
fn possible_drills(mode: Mode, route: &Route) -> Vec<(&str, Drilled)> {
    if mode == Mode::Shadow || route.drill().is_none() {
        return Vec::new();
    }
    let mut possible = Vec::new();
    for (region, it) in route.upstream().regions().enumerate().skip(1) {
        let verdicts = possible_verdicts(route, it, false)
            .filter(|verdict| !matches!(verdict, Verdict::Abandoned | Verdict::Skipped(Skip::Deadline | Skip::Budget)));
        let results = verdicts.map(Asked::Verdict).chain([Asked::Overflow]);
        possible.extend(results.map(|result| (it.name(), Drilled::Region { region, result })));
    }
    if route.last_good().is_some() {
        possible.extend([true, false].map(|is_there| ("last-good", Drilled::LastGood { is_there })));
    }
    if route.has_static() {
        possible.push(("static", Drilled::Static));
    }
    possible
}

/// Which rung can answer, and for which reason.
fn possible_responses(mode: Mode, route: &Route) -> impl Iterator<Item = (ServedBy, Option<Degraded>)> {
    let possible = move |served_by: &ServedBy| match served_by {
        ServedBy::Primary | ServedBy::Nobody => true,
        ServedBy::Secondary | ServedBy::LastGood | ServedBy::Static | ServedBy::Refusal => mode == Mode::Enforce,
        ServedBy::WouldSecondary | ServedBy::WouldLastGood | ServedBy::WouldStatic => mode == Mode::Shadow,
    };
    let regions = route.upstream().regions().count();
    let has_last_good = route.last_good().is_some();
    let has_static = route.has_static() || route.grpc().is_some();
    let judges_output = route.judges_output();
    // What was held of the primary's answer, or called for, may be nothing that could be handed on.
    let may_be_unfit = judges_output || route.upstream().is_strict() || route.upstream().covers_events();
    let is_capped = route.max_share().is_some();
    let has_breaker = route.upstream().regions().any(|region| region.breaker().is_some());
    let exists = move |served_by: &ServedBy| match served_by {
        ServedBy::Secondary | ServedBy::WouldSecondary => regions > 1,
        ServedBy::LastGood | ServedBy::WouldLastGood => has_last_good,
        ServedBy::Static | ServedBy::WouldStatic => has_static,
        ServedBy::Refusal => ((has_breaker || may_be_unfit) && !route.has_static()) || is_capped,
        ServedBy::Primary | ServedBy::Nobody => true,
    };
    let healthy = [ServedBy::Primary, ServedBy::Nobody].map(|served_by| (served_by, None));
    let degraded = ServedBy::ALL
        .into_iter()
        .filter(possible)
        .filter(exists)
        .flat_map(|served_by| Degraded::all().map(move |degraded| (served_by, Some(degraded))))
        .filter(move |(served_by, degraded)| match degraded {
            Some(Degraded::BreakerOpen) => has_breaker,
            Some(Degraded::Failure(Failure::InvalidOutput)) => judges_output,
            _ => *served_by != ServedBy::Refusal || may_be_unfit || is_capped,
        });
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
