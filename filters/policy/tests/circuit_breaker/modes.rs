//! The modes, and what happens when one follows another.

use helius_policy::circuit_breaker::{Admitted, Mode, Outcome, Reason, Settings, State};

use crate::setup::{Driven, GOOD, enforced, half_open, limited_for, open, permit_of, ramping};

fn would_reject(admitted: Admitted) -> bool {
    match admitted {
        Admitted::Allow { would_reject, .. } => would_reject,
        Admitted::Probe(_) => false,
        Admitted::Reject { .. } => panic!("nobody is rejected"),
    }
}

fn shadow() -> Settings {
    Settings { mode: Mode::Shadow, ..enforced() }
}

#[test]
fn shadow_is_the_default() {
    assert_eq!(Settings::default().mode, Mode::Shadow);
}

#[test]
fn shadow_makes_the_same_transitions_and_rejects_nobody() {
    let mut breaker = open(shadow());
    let spared = breaker.admit();
    assert!(would_reject(spared));
    let bytes = breaker.bytes;
    assert_eq!(breaker.record(permit_of(spared).unwrap(), GOOD), None);
    assert_eq!(breaker.bytes, bytes, "an enforcing breaker would not know of this call");

    breaker.at(5_000);
    let probes = [breaker.admit(), breaker.admit(), breaker.admit()];
    assert!(would_reject(breaker.admit()));
    for probe in probes {
        assert!(matches!(probe, Admitted::Probe(_)));
        breaker.record(permit_of(probe).unwrap(), GOOD);
    }
    assert_eq!(breaker.reason(), Some(Reason::ProbesSucceeded));

    breaker.random = 0.2;
    let spared = breaker.admit();
    assert!(would_reject(spared), "the ramp");
    breaker.record(permit_of(spared).unwrap(), limited_for(9));
    assert_eq!(breaker.state(), State::Closed);
    breaker.random = 0.05;
    assert!(!would_reject(breaker.admit()));
}

#[test]
fn shadow_becomes_enforce_where_it_stands() {
    let mut breaker = open(shadow());
    breaker.settings.mode = Mode::Enforce;
    assert_eq!(breaker.rejected_for(), Some(5_000));
}

#[test]
fn off_touches_nothing() {
    for mut breaker in [Driven::new(enforced()), open(enforced()), half_open(enforced()).0, ramping(enforced())] {
        breaker.settings.mode = Mode::Off;
        breaker.random = 0.999;
        let (bytes, transitions) = (breaker.bytes, breaker.transitions.clone());
        for outcome in [GOOD, Outcome::Failure, Outcome::InvalidOutput, limited_for(9)] {
            assert_eq!(breaker.wait(10_000).calls(100, outcome), None);
            assert!(permit_of(breaker.admit_last_resort()).is_some());
        }
        assert_eq!((breaker.bytes, breaker.transitions), (bytes, transitions));
    }
}

#[test]
fn what_was_admitted_while_off_is_not_recorded_later() {
    let mut breaker = Driven::new(Settings { mode: Mode::Off, ..enforced() });
    let permits: Vec<_> = (0..50).map(|_| breaker.permit()).collect();
    breaker.settings.mode = Mode::Enforce;
    for permit in permits {
        assert_eq!(breaker.record(permit, Outcome::Failure), None);
    }
}

#[test]
fn forced_open_rejects_everything_until_it_ends() {
    for (mut breaker, was_open) in [
        (Driven::new(enforced()), false),
        (open(enforced()), true),
        (half_open(enforced()).0, false),
        (ramping(enforced()), false),
    ] {
        breaker.settings.mode = Mode::ForcedOpen;
        for _ in 0..3 {
            assert!(breaker.wait(3_600_000).rejected_for() >= Some(5_000));
            assert_eq!(permit_of(breaker.admit_last_resort()), None);
        }
        assert_eq!(breaker.reason() == Some(Reason::Forced), !was_open);
        assert_eq!(breaker.state(), State::Open);

        // Then it asks probes, and does not simply let everything through.
        breaker.settings.mode = Mode::Enforce;
        assert!(matches!(breaker.admit(), Admitted::Probe(_)));
    }
}

#[test]
fn forced_open_does_not_shorten_an_open_time() {
    let mut breaker = Driven::new(enforced());
    breaker.call(limited_for(200));
    breaker.settings.mode = Mode::ForcedOpen;
    breaker.wait(50_000).admit();
    breaker.settings.mode = Mode::Enforce;
    assert_eq!(breaker.rejected_for(), Some(150_000));
}

#[test]
fn forced_open_is_seen_by_an_outcome_first() {
    let mut breaker = Driven::new(enforced());
    let permit = breaker.permit();
    breaker.settings.mode = Mode::ForcedOpen;
    assert_eq!(breaker.record(permit, GOOD), Some(Reason::Forced));
}

#[test]
fn forced_closed_lets_everything_through_and_counts() {
    for mut breaker in [Driven::new(enforced()), open(enforced()), half_open(enforced()).0, ramping(enforced())] {
        let was_closed = breaker.state() == State::Closed;
        breaker.settings.mode = Mode::ForcedClosed;
        breaker.random = 0.999;
        assert_eq!(breaker.calls(1, limited_for(9)).map(|(_, reason)| reason), None);
        assert_eq!(breaker.reason() == Some(Reason::Forced), !was_closed);
        assert_eq!(breaker.calls(100, Outcome::Failure), None);
        assert_eq!(breaker.state(), State::Closed);

        // When it ends, a region that is broken is soon found out.
        breaker.settings.mode = Mode::Enforce;
        breaker.random = 0.0;
        assert_eq!(breaker.call(Outcome::Failure), Some(Reason::ConsecutiveFailures));
    }
}
