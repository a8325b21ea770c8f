//! What is in force: each route of the document, with the overrides that are meant for it applied.

use std::sync::Arc;

use super::{Change, Kind, Override};
use crate::config::{Config, Mode, Route};
use crate::time::Timestamp;

/// The routes as they are in force at a moment.
#[derive(Clone, Debug)]
pub struct InForce {
    /// In the order of the document.
    routes: Vec<Effective>,
    active: Vec<Active>,
    /// When the first of the overrides ends.
    until: Option<Timestamp>,
}

/// A route as it is in force.
#[derive(Clone, Debug)]
pub struct Effective {
    /// With its overrides applied.
    pub route: Arc<Route>,
    /// Whether its decisions have consequences.
    pub mode: Mode,
}

/// An override that changes something on a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Active {
    /// The route's place in the document.
    pub route: usize,
    /// What kind it is of.
    pub kind: Kind,
    /// When it ends.
    pub until: Timestamp,
}

impl InForce {
    /// What is in force `now`.
    pub fn of(config: &Config, overrides: &[Override], now: Timestamp) -> Self {
        let mut this = Self { routes: Vec::new(), active: Vec::new(), until: None };
        for (index, route) in config.routes().iter().enumerate() {
            let meant: Vec<&Override> = overrides
                .iter()
                .filter(|it| !it.is_over(now) && it.is_for(config.service(), route.name()))
                .filter(|it| config.mode() == Mode::Enforce && route.has_use_for(&it.change))
                .collect();
            let effective = this.apply(index, route, config.mode(), &meant);
            this.routes.push(effective);
        }
        this
    }

    fn apply(&mut self, index: usize, route: &Arc<Route>, mode: Mode, meant: &[&Override]) -> Effective {
        if meant.is_empty() {
            return Effective { route: route.clone(), mode };
        }
        let is_shadow = meant.iter().any(|it| it.change == Change::Shadow);
        let mut changed = Route::clone(route);
        // Of several scales the smallest, and not their product.
        let scale = |it: &Override| if let Change::RateLimit { scale } = it.change { Some(scale) } else { None };
        let mut smallest = meant.iter().filter_map(|it| scale(it)).min_by(f64::total_cmp);
        for it in meant.iter().filter(|it| !is_shadow || it.change == Change::Shadow) {
            if scale(it).is_none() || (scale(it) == smallest && smallest.take().is_some()) {
                changed = changed.overridden(&it.change);
            }
            self.active.push(Active { route: index, kind: it.change.kind(), until: it.until });
            self.until = Some(self.until.map_or(it.until, |first| first.min(it.until)));
        }
        Effective { route: Arc::new(changed), mode: if is_shadow { Mode::Shadow } else { mode } }
    }

    /// The route at this place of the document.
    pub fn route(&self, index: usize) -> Option<&Effective> {
        self.routes.get(index)
    }

    /// Every route, in the order of the document.
    pub fn routes(&self) -> &[Effective] {
        &self.routes
    }

    /// Overrides that change something, each once for each route that it changes.
    pub fn active(&self) -> &[Active] {
        &self.active
    }

    /// Whether one of the overrides has ended since, so that something else is in force `now`.
    pub fn is_outdated(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}
