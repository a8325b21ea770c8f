//! What the filter has, as its stats say: services, routes, regions and their breakers.
//!
//! The filter defines at once all stats that its document can need, so what has no stat is not there: a route whose answers
//! are never `limited` has no limits. Regions of origin, which isolation is about, stand in no stat.

use std::collections::{BTreeMap, BTreeSet};

use helius_policy::config::{Problem, nearest};
use helius_policy::overrides::{Change, Forced, Override};

use super::entry::word;
use super::request::problem;

/// What the filters of one Envoy have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// By service and name.
    routes: BTreeMap<(String, String), Facts>,
}

/// What is known of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Facts {
    has: BTreeSet<Part>,
    /// Each with the state of its breaker, where it has one.
    regions: BTreeMap<String, Option<u64>>,
}

/// A part of a route's document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// Regions that the filter asks: otherwise they are Envoy's alone.
    Ladder,
    /// A static answer.
    Static,
    /// Limits.
    Limits,
    /// A look at where requests come from.
    Isolation,
    /// Something that is done, as no document in shadow mode has it.
    Done,
    /// Something that would be done. A route that an override brought into shadow has this too.
    Would,
}

/// The state of a breaker that is open, as its gauge says it.
const OPEN: u64 = 2;

/// Most names that a message lists.
const LISTED: usize = 10;

impl Topology {
    /// Learns from a stat of the filter.
    pub fn note<'a>(&mut self, name: &str, label: impl Fn(&str) -> Option<&'a str>, value: u64) {
        let (Some(service), Some(route)) = (label("service"), label("route")) else { return };
        let facts = self.routes.entry((service.to_owned(), route.to_owned())).or_default();
        match label("served_by").or_else(|| label("decision")) {
            Some("primary" | "none" | "allowed" | "undecided") | None => {}
            Some(word) => {
                facts.has.insert(if word.starts_with("would_") { Part::Would } else { Part::Done });
            }
        }
        match name {
            "reco_engine_mode_static_active" => _ = facts.has.insert(Part::Ladder),
            "helius_responses_total" if label("served_by") == Some("static") => _ = facts.has.insert(Part::Static),
            "helius_admission_total" if label("decision") == Some("limited") => _ = facts.has.insert(Part::Limits),
            "helius_admission_total" if label("decision") == Some("isolated") => _ = facts.has.insert(Part::Isolation),
            "helius_attempts_total" | "telemetry_circuit_breaker_state" => {
                let Some(region) = label("region") else { return };
                let breaker = facts.regions.entry(region.to_owned()).or_default();
                if name == "telemetry_circuit_breaker_state" {
                    *breaker = Some(value);
                }
            }
            _ => {}
        }
    }

    /// Whether the filter has said nothing of itself.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// The routes that an override changes something on, as `service/route`.
    pub fn changed_by(&self, switched: &Override) -> Vec<String> {
        let changed = self.meant(switched).filter(|(_, facts)| facts.has_use_for(&switched.change));
        changed.map(|((service, route), _)| format!("{service}/{route}")).collect()
    }

    /// What is wrong with an override here: names that the filter does not know, or that no route has a use for it.
    pub fn check(&self, switched: &Override) -> Option<Problem> {
        let services = self.routes.keys().map(|(service, _)| service.as_str());
        if let Some(problem) = unknown("service", switched.service.as_deref(), services) {
            return Some(problem);
        }
        let is_of_service = |service: &str| switched.service.as_deref().is_none_or(|it| it == service);
        let routes = self.routes.keys().filter(|(service, _)| is_of_service(service)).map(|(_, route)| route.as_str());
        if let Some(problem) = unknown("route", switched.route.as_deref(), routes) {
            return Some(problem);
        }
        if matches!(switched.change, Change::Breaker { .. } | Change::Drain { .. }) {
            let regions = self.meant(switched).flat_map(|(_, facts)| facts.regions.keys().map(String::as_str));
            if let Some(problem) = unknown("region", switched.change.region(), regions) {
                return Some(problem);
            }
        }
        self.changed_by(switched).is_empty().then(|| {
            let are_in_shadow = self.meant(switched).all(|(_, facts)| facts.is_in_shadow());
            let in_shadow = ("is in shadow mode", "write mode: enforce into its document first");
            let (lacking, hint) = if are_in_shadow { in_shadow } else { lacking(&switched.change) };
            let value = Some(format!("{:?}", word(&switched.change)));
            let rule = format!("changes nothing: {} {lacking}", on(switched));
            Problem { value, ..problem("override", rule, hint) }
        })
    }

    /// The first route from which an override would take its last healthy region, others being in force.
    ///
    /// A region is healthy whose breaker is not open and which no other override drains, isolates or forces open.
    pub fn loses_last(&self, switched: &Override, others: &[&Override]) -> Option<Problem> {
        self.meant(switched).find_map(|((service, route), facts)| {
            let takes = |it: &Override, region: &str| it.is_for(service, route) && facts.loses(region, &it.change);
            let healthy: Vec<&str> = facts
                .regions
                .iter()
                .filter(|(_, breaker)| **breaker != Some(OPEN))
                .map(|(region, _)| region.as_str())
                .filter(|region| !others.iter().any(|it| takes(it, region)))
                .collect();
            let is_lost = !healthy.is_empty() && healthy.iter().all(|region| takes(switched, region));
            is_lost.then(|| {
                let value = Some(format!("{:?}", switched.change.region().unwrap_or("every region")));
                let rule = format!("is all that is healthy of the route {route:?} of {service:?}");
                let hint = "leave one, clear another override first, or say \"force\": true (--force)";
                Problem { value, ..problem("region", rule, hint) }
            })
        })
    }

    fn meant(&self, switched: &Override) -> impl Iterator<Item = (&(String, String), &Facts)> {
        self.routes.iter().filter(|((service, route), _)| switched.is_for(service, route))
    }
}

impl Facts {
    fn has(&self, part: Part) -> bool {
        self.has.contains(&part)
    }

    /// Whether its document is in shadow mode, as far as that shows.
    fn is_in_shadow(&self) -> bool {
        self.has(Part::Would) && !self.has(Part::Done)
    }

    /// The filter's own rule, as far as its stats tell.
    fn has_use_for(&self, change: &Change) -> bool {
        if self.is_in_shadow() {
            return false;
        }
        match change {
            Change::Static => self.has(Part::Static),
            Change::Breaker { region, .. } => {
                let mut with_breaker = self.regions.iter().filter(|(_, breaker)| breaker.is_some());
                self.has(Part::Ladder)
                    && with_breaker.any(|(name, _)| region.as_ref().is_none_or(|region| region == name))
            }
            Change::RateLimit { .. } => self.has(Part::Limits),
            Change::Isolate { .. } => self.has(Part::Isolation),
            Change::Drain { region } => self.has(Part::Ladder) && self.regions.contains_key(region),
            Change::Shadow => true,
        }
    }

    /// Whether a change keeps requests away from a region, or those that come from there away from the route.
    fn loses(&self, region: &str, change: &Change) -> bool {
        match change {
            Change::Drain { region: it } | Change::Isolate { region: it } => it == region && self.has_use_for(change),
            Change::Breaker { region: it, state: Forced::Open } => {
                let has_breaker = self.regions.get(region).is_some_and(Option::is_some);
                self.has(Part::Ladder) && has_breaker && it.as_deref().is_none_or(|it| it == region)
            }
            _ => false,
        }
    }
}

/// What is wrong with a name that is not among those that there are.
fn unknown<'a>(path: &str, name: Option<&str>, known: impl Iterator<Item = &'a str>) -> Option<Problem> {
    let name = name?;
    let known: Vec<&str> = known.collect::<BTreeSet<_>>().into_iter().collect();
    if known.contains(&name) {
        return None;
    }
    let hint = match nearest(name, &known) {
        Some(near) => format!("did you mean {near:?}?"),
        None if known.is_empty() => format!("it has no {path} here; leave it out"),
        None => {
            let more = if known.len() > LISTED { ", …" } else { "" };
            let listed: Vec<&str> = known.into_iter().take(LISTED).collect();
            format!("it has {}{more}", listed.join(", "))
        }
    };
    Some(Problem { value: Some(format!("{name:?}")), ..problem(path, format!("is no {path} of the filter"), hint) })
}

/// Where an override is to change something, in words.
fn on(switched: &Override) -> String {
    match (&switched.service, &switched.route) {
        (Some(service), Some(route)) => format!("the route {route:?} of {service:?}"),
        (None, Some(route)) => format!("the route {route:?}"),
        (Some(service), None) => format!("every route of {service:?}"),
        (None, None) => "every route".to_owned(),
    }
}

/// What a route has not that has no use for a change, and where it would be given it.
const fn lacking(change: &Change) -> (&'static str, &'static str) {
    match change {
        Change::Static => ("has no static answer", "give it fail_open.static, or override something else"),
        Change::Breaker { .. } => {
            ("has no breaker for it", "give it upstream.circuit_breaker, or drain the region instead")
        }
        Change::RateLimit { .. } => ("has no limits", "give it admission.rate_limit, or isolate a region instead"),
        Change::Isolate { .. } => {
            ("does not look at where requests come from", "give it admission.isolate, or scale its limits instead")
        }
        Change::Drain { .. } => {
            ("leaves its regions to Envoy", "give it upstream.timeout, or isolate a region instead")
        }
        Change::Shadow => ("is not there", "name another route"),
    }
}

#[cfg(test)]
mod tests {
    use helius_policy::time::Timestamp;

    use super::*;

    /// `router/assist` has everything but limits and two regions, `router/plain` one region without a breaker, `gate/in`
    /// only limits.
    fn topology() -> Topology {
        let mut topology = Topology::default();
        for (name, labels, value) in [
            ("reco_engine_mode_static_active", "service=router route=assist", 0),
            ("helius_responses_total", "service=router route=assist served_by=static", 0),
            ("helius_admission_total", "service=router route=assist decision=isolated", 0),
            ("helius_attempts_total", "service=router route=assist region=east", 0),
            ("telemetry_circuit_breaker_state", "service=router route=assist region=east", 0),
            ("helius_attempts_total", "service=router route=assist region=west", 0),
            ("telemetry_circuit_breaker_state", "service=router route=assist region=west", 1),
            ("reco_engine_mode_static_active", "service=router route=plain", 0),
            ("helius_attempts_total", "service=router route=plain region=east", 0),
            ("helius_responses_total", "service=router route=plain served_by=primary", 0),
            ("helius_admission_total", "service=gate route=in decision=limited", 0),
            ("helius_filter_config_rejected", "service=other", 0),
        ] {
            note(&mut topology, name, labels, value);
        }
        topology
    }

    fn note(topology: &mut Topology, name: &str, labels: &str, value: u64) {
        let label = |label: &str| labels.split(' ').find_map(|it| it.strip_prefix(label)?.strip_prefix('='));
        topology.note(name, label, value);
    }

    fn switched(text: &str) -> Override {
        let text = format!("overrides: [{{{text}, until: 2023-11-14T22:15:00Z, reason: r, author: a}}]");
        Override::parse(text.as_bytes(), Timestamp::from_millis(1_700_000_000_000)).unwrap().remove(0)
    }

    fn told(text: &str) -> Option<String> {
        topology().check(&switched(text)).map(|problem| problem.to_string())
    }

    #[test]
    fn what_the_filter_knows_and_has_a_use_for_is_right() {
        for text in [
            "override: static",
            "override: static, service: router, route: assist",
            "override: breaker, state: open, region: west",
            "override: drain, region: east, route: plain",
            "override: rate_limit, scale: 0.5",
            "override: isolate, region: anywhere, route: assist",
            "override: shadow, route: in",
        ] {
            assert_eq!(told(text), None, "{text}");
        }
        assert_eq!(
            topology().changed_by(&switched("override: drain, region: east")),
            ["router/assist", "router/plain"]
        );
    }

    #[test]
    fn a_name_that_it_does_not_know_is_told_with_the_nearest() {
        let cases = [
            (
                "override: static, service: ruter",
                "service: \"ruter\" is no service of the filter; did you mean \"router\"?",
            ),
            ("override: static, route: asist", "route: \"asist\" is no route of the filter; did you mean \"assist\"?"),
            (
                "override: static, service: gate, route: assist",
                "route: \"assist\" is no route of the filter; it has in",
            ),
            ("override: drain, region: north", "region: \"north\" is no region of the filter; it has east, west"),
            (
                "override: drain, region: east, service: gate",
                "region: \"east\" is no region of the filter; it has no region here; leave it out",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(told(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_no_route_has_a_use_for_is_told() {
        let cases = [
            (
                "override: static, route: plain",
                "override: \"static\" changes nothing: the route \"plain\" has no static answer; give it \
                 fail_open.static, or override something else",
            ),
            (
                "override: breaker, state: open, region: east, route: plain",
                "override: \"breaker\" changes nothing: the route \"plain\" has no breaker for it; give it \
                 upstream.circuit_breaker, or drain the region instead",
            ),
            (
                "override: rate_limit, scale: 0.5, service: router",
                "override: \"rate_limit\" changes nothing: every route of \"router\" has no limits; give it \
                 admission.rate_limit, or isolate a region instead",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(told(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn nothing_is_forced_in_shadow_mode() {
        let mut topology = topology();
        let watched = "service=watched route=all";
        note(&mut topology, "reco_engine_mode_static_active", watched, 0);
        note(&mut topology, "helius_responses_total", &format!("{watched} served_by=primary"), 0);
        note(&mut topology, "helius_responses_total", &format!("{watched} served_by=would_static"), 0);
        note(&mut topology, "helius_attempts_total", &format!("{watched} region=east"), 0);
        for text in ["override: static", "override: shadow", "override: drain, region: east"] {
            let problem = topology.check(&switched(&format!("{text}, service: watched"))).unwrap();
            let told = problem.to_string();
            let expected = "every route of \"watched\" is in shadow mode; write mode: enforce into its document first";
            assert!(told.ends_with(expected), "{told}");
        }
        // An override that brought a route into shadow has left its trace, and is over.
        note(&mut topology, "helius_responses_total", "service=router route=assist served_by=would_static", 1);
        assert_eq!(topology.check(&switched("override: static, route: assist")), None);
    }

    fn loses(topology: &Topology, text: &str, others: &[&str]) -> bool {
        let others: Vec<Override> = others.iter().map(|it| switched(it)).collect();
        topology.loses_last(&switched(text), &others.iter().collect::<Vec<_>>()).is_some()
    }

    #[test]
    fn the_last_healthy_region_is_not_taken_away() {
        let whole = topology();
        let mut degraded = topology();
        note(&mut degraded, "telemetry_circuit_breaker_state", "service=router route=assist region=west", OPEN);
        let east = "override: drain, region: east, route: assist";
        let west = "override: drain, region: west, route: assist";
        assert!(!loses(&whole, east, &[]));
        assert!(loses(&degraded, east, &[]), "the breaker of the other is open");
        assert!(!loses(&degraded, west, &[]), "it is open anyway");
        for other in [
            "override: drain, region: west",
            "override: isolate, region: west",
            "override: breaker, state: open, region: west",
            "override: drain, region: west, service: router",
        ] {
            assert!(loses(&whole, east, &[other]), "{other}");
        }
        for other in [
            "override: drain, region: west, route: plain",
            "override: breaker, state: closed, region: west",
            "override: static, route: assist",
        ] {
            assert!(!loses(&whole, east, &[other]), "{other}");
        }
        assert!(loses(&whole, "override: breaker, state: open, route: assist", &[]), "that is every region");
        assert!(loses(&whole, "override: drain, region: east", &[]), "plain has no other");
        assert!(!loses(&whole, "override: breaker, state: off", &[]));
    }
}
