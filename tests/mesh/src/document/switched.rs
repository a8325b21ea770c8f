//! What operators have switched on a route for a while: the route as it is then, told a second time.

use serde_json::{Value, json};

use super::{Breaker, Document, Mode, Route, region_named};
use crate::fields::Fields;
use crate::scenario::Millis;
use crate::world::Micros;

/// Something that an operator switches for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// What it changes.
    pub change: Change,
    /// The service whose routes it changes; none is every service.
    pub service: Option<String>,
    /// The route that it changes; none is every route.
    pub route: Option<String>,
    /// After how long it ends by itself.
    pub lasts: Millis,
}

/// What an override changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// No region is asked.
    Static,
    /// The breaker of a region, or of every one, stands where it is told to.
    Breaker(Option<String>, Forced),
    /// So many thousandths of the limits are left.
    RateLimit(u32),
    /// Requests that come from there are turned away.
    Isolate(String),
    /// This region is not asked.
    Drain(String),
    /// The route only watches.
    Shadow,
}

/// Where a breaker is told to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forced {
    /// Its region is left alone.
    Open,
    /// Its region is asked.
    Closed,
    /// It is not there.
    Off,
}

/// What overrides have made of a route. Nothing of it stands in a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Switched {
    /// Whether no region is asked, and the answer is the static one.
    pub(crate) is_static: bool,
    drained: Vec<usize>,
    /// For a region, or for all of them; the last one counts.
    breakers: Vec<(Option<usize>, Mode)>,
    thousandths: Option<u32>,
    /// Where those come from who are turned away besides.
    isolated: Vec<String>,
}

/// Words of the gauges, one for each kind.
pub(crate) const KINDS: [&str; 8] =
    ["static", "breaker_open", "breaker_closed", "breaker_off", "rate_limit", "isolate", "drain", "shadow"];

impl Forced {
    const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Off => "off",
        }
    }

    const fn mode(self) -> Mode {
        match self {
            Self::Open => Mode::ForcedOpen,
            Self::Closed => Mode::ForcedClosed,
            Self::Off => Mode::Off,
        }
    }
}

impl Change {
    /// The word of its gauge.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Breaker(_, Forced::Open) => "breaker_open",
            Self::Breaker(_, Forced::Closed) => "breaker_closed",
            Self::Breaker(_, Forced::Off) => "breaker_off",
            Self::RateLimit(_) => "rate_limit",
            Self::Isolate(_) => "isolate",
            Self::Drain(_) => "drain",
            Self::Shadow => "shadow",
        }
    }

    /// Whether it changes how breakers act.
    pub(crate) const fn is_about_breakers(&self) -> bool {
        matches!(self, Self::Breaker(..) | Self::Shadow)
    }
}

impl Override {
    /// One for every route, for so long.
    pub const fn new(change: Change, lasts: Millis) -> Self {
        Self { change, service: None, route: None, lasts }
    }

    /// The same for one route.
    #[must_use]
    pub fn on(mut self, route: &str) -> Self {
        self.route = Some(route.to_owned());
        self
    }

    /// As the agent tells it, with when it ends.
    pub(crate) fn to_json(&self, until: &str) -> Value {
        let mut value = match &self.change {
            Change::Static => json!({ "override": "static" }),
            Change::Breaker(Some(region), to) => {
                json!({ "override": "breaker", "region": region, "state": to.word() })
            }
            Change::Breaker(None, to) => json!({ "override": "breaker", "state": to.word() }),
            Change::RateLimit(thousandths) => {
                json!({ "override": "rate_limit", "scale": f64::from(*thousandths) / 1000.0 })
            }
            Change::Isolate(region) => json!({ "override": "isolate", "region": region }),
            Change::Drain(region) => json!({ "override": "drain", "region": region }),
            Change::Shadow => json!({ "override": "shadow" }),
        };
        for (key, name) in [("service", &self.service), ("route", &self.route)] {
            if let Some(name) = name {
                value[key] = name.as_str().into();
            }
        }
        value["until"] = until.into();
        value["reason"] = "an incident".into();
        value["author"] = "mesh".into();
        value
    }

    /// Whether it is meant for a route, and the route has a use for it.
    pub(crate) fn changes(&self, document: &Document, route: &Route) -> bool {
        let names = |name: &Option<String>, it: &str| name.as_deref().is_none_or(|name| name == it);
        let has = |region: &str| route.regions.iter().any(|it| it.name == region);
        let has_a_use = match &self.change {
            Change::Static => route.fixed.is_some() || route.grpc.is_some(),
            Change::Breaker(region, _) => route.breaker.is_some() && region.as_deref().is_none_or(has),
            Change::RateLimit(_) => route.limit.is_some(),
            Change::Isolate(_) => route.isolates,
            Change::Drain(region) => has(region),
            Change::Shadow => true,
        };
        has_a_use && !document.is_shadow && names(&self.service, &document.service) && names(&self.route, &route.name)
    }
}

impl Document {
    /// Those of `overrides` that are in force on a route: where one of them has it only watch, no other.
    pub(crate) fn in_force<'a>(&self, route: &Route, overrides: &'a [Override]) -> Vec<&'a Override> {
        let meant: Vec<_> = overrides.iter().filter(|it| it.changes(self, route)).collect();
        let is_shadow = meant.iter().any(|it| it.change == Change::Shadow);
        meant.into_iter().filter(|it| !is_shadow || it.change == Change::Shadow).collect()
    }

    /// The document as it holds for a request with these headers, with `overrides` in force.
    #[must_use]
    pub(crate) fn switched(&self, headers: &Fields, overrides: &[Override]) -> Self {
        let mut switched = self.clone();
        let Some(index) = self
            .route_of(headers.text(":path"))
            .and_then(|it| self.routes.iter().position(|other| other.name == it.name))
        else {
            return switched;
        };
        for it in self.in_force(&self.routes[index], overrides) {
            if it.change == Change::Shadow {
                switched.is_shadow = true;
            } else if it.change != Change::Static || self.routes[index].fixed_for(headers).is_some() {
                // Nobody is given a refusal where he could have an answer.
                switched.routes[index].switched.add(&it.change);
            }
        }
        switched
    }
}

impl Switched {
    fn add(&mut self, change: &Change) {
        match change {
            Change::Static => self.is_static = true,
            Change::Breaker(region, to) => {
                self.breakers.push((region.as_deref().and_then(region_named), to.mode()));
            }
            Change::RateLimit(thousandths) => {
                self.thousandths = Some(self.thousandths.map_or(*thousandths, |it| it.min(*thousandths)));
            }
            Change::Isolate(region) => self.isolated.push(region.clone()),
            Change::Drain(region) => self.drained.extend(region_named(region)),
            Change::Shadow => {}
        }
    }

    /// A region's breaker as it acts.
    pub(crate) fn breaker(&self, region: usize, breaker: Breaker) -> Breaker {
        let forced = self.breakers.iter().rev().find(|(it, _)| it.is_none_or(|it| it == region));
        Breaker { mode: forced.map_or(breaker.mode, |(_, mode)| *mode), ..breaker }
    }
}

impl Route {
    /// Whether an operator has said that a region is not to be asked.
    pub fn is_drained(&self, region: usize) -> bool {
        self.switched.is_static || self.switched.drained.contains(&region)
    }

    /// The secondary regions that may be asked.
    pub(crate) fn others(&self) -> impl Iterator<Item = usize> {
        (1..self.regions.len()).filter(|region| !self.is_drained(*region))
    }

    /// Whether those who come from there are turned away.
    pub(crate) fn turns_away(&self, origin: &str) -> bool {
        let is_listed = origin == super::ISOLATED || self.switched.isolated.iter().any(|it| it == origin);
        self.isolates && is_listed
    }

    /// What its limit lets in: a request costs so much time, of at most so much.
    pub(crate) fn allows(&self) -> Option<(Micros, Micros)> {
        let limit = self.limit?;
        let (costs, burst) = (1_000_000 / Micros::from(limit.per_second), Micros::from(limit.burst));
        let thousandths = self.switched.thousandths.map_or(1000, Micros::from);
        let (costs, burst) = (costs * 1000 / thousandths, (burst * thousandths / 1000).max(1));
        Some((costs, costs * burst))
    }
}
