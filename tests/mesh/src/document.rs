//! The filter's document as data, written here and not read by the policy: what it means is told twice.

mod admission;
mod agent;
mod breaker;
mod last_rungs;
mod output;
mod switched;

use serde_json::{Value, json};

use crate::events::{framed, wants_events};
use crate::fields::Fields;
use crate::grpc::is_grpc;
use crate::scenario::Millis;

pub use admission::{Dedupe, Limit};
pub(crate) use admission::{ISOLATED, MESSAGE, NEAR, ORIGIN};
pub(crate) use agent::AGENT;
pub use agent::Agent;
pub use breaker::{Breaker, Budget, Mode};
pub use last_rungs::{Fixed, Grpc, LastGood, MaxShare};
pub(crate) use last_rungs::{GOLD, SEGMENT};
pub use output::Output;
pub(crate) use switched::KINDS;
pub use switched::{Change, Forced, Override, Switched};

/// A document that the filter may be given.
#[derive(Debug, Clone)]
pub struct Document {
    /// The label of all stats.
    pub service: String,
    /// Whether it only watches.
    pub is_shadow: bool,
    /// Who tells what operators have switched, if anybody does.
    pub agent: Option<Agent>,
    /// In order.
    pub routes: Vec<Route>,
    /// What is wrong with it, as a key that no document has.
    pub mistake: Option<String>,
}

/// A protected route.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its name and label.
    pub name: String,
    /// The path that it matches as a whole.
    pub path: String,
    /// Time for the whole ladder.
    pub timeout: Millis,
    /// The primary, then the secondary regions.
    pub regions: Vec<Region>,
    /// Failures that lead to the next rung.
    pub fail_on: Vec<&'static str>,
    /// Methods that may be sent twice.
    pub replay_methods: Vec<&'static str>,
    /// Longest body that may be sent twice.
    pub max_body: usize,
    /// Longest announced body that is waited for.
    pub hold: usize,
    /// Whether those who ask for a stream of events are protected until the first one.
    pub covers_events: bool,
    /// Whether the filter calls the primary itself.
    pub is_strict: bool,
    /// Whether requests from one region are turned away.
    pub isolates: bool,
    /// Whether a message goes on only once.
    pub dedupe: Option<Dedupe>,
    /// How often it may be asked, by all clients together.
    pub limit: Option<Limit>,
    /// When its regions are left alone.
    pub breaker: Option<Breaker>,
    /// What its answers have to say.
    pub output: Option<Output>,
    /// How much may be sent a second time; where nothing is written, what goes with the breaker.
    pub retry_budget: Option<Budget>,
    /// Which good answers are kept for when no region gives one.
    pub last_good: Option<LastGood>,
    /// The last rung.
    pub fixed: Option<Fixed>,
    /// The same for those of one segment; only beside the other.
    pub fixed_for_gold: Option<Fixed>,
    /// The last rung of those who speak gRPC: a status.
    pub grpc: Option<Grpc>,
    /// In how many exchanges of a hundred the lower rungs are tried while the primary is well.
    pub drill: Option<u32>,
    /// How much may be made up; only where there is something that is.
    pub max_share: Option<MaxShare>,
    /// What operators have switched; nothing in any document.
    pub switched: Switched,
}

/// A region of a route.
#[derive(Debug, Clone)]
pub struct Region {
    /// Its name.
    pub name: String,
    /// Time of its attempt.
    pub timeout: Millis,
    /// What it wants to be called; secondary regions only.
    pub authority: Option<String>,
}

/// Everything that can fail.
pub const FAILURES: [&str; 7] =
    ["connect", "reset", "timeout", "5xx", "overflow", "no_healthy_upstream", INVALID_OUTPUT];

/// A good status, and a body that is of no use.
pub(crate) const INVALID_OUTPUT: &str = "invalid_output";

impl Route {
    /// A route like those of `envoy/bootstrap.yaml`, with so many regions.
    pub fn new(name: &str, regions: usize) -> Self {
        let region = |index| Region { name: region_name(index), timeout: 500, authority: None };
        Self {
            name: name.to_owned(),
            path: format!("/{name}"),
            timeout: 2000,
            regions: (0..regions).map(region).collect(),
            fail_on: FAILURES.to_vec(),
            replay_methods: vec!["GET", "HEAD", "POST"],
            max_body: 64 << 10,
            hold: 16 << 10,
            covers_events: false,
            is_strict: false,
            isolates: false,
            dedupe: None,
            limit: None,
            breaker: None,
            output: None,
            retry_budget: None,
            last_good: None,
            fixed: Some(Fixed { status: 200, body: "static".to_owned() }),
            fixed_for_gold: None,
            grpc: None,
            drill: None,
            max_share: None,
            switched: Switched::default(),
        }
    }

    fn to_json(&self) -> Value {
        let regions = self.regions.iter().enumerate().map(|(index, region)| {
            let mut value = json!({ "name": region.name, "timeout": format!("{}ms", region.timeout) });
            if index == 0 {
                value["via"] = "route".into();
            } else {
                value["cluster"] = cluster(index).into();
            }
            if let Some(authority) = region.authority.as_ref().filter(|_| index > 0) {
                value["authority"] = authority.as_str().into();
            }
            value
        });
        let mut route = json!({
            "name": self.name,
            "match": { "path": self.path },
            "upstream": {
                "timeout": format!("{}ms", self.timeout),
                "regions": regions.collect::<Vec<_>>(),
                "fail_on": self.fail_on,
                "replay": { "methods": self.replay_methods, "max_body": self.max_body, "hold": self.hold },
            },
        });
        if let Some(section) = admission::section(self.isolates, self.limit, self.dedupe) {
            route["admission"] = section;
        }
        if self.covers_events {
            route["upstream"]["event_streams"] = true.into();
        }
        if self.is_strict {
            route["upstream"]["strict"] = true.into();
        }
        if let Some(breaker) = self.breaker {
            route["upstream"]["circuit_breaker"] = breaker.to_json();
        }
        if let Some(output) = self.output {
            route["output"] = output.to_json(self.breaker.is_some());
        }
        if let Some(budget) = self.retry_budget {
            route["upstream"]["retry_budget"] = budget.to_json();
        }
        if let Some(fixed) = &self.fixed {
            let is_judged = self.output.is_some();
            let mut all = vec![fixed.to_json(is_judged)];
            if let Some(gold) = &self.fixed_for_gold {
                let mut gold = gold.to_json(is_judged);
                gold["when"] = json!({ "headers": { SEGMENT: GOLD } });
                all.insert(0, gold);
            }
            route["fail_open"]["static"] = all.into();
        }
        if let Some(last_good) = self.last_good {
            route["fail_open"]["last_good"] = last_good.to_json();
        }
        if let Some(grpc) = self.grpc {
            route["fail_open"]["grpc"] = grpc.to_json();
        }
        if let Some(share) = self.drill {
            route["drill"] = json!({ "share": f64::from(share) / 100.0 });
        }
        if let Some(max_share) = self.max_share.filter(|_| self.makes_up()) {
            route["fail_open"]["max_share"] = max_share.to_json();
        }
        route
    }

    /// Whether not everybody is let in.
    pub(crate) const fn has_admission(&self) -> bool {
        self.isolates || self.limit.is_some() || self.dedupe.is_some()
    }

    /// Whether there is anything that could be made up.
    pub(crate) const fn makes_up(&self) -> bool {
        self.fixed.is_some() || self.last_good.is_some() || self.grpc.is_some()
    }

    /// The static response for a request with these headers: status, and body or gRPC's status.
    pub(crate) fn fixed_for(&self, headers: &Fields) -> Option<(u16, String)> {
        if is_grpc(headers) {
            return self.grpc.map(|grpc| (200, grpc.code().to_owned()));
        }
        let fixed = self.fixed.as_ref()?;
        let gold = self.fixed_for_gold.as_ref().filter(|_| headers.text(SEGMENT) == GOLD);
        let fixed = gold.unwrap_or(fixed);
        let body = fixed.body(self.output.is_some());
        Some((fixed.status, if wants_events(headers) { framed(&body) } else { body }))
    }

    /// What bounds second attempts, if anything does.
    pub fn budget(&self) -> Option<Budget> {
        let by_default = self.breaker.filter(|breaker| breaker.mode == Mode::Enforce).map(|_| Budget::default());
        self.retry_budget.or(by_default)
    }

    /// Whether the primary's answers are held until they have been judged.
    pub fn holds_answers(&self) -> bool {
        self.output.is_some() && self.fail_on.contains(&INVALID_OUTPUT)
    }

    /// Whether every failure leads to the next rung and there is a last one.
    pub fn covers_everything(&self) -> bool {
        self.fixed.is_some() && FAILURES.iter().all(|failure| self.fail_on.contains(failure))
    }
}

impl Document {
    /// A document with these routes.
    pub fn new(routes: Vec<Route>) -> Self {
        Self { service: "mesh".to_owned(), is_shadow: false, agent: None, routes, mistake: None }
    }

    /// The text that the filter is given.
    pub fn text(&self) -> String {
        let mode = if self.is_shadow { "shadow" } else { "enforce" };
        let routes: Vec<_> = self.routes.iter().map(Route::to_json).collect();
        let mut document = json!({ "service": self.service, "mode": mode, "routes": routes });
        if let Some(agent) = self.agent {
            document["agent"] = agent.to_json();
        }
        if let Some(mistake) = &self.mistake {
            document[mistake] = true.into();
        }
        document.to_string()
    }

    /// The breaker of a route's region as it acts under this document.
    pub fn breaker_of(&self, route: &Route, region: usize) -> Option<Breaker> {
        let breaker = route.switched.breaker(region, route.breaker?);
        Some(if self.is_shadow { breaker.in_shadow() } else { breaker })
    }

    /// The route that protects a request with this path, if one does.
    pub fn route_of(&self, path: &str) -> Option<&Route> {
        let path = path.split('?').next().unwrap_or_default();
        self.routes.iter().find(|route| route.path == path)
    }
}

/// The name of a region by its place.
pub fn region_name(index: usize) -> String {
    if index == 0 { "primary".to_owned() } else { format!("secondary-{index}") }
}

/// The cluster of a secondary region by its place.
pub fn cluster(index: usize) -> String {
    format!("secondary_{index}")
}

/// The reverse of [`region_name`].
pub(crate) fn region_named(name: &str) -> Option<usize> {
    if name == "primary" { Some(0) } else { name.strip_prefix("secondary-")?.parse().ok() }
}

/// The header of a request that is part of a drill.
pub(crate) const DRILL: &str = "x-helius-drill";

/// The cluster that every route of Envoy leads to.
pub(crate) const CLUSTER_OF_ROUTE: &str = "primary";

/// The region of a cluster.
pub(crate) fn region_of(cluster: &str) -> Option<usize> {
    if cluster == CLUSTER_OF_ROUTE { Some(0) } else { cluster.strip_prefix("secondary_")?.parse().ok() }
}
