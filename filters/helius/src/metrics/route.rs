//! The metrics of one route.

use std::cell::RefCell;

use helius_policy::admission::Decision;
use helius_policy::circuit_breaker::{self, State, Transition};
use helius_policy::config::{Config, Mode, Region, Route};
use helius_policy::drill::Drilled;
use helius_policy::exchange::Record;
use helius_policy::latency::{BOUNDS, BUCKETS, Latency};
use helius_policy::replay::NotReplayable;
use helius_policy::static_mode::StaticMode;
use helius_policy::time::{Clock, Timestamp};
use helius_policy::verdict::{Degraded, ServedBy, Verdict};
use proxy_wasm::types::MetricType;

use super::counters::Counters;
use super::possible::{possible_decisions, possible_drills, possible_responses, possible_verdicts};
use super::{route_labels, tag};
use crate::host::{self, Envoy};

/// Which rung answered, and for which reason.
type Answered = (ServedBy, Option<Degraded>);

#[derive(Debug)]
pub(super) struct RouteMetrics {
    admission: Counters<Decision>,
    /// In the order of the configuration.
    regions: Vec<RegionMetrics>,
    /// Where the ladder has a time.
    route_timeouts: Option<u32>,
    /// Where the filter calls the primary itself.
    bypasses: Counters<NotReplayable>,
    /// What rungs can come to in a drill.
    drilled: Vec<(Drilled, u32)>,
    responses: Counters<Answered>,
    latency: RefCell<Latency>,
    /// Counters of how many exchanges took at most so long.
    buckets: [Option<u32>; BUCKETS],
    /// The counter of how long all of them took together.
    micros: Option<u32>,
    static_mode: RefCell<StaticMode>,
    /// The gauge that says so.
    is_static: Option<u32>,
}

#[derive(Debug)]
struct RegionMetrics {
    attempts: Counters<Verdict>,
    /// The state of its breaker.
    state: Option<u32>,
    transitions: Counters<Transition>,
    /// Of a breaker that is only watched.
    would_transitions: Counters<Transition>,
}

impl RegionMetrics {
    fn define(labels: &str, route: &Route, region: &Region, is_primary: bool) -> Self {
        let attempts = Counters::define(labels.to_owned(), attempt, possible_verdicts(route, region, is_primary));
        let has_breaker = region.breaker().is_some();
        let gauge = || host::define_metric(MetricType::Gauge, &format!("{labels}telemetry_circuit_breaker_state"));
        let possible = |is_possible| Transition::ALL.into_iter().filter(move |_| has_breaker && is_possible);
        let is_watched = region.is_watched_only();
        let transitions = Counters::define(labels.to_owned(), transition, possible(!is_watched));
        let would_transitions = Counters::define(labels.to_owned(), would_transition, possible(is_watched));
        Self { attempts, state: has_breaker.then(gauge).flatten(), transitions, would_transitions }
    }

    /// A breaker has changed its state.
    fn note(&self, region: &Region, transition: Transition) {
        if region.is_watched_only() {
            return self.would_transitions.count(transition);
        }
        self.transitions.count(transition);
        if region.breaker().is_some_and(|it| it.settings().mode != circuit_breaker::Mode::Off) {
            self.show(transition.to);
        }
    }

    fn show(&self, state: State) {
        if let Some(gauge) = self.state {
            host::set_gauge(gauge, state.code().into());
        }
    }
}

impl RouteMetrics {
    /// Defines all that the document makes possible on this route.
    pub(super) fn define(config: &Config, route: &Route) -> Self {
        let labels = route_labels(config, route);
        let counter = |name: &str| host::define_metric(MetricType::Counter, &format!("{labels}{name}"));
        let regions = route.upstream().regions().enumerate().map(|(index, region)| {
            let labels = labels.clone() + &tag("region", region.name());
            RegionMetrics::define(&labels, route, region, index == 0)
        });
        let is_strict = route.upstream().is_strict() && config.mode() == Mode::Enforce;
        let bypasses = NotReplayable::ALL
            .into_iter()
            .filter(|reason| is_strict && !matches!(reason, NotReplayable::Method | NotReplayable::Grpc));
        let drilled = possible_drills(config, route).into_iter().filter_map(|(rung, drilled)| {
            let (rung, result) = (tag("rung", rung), tag("result", drilled.word()));
            Some((drilled, counter(&format!("{rung}{result}helius_drill_total"))?))
        });
        let has_answers = route.upstream().has_timeout();
        let is_static = || host::define_metric(MetricType::Gauge, &format!("{labels}reco_engine_mode_static_active"));
        Self {
            admission: Counters::define(labels.clone(), decision, possible_decisions(config.mode(), route)),
            regions: regions.collect(),
            route_timeouts: has_answers.then(|| counter("helius_route_timeout_total")).flatten(),
            bypasses: Counters::define(labels.clone(), bypass, bypasses),
            drilled: drilled.collect(),
            responses: Counters::define(labels.clone(), response, possible_responses(config.mode(), route)),
            latency: RefCell::default(),
            buckets: BOUNDS.map(|(le, _)| counter(&format!("{}request_latency_seconds_bucket", tag("le", le)))),
            micros: counter("helius_latency_microseconds_total"),
            static_mode: RefCell::new(StaticMode::new(config.service(), route.name())),
            is_static: has_answers.then(is_static).flatten(),
        }
    }

    /// Counts what happened on the route, which is in force as `route` says.
    pub(super) fn record(&self, route: &Route, record: Record) {
        match record {
            Record::Admission(decision) => self.admission.count(decision),
            Record::Attempt { region, verdict } => {
                if let Some(region) = self.regions.get(region) {
                    region.attempts.count(verdict);
                }
            }
            Record::Transition { region, transition } => {
                if let (Some(metrics), Some(region)) =
                    (self.regions.get(region), route.upstream().regions().nth(region))
                {
                    metrics.note(region, transition);
                }
            }
            Record::RouteTimeout => increment(self.route_timeouts),
            Record::StrictBypassed(reason) => self.bypasses.count(reason),
            Record::Drill(drilled) => {
                increment(self.drilled.iter().find(|(it, _)| *it == drilled).map(|(_, metric)| *metric));
            }
            Record::Response { served_by, degraded } => self.responses.count((served_by, degraded)),
        }
    }

    /// An exchange is over.
    pub(super) fn end(&self, served_by: ServedBy, began: Timestamp, envoy: &Envoy) {
        let now = envoy.now();
        if let Ok(mut latency) = self.latency.try_borrow_mut() {
            latency.count(now.since(began));
        }
        if matches!(served_by, ServedBy::Static | ServedBy::LastGood)
            && let Ok(mut mode) = self.static_mode.try_borrow_mut()
            && mode.note(envoy, now)
        {
            self.show_static(true);
        }
    }

    fn show_static(&self, is_on: bool) {
        if let Some(gauge) = self.is_static {
            host::set_gauge(gauge, is_on.into());
        }
    }

    /// Hands on what has been counted.
    pub(super) fn flush(&self) {
        let Some(increase) = self.latency.try_borrow_mut().ok().and_then(|mut latency| latency.take()) else { return };
        let all = self.buckets.iter().zip(increase.buckets).chain([(&self.micros, increase.micros)]);
        for (metric, increase) in all.filter(|(_, increase)| *increase > 0) {
            if let Some(metric) = metric {
                host::increment(*metric, increase);
            }
        }
    }

    /// Shows where its breakers stand, and whether its answers are made up.
    pub(super) fn show_state(&self, route: &Route, envoy: &Envoy, now: Timestamp) {
        for (region, metrics) in route.upstream().regions().zip(&self.regions) {
            if let Some(breaker) = region.breaker() {
                metrics.show(breaker.effective_state(envoy));
            }
        }
        if let Ok(mode) = self.static_mode.try_borrow() {
            self.show_static(route.is_forced_static() || mode.is_on(envoy, now));
        }
    }
}

fn attempt(verdict: Verdict) -> String {
    tag("verdict", verdict.word()) + "helius_attempts_total"
}

fn transition(it: Transition) -> String {
    format!("{}{}helius_breaker_transitions_total", tag("to", it.to.word()), tag("reason", it.reason.word()))
}

fn would_transition(it: Transition) -> String {
    let to = tag("to", &format!("would_{}", it.to.word()));
    format!("{to}{}helius_breaker_transitions_total", tag("reason", it.reason.word()))
}

fn decision(decision: Decision) -> String {
    tag("decision", decision.word()) + "helius_admission_total"
}

fn bypass(reason: NotReplayable) -> String {
    tag("reason", reason.word()) + "helius_strict_bypassed_total"
}

fn response((served_by, degraded): Answered) -> String {
    let reason = degraded.map_or("none", Degraded::word);
    format!("{}{}helius_responses_total", tag("served_by", served_by.word()), tag("degraded", reason))
}

fn increment(metric: Option<u32>) {
    if let Some(metric) = metric {
        host::increment(metric, 1);
    }
}
