//! The Envoy stats of the filter.
//!
//! Envoy's Wasm interface knows no labels, so they are written into the name (`route=.=assist;.;`), from where the
//! `stats_tags` of `envoy/bootstrap.yaml` take them out again. Every combination that the document can need is defined when
//! the filter is configured: a counter stands at 0 before its first event.
//!
//! * `possible` are these combinations.
//! * `counters` are counters of one kind.
//! * `route` are the metrics of one route.
//! * `overrides` are the gauges of what operators have switched.

mod counters;
mod overrides;
mod possible;
mod route;

use helius_policy::config::{Config, Route};
use helius_policy::exchange::Record;
use helius_policy::overrides::{Effective, InForce};
use helius_policy::time::{Clock, Timestamp};
use helius_policy::verdict::ServedBy;
use proxy_wasm::types::MetricType;

use crate::host::{self, Envoy};
use overrides::OverrideGauges;
use route::RouteMetrics;

/// The metrics of one configuration.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// In the order of the configuration.
    routes: Vec<RouteMetrics>,
    overrides: OverrideGauges,
}

impl Metrics {
    /// Defines every metric that this configuration can need.
    pub(crate) fn define(config: &Config) -> Self {
        let routes = config.routes().iter().map(|route| RouteMetrics::define(config, route)).collect();
        Self { routes, overrides: OverrideGauges::new(config) }
    }

    /// Counts what happened on a route, as it is in force.
    pub(crate) fn record(&self, route: usize, effective: &Route, record: Record) {
        if let Some(metrics) = self.routes.get(route) {
            metrics.record(effective, record);
        }
    }

    /// An exchange on a route is over, which began at that moment: how long it took, and whether its answer was made up.
    pub(crate) fn end(&self, route: usize, served_by: ServedBy, began: Timestamp, envoy: &Envoy) {
        if let Some(metrics) = self.routes.get(route) {
            metrics.end(served_by, began, envoy);
        }
    }

    /// Hands on what has been counted in the worker alone.
    pub(crate) fn flush(&self) {
        self.routes.iter().for_each(RouteMetrics::flush);
    }

    /// Shows where every route stands, whoever brought it there: a VM that is gone may not have said so, and of two that
    /// speak at the same moment the wrong one may be the last.
    pub(crate) fn show_state(&self, in_force: &InForce, envoy: &Envoy) {
        let now = envoy.now();
        for (Effective { route, .. }, metrics) in in_force.routes().iter().zip(&self.routes) {
            metrics.show_state(route, envoy, now);
        }
    }

    /// Shows which overrides are in force.
    pub(crate) fn show_overrides(&self, in_force: &InForce) {
        self.overrides.show(in_force);
    }
}

/// The gauge that is 1 while `service` is given a bad configuration.
pub(crate) fn set_config_rejected(service: &str, is_rejected: bool) {
    let name = tag("service", service) + "helius_filter_config_rejected";
    if let Some(gauge) = host::define_metric(MetricType::Gauge, &name) {
        host::set_gauge(gauge, u64::from(is_rejected));
    }
}

/// The labels that the stats of a route begin with.
fn route_labels(config: &Config, route: &Route) -> String {
    tag("service", config.service()) + &tag("route", route.name())
}

/// A label as it stands in a stat's name.
fn tag(label: &str, value: &str) -> String {
    format!("{label}=.={value};.;")
}
