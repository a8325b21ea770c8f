//! A row for each state and event: the state after it, and why.

use std::time::Duration;

use helius_policy::circuit_breaker::{Admitted, Outcome, Permit, Reason, Settings, SlowCall, State};

use crate::setup::{self, Driven, GOOD, LIMITED, enforced, limited_for, open, permit_of, ramping};

#[test]
fn closed() {
    let rows = [
        (GOOD, None),
        (Outcome::Failure, None),
        (Outcome::InvalidOutput, None),
        (LIMITED, None),
        (limited_for(9), Some(Reason::RetryAfter)),
        (limited_for(0), None),
        (Outcome::Ignored, None),
        (Outcome::Abandoned, None),
    ];
    for (outcome, reason) in rows {
        let mut breaker = Driven::new(enforced());
        assert_eq!(breaker.call(outcome), reason, "{outcome:?}");
        assert_eq!(breaker.state(), if reason.is_some() { State::Open } else { State::Closed }, "{outcome:?}");
    }
}

#[test]
fn closed_but_one_call_from_tripping() {
    let rows = [
        (GOOD, None),
        (Outcome::Failure, Some(Reason::ConsecutiveFailures)),
        (Outcome::InvalidOutput, Some(Reason::ConsecutiveFailures)),
        (LIMITED, None),
        (limited_for(9), Some(Reason::RetryAfter)),
        (Outcome::Ignored, None),
        (Outcome::Abandoned, None),
    ];
    for (outcome, reason) in rows {
        let mut breaker = Driven::new(enforced());
        assert_eq!(breaker.calls(6, Outcome::Failure), None);
        assert_eq!(breaker.call(outcome), reason, "{outcome:?}");
    }
}

#[test]
fn what_counts_neither_way_does_not_break_a_row_of_failures() {
    for outcome in [LIMITED, Outcome::Ignored, Outcome::Abandoned] {
        let mut breaker = Driven::new(enforced());
        breaker.calls(6, Outcome::Failure);
        breaker.calls(50, outcome);
        assert_eq!(breaker.call(Outcome::Failure), Some(Reason::ConsecutiveFailures), "{outcome:?}");
    }
    let mut breaker = Driven::new(enforced());
    breaker.calls(6, Outcome::Failure);
    breaker.call(GOOD);
    assert_eq!(breaker.calls(6, Outcome::Failure), None, "a success does");
}

#[test]
fn what_counts_neither_way_makes_no_volume() {
    let mut breaker = Driven::new(enforced());
    for outcome in [LIMITED, Outcome::Ignored, Outcome::Abandoned] {
        breaker.calls(40, outcome);
    }
    breaker.call(GOOD);
    assert_eq!(breaker.calls(6, Outcome::Failure), None, "six of seven are no volume");
}

#[test]
fn open_takes_no_outcome_of_an_earlier_state() {
    for outcome in [
        GOOD,
        Outcome::Failure,
        Outcome::InvalidOutput,
        LIMITED,
        limited_for(200),
        Outcome::Ignored,
        Outcome::Abandoned,
    ] {
        let mut breaker = Driven::new(enforced());
        let stragglers: Vec<_> = (0..50).map(|_| breaker.permit()).collect();
        breaker.calls(7, Outcome::Failure);
        let bytes = breaker.bytes;
        for straggler in &stragglers {
            assert_eq!(breaker.record(*straggler, outcome), None, "{outcome:?}");
        }
        assert_eq!(breaker.bytes, bytes, "{outcome:?}");

        // Nor while it is half-open, nor when it has closed again.
        let Admitted::Probe(probe) = breaker.at(5_000).admit() else { panic!() };
        let bytes = breaker.bytes;
        for straggler in &stragglers {
            assert_eq!(breaker.record(*straggler, outcome), None, "{outcome:?}");
        }
        assert_eq!(breaker.bytes, bytes, "{outcome:?}");
        breaker.record(probe, GOOD);
        breaker.calls(2, GOOD);
        for straggler in &stragglers {
            assert_eq!(breaker.record(*straggler, outcome), None, "{outcome:?}");
        }
        assert_eq!(breaker.state(), State::Closed, "{outcome:?}");
    }
}

#[test]
fn half_open() {
    let rows = [
        (GOOD, None),
        (Outcome::Failure, Some(Reason::ProbeFailed)),
        (Outcome::InvalidOutput, Some(Reason::ProbeFailed)),
        (LIMITED, None),
        (limited_for(9), Some(Reason::RetryAfter)),
        (Outcome::Ignored, None),
        (Outcome::Abandoned, None),
    ];
    for (outcome, reason) in rows {
        let (mut breaker, probe) = half_open_with(outcome);
        assert_eq!(breaker.reason(), Some(reason.unwrap_or(Reason::BackoffElapsed)), "{outcome:?}");
        if reason.is_none() {
            let slots = (0..9).filter(|_| permit_of(breaker.admit()).is_some()).count();
            assert_eq!(slots, 3, "the slot is free again after {outcome:?}");
            assert_eq!(breaker.record(probe, Outcome::Abandoned), None);
            assert!(breaker.is_rejected(), "a slot is not freed twice");
        }
    }
}

fn half_open_with(outcome: Outcome) -> (Driven, Permit) {
    let (mut breaker, probe) = setup::half_open(enforced());
    breaker.record(probe, outcome);
    (breaker, probe)
}

#[test]
fn neither_a_429_nor_a_4xx_nor_a_lost_client_closes() {
    for outcome in [LIMITED, Outcome::Ignored, Outcome::Abandoned] {
        let (mut breaker, probe) = setup::half_open(enforced());
        breaker.record(probe, outcome);
        assert_eq!(breaker.calls(50, outcome), None);
        assert_eq!(breaker.state(), State::HalfOpen, "{outcome:?}");
    }
}

#[test]
fn a_probe_that_is_late_still_counts() {
    let (mut breaker, probe) = setup::half_open(enforced());
    assert_eq!(breaker.at(7_003).record(probe, Outcome::Failure), Some(Reason::ProbeFailed), "as timeouts are");
}

#[test]
fn probes_as_slow_as_what_opened_it_open_it_again() {
    let settings = Settings { slow_call: Some(SlowCall::over(Duration::from_millis(100))), ..enforced() };
    let slow = Outcome::Success { took: Duration::from_millis(101) };
    for (outcomes, reason) in [([slow, slow, slow], Reason::SlowCalls), ([slow, slow, GOOD], Reason::ProbesSucceeded)] {
        let (mut breaker, probe) = setup::half_open(settings);
        let [first, second, third] = outcomes;
        assert_eq!(breaker.record(probe, first), None);
        assert_eq!(breaker.call(second), None);
        assert_eq!(breaker.call(third), Some(reason));
    }
}

#[test]
fn a_probe_of_the_time_before_keeps_its_slot() {
    let mut breaker = open(enforced());
    breaker.timeout = Duration::from_secs(60);
    breaker.at(5_000);
    let probes: Vec<_> = (0..3).map(|_| breaker.permit()).collect();
    breaker.record(probes[0], Outcome::Failure);
    // Half-open again, and the two others are still under way.
    breaker.at(15_000).permit();
    assert!(breaker.is_rejected());
    assert_eq!(breaker.record(probes[1], Outcome::Failure), None, "it is no evidence any more");
    assert!(!breaker.is_rejected(), "but its slot is free");
    assert!(breaker.is_rejected());
    assert_eq!(breaker.state(), State::HalfOpen);
}

#[test]
fn a_last_resort_that_succeeds_asks_the_probes_at_once() {
    let rows = [
        (GOOD, Some(Reason::LastResortSucceeded)),
        (Outcome::Failure, None),
        (Outcome::InvalidOutput, None),
        (LIMITED, None),
        (limited_for(200), None),
        (Outcome::Ignored, None),
        (Outcome::Abandoned, None),
    ];
    for (outcome, reason) in rows {
        let mut breaker = open(enforced());
        let permit = permit_of(breaker.at(1_000).admit_last_resort()).unwrap();
        assert_eq!(breaker.record(permit, outcome), reason, "{outcome:?}");
        if reason.is_none() {
            assert_eq!(breaker.rejected_for(), Some(4_000), "as long as before, after {outcome:?}");
        }
    }
}

#[test]
fn a_last_resort_asks_a_half_open_breaker_for_one_of_its_slots() {
    let (mut breaker, _) = setup::half_open(enforced());
    assert!(matches!(breaker.admit_last_resort(), Admitted::Probe(_)));
    assert!(matches!(breaker.admit_last_resort(), Admitted::Probe(_)));
    assert!(matches!(breaker.wait(1_000).admit_last_resort(), Admitted::Reject { .. }));
}

#[test]
fn a_last_resort_in_the_ramp_is_one_a_second() {
    let mut breaker = ramping(enforced());
    breaker.random = 0.9;
    assert!(breaker.is_rejected());
    assert!(matches!(breaker.admit_last_resort(), Admitted::Allow { .. }));
    assert!(matches!(breaker.admit_last_resort(), Admitted::Reject { .. }));
    assert!(matches!(breaker.wait(1_000).admit_last_resort(), Admitted::Allow { .. }));
}

#[test]
fn a_failure_in_the_ramp_trips_by_the_ordinary_rules_and_a_new_window() {
    let mut breaker = ramping(enforced());
    assert_eq!(breaker.calls(6, Outcome::Failure), None, "the failures before it opened are forgotten");
    assert_eq!(breaker.call(Outcome::Failure), Some(Reason::ConsecutiveFailures));
    assert_eq!(breaker.rejected_for(), Some(8_000), "10 s less the jitter: there was no evidence that it is well");
}
