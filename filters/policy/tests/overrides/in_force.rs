//! What each override makes of a route, and when it is over.

use helius_policy::circuit_breaker;
use helius_policy::config::{Mode, Route};
use helius_policy::overrides::{InForce, Kind};

use crate::setup::{NOON, config, overrides, past_noon};

/// The routes in force at noon with these overrides, and what is shown as active.
fn in_force(entries: &[&str]) -> (InForce, Vec<(usize, Kind)>) {
    let in_force = InForce::of(&config(), &overrides(entries), NOON);
    let active = in_force.active().iter().map(|it| (it.route, it.kind)).collect();
    (in_force, active)
}

fn route(in_force: &InForce, index: usize) -> &Route {
    &in_force.route(index).unwrap().route
}

fn breaker_modes(route: &Route) -> Vec<circuit_breaker::Mode> {
    route.upstream().regions().map(|region| region.breaker().unwrap().settings().mode).collect()
}

#[test]
fn without_any_the_document_is_in_force() {
    let (in_force, active) = in_force(&[]);
    assert_eq!(active, []);
    assert!(!in_force.is_outdated(past_noon(u64::from(u32::MAX))));
    assert_eq!(in_force.route(0).unwrap().mode, Mode::Enforce);
    assert!(in_force.route(2).is_none());
}

#[test]
fn one_without_a_route_is_for_every_route_that_has_a_use_for_it() {
    let everything = [
        ("override: static", Kind::Static),
        ("override: breaker, state: closed", Kind::BreakerClosed),
        ("override: rate_limit, scale: 0.5", Kind::RateLimit),
        ("override: isolate, region: x", Kind::Isolate),
    ];
    for (entry, kind) in everything {
        assert_eq!(in_force(&[entry]).1, [(0, kind)], "{entry}");
    }
    for (entry, kind) in [("override: drain, region: us-east-1", Kind::Drain), ("override: shadow", Kind::Shadow)] {
        assert_eq!(in_force(&[entry]).1, [(0, kind), (1, kind)], "{entry}");
    }
}

#[test]
fn one_for_somebody_else_changes_nothing() {
    for entry in [
        "override: shadow, service: recommender",
        "override: shadow, route: predict",
        "override: static, route: plain",
        "override: drain, region: eu-west-1",
        "override: breaker, region: eu-west-1, state: open",
        "override: breaker, route: plain, state: open",
    ] {
        assert_eq!(in_force(&[entry]).1, [], "{entry}");
    }
}

#[test]
fn in_shadow_nothing_is_forced() {
    let (in_force, active) = in_force(&["override: static, route: assist", "override: shadow, route: assist"]);
    assert_eq!(active, [(0, Kind::Shadow)]);
    assert_eq!(in_force.route(0).unwrap().mode, Mode::Shadow);
    assert!(!route(&in_force, 0).is_forced_static());
    assert!(breaker_modes(route(&in_force, 0)).iter().all(|mode| *mode == circuit_breaker::Mode::Shadow));
    assert_eq!(in_force.route(1).unwrap().mode, Mode::Enforce);
}

#[test]
fn a_breaker_is_forced_in_one_region_or_in_all_and_the_later_word_counts() {
    use circuit_breaker::Mode::{Enforce, ForcedClosed, ForcedOpen, Off};
    for (entries, expected) in [
        (vec!["override: breaker, region: us-west-2, state: open"], [Enforce, ForcedOpen]),
        (vec!["override: breaker, state: off"], [Off, Off]),
        (
            vec!["override: breaker, state: off", "override: breaker, region: us-east-1, state: closed"],
            [ForcedClosed, Off],
        ),
    ] {
        assert_eq!(breaker_modes(route(&in_force(&entries).0, 0)), expected, "{entries:?}");
    }
}

#[test]
fn of_two_scales_the_smaller_counts() {
    let rates = |entries: &[&str]| route(&in_force(entries).0, 0).admission().cloned();
    let quarter = rates(&["override: rate_limit, scale: 0.25"]);
    let both = ["override: rate_limit, scale: 0.5", "override: rate_limit, scale: 0.25"];
    let twice = ["override: rate_limit, scale: 0.25", "override: rate_limit, scale: 0.25"];
    for entries in [both, twice] {
        assert_eq!(format!("{:?}", rates(&entries)), format!("{quarter:?}"));
    }
}

#[test]
fn each_ends_at_its_own_moment() {
    let overrides = overrides(&["override: static", "override: isolate, region: x"]);
    let at = |minutes| InForce::of(&config(), &overrides, past_noon(minutes));
    let kinds = |in_force: &InForce| in_force.active().iter().map(|it| it.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&at(0)), [Kind::Static, Kind::Isolate]);
    assert!(!at(0).is_outdated(NOON));
    assert!(at(0).is_outdated(past_noon(1)));
    assert_eq!(kinds(&at(1)), [Kind::Isolate]);
    assert!(!at(1).is_outdated(past_noon(1)));
    assert_eq!(kinds(&at(2)), []);
}
