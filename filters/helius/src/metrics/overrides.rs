//! Which overrides are in force, as gauges.

use std::cell::RefCell;

use helius_policy::config::Config;
use helius_policy::overrides::{Active, InForce, Kind};
use proxy_wasm::types::MetricType;

use super::{route_labels, tag};
use crate::host;

/// The gauges of overrides that have been in force since the filter was configured, defined when they first are: for each
/// route and kind one that says how many there are, and one that says when the last of them ends.
#[derive(Debug)]
pub(super) struct OverrideGauges {
    /// For each route the labels that its gauges begin with.
    labels: Vec<String>,
    shown: RefCell<Vec<Shown>>,
}

#[derive(Debug)]
struct Shown {
    route: usize,
    kind: Kind,
    active: Option<u32>,
    /// In seconds since the epoch; 0 where none is in force.
    expires: Option<u32>,
}

impl OverrideGauges {
    pub(super) fn new(config: &Config) -> Self {
        let labels = config.routes().iter().map(|route| route_labels(config, route)).collect();
        Self { labels, shown: RefCell::default() }
    }

    /// Sets all of them.
    pub(super) fn show(&self, in_force: &InForce) {
        let Ok(mut shown) = self.shown.try_borrow_mut() else { return };
        for Active { route, kind, .. } in in_force.active() {
            if !shown.iter().any(|it| it.route == *route && it.kind == *kind) {
                shown.push(self.define(*route, *kind));
            }
        }
        for gauges in shown.iter() {
            let active = || in_force.active().iter().filter(|it| it.route == gauges.route && it.kind == gauges.kind);
            let count = u64::try_from(active().count()).unwrap_or(u64::MAX);
            let expires = active().map(|it| it.until).max().map_or(0, |until| until.nanos().div_euclid(1_000_000_000));
            for (gauge, value) in [(gauges.active, count), (gauges.expires, expires)] {
                if let Some(gauge) = gauge {
                    host::set_gauge(gauge, value);
                }
            }
        }
    }

    fn define(&self, route: usize, kind: Kind) -> Shown {
        let labels = self.labels.get(route).cloned().unwrap_or_default() + &tag("override", kind.word());
        let gauge = |name| host::define_metric(MetricType::Gauge, &format!("{labels}{name}"));
        let (active, expires) = (gauge("helius_override_active"), gauge("helius_override_expires_seconds"));
        Shown { route, kind, active, expires }
    }
}
