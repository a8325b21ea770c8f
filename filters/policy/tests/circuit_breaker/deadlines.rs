//! Just before, at and just after every moment that something is due.

use std::time::Duration;

use helius_policy::circuit_breaker::{Admitted, Backoff, Outcome, Reason, Settings, State};

use crate::setup::{Driven, GOOD, LIMITED, START, enforced, half_open, limited_for, open, permit_of, ramping};

#[test]
fn the_open_time() {
    for (at, left) in [(0, Some(5_000)), (4_999, Some(1)), (5_000, None), (5_001, None)] {
        assert_eq!(open(enforced()).at(at).rejected_for(), left, "at {at}");
    }
}

#[test]
fn the_open_time_doubles_to_its_cap() {
    let mut breaker = open(enforced());
    let mut times = Vec::new();
    for _ in 0..7 {
        let left = breaker.rejected_for().unwrap();
        times.push(left);
        assert!(breaker.wait(left - 1).is_rejected());
        assert_eq!(breaker.wait(1).call(Outcome::Failure), Some(Reason::ProbeFailed));
    }
    assert_eq!(times, [5_000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000]);
}

#[test]
fn a_retry_after_is_obeyed_up_to_its_cap_and_leaves_the_back_off_alone() {
    for (seconds, open_time) in [(1, 1_000), (299, 299_000), (300, 300_000), (301, 300_000), (86_400, 300_000)] {
        for random in [0.0, 0.999] {
            let mut breaker = Driven::new(enforced());
            breaker.random = random;
            assert_eq!(breaker.call(limited_for(seconds)), Some(Reason::RetryAfter));
            assert_eq!(breaker.rejected_for(), Some(open_time), "no jitter");
            breaker.random = 0.5;
            assert!(breaker.wait(open_time - 1).is_rejected());
            assert_eq!(breaker.wait(1).call(Outcome::Failure), Some(Reason::ProbeFailed));
            assert_eq!(breaker.rejected_for(), Some(5_000), "as the first time");
        }
    }
    let settings = Settings { retry_after_max: Duration::ZERO, ..enforced() };
    assert_eq!(Driven::new(settings).call(limited_for(9)), None, "zero is not to listen");
}

#[test]
fn the_slot_of_a_probe() {
    for (at, is_free) in [(7_099, false), (7_100, true), (7_101, true)] {
        let (mut breaker, _) = half_open(enforced());
        breaker.permit();
        breaker.permit();
        assert_eq!(breaker.at(at).is_rejected(), !is_free, "at {at}");
    }
}

#[test]
fn the_limit_of_half_open() {
    for (at, state) in [(34_999, State::HalfOpen), (35_000, State::Open), (35_001, State::Open)] {
        let (mut breaker, _) = half_open(enforced());
        breaker.at(at).admit();
        assert_eq!(breaker.state(), state, "at {at}");
        if state == State::Open {
            assert_eq!(breaker.reason(), Some(Reason::ProbesTimedOut));
            assert_eq!(breaker.rejected_for(), Some(10_000), "the back-off grows");
        }
        // An outcome finds it out as well, and is a straggler then.
        let (mut breaker, probe) = half_open(enforced());
        assert_eq!(breaker.at(at).record(probe, GOOD), (state == State::Open).then_some(Reason::ProbesTimedOut));
    }
}

#[test]
fn the_limit_is_not_lifted_by_what_is_no_success() {
    for outcome in [LIMITED, Outcome::Ignored, Outcome::Abandoned] {
        let (mut breaker, probe) = half_open(enforced());
        breaker.at(6_000).record(probe, outcome);
        breaker.at(34_000).call(outcome);
        breaker.at(35_000).admit();
        assert_eq!(breaker.reason(), Some(Reason::ProbesTimedOut), "{outcome:?}");
    }
}

#[test]
fn a_success_is_progress_and_begins_the_limit_anew_with_the_next_probe() {
    let (mut breaker, probe) = half_open(enforced());
    breaker.at(34_999).record(probe, GOOD);
    breaker.at(100_000).permit();
    breaker.at(129_999).admit();
    assert_eq!(breaker.state(), State::HalfOpen);
    breaker.at(130_000).admit();
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_route_with_a_request_a_minute_can_close() {
    let mut breaker = open(enforced());
    for minute in 1..=3 {
        let permit = breaker.at(minute * 60_000).permit();
        breaker.wait(1_000).record(permit, GOOD);
    }
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_probe_that_may_take_longer_than_the_limit_gets_its_time() {
    let mut breaker = open(enforced());
    breaker.timeout = Duration::from_secs(45);
    let probes = [breaker.at(5_000).permit(), breaker.permit(), breaker.permit()];
    assert!(breaker.at(49_999).is_rejected());
    let reasons = probes.map(|probe| breaker.record(probe, GOOD));
    assert_eq!(reasons, [None, None, Some(Reason::ProbesSucceeded)]);

    let mut breaker = open(enforced());
    breaker.timeout = Duration::from_secs(45);
    breaker.at(5_000).permit();
    breaker.at(50_000).admit();
    assert_eq!(breaker.reason(), Some(Reason::ProbesTimedOut));
}

#[test]
fn the_last_resort() {
    let mut breaker = open(enforced());
    assert!(permit_of(breaker.at(100).admit_last_resort()).is_some());
    for (at, is_allowed) in [(100, false), (1_099, false), (1_100, true), (1_101, false), (2_099, false), (2_100, true)]
    {
        assert!(breaker.at(at).is_rejected());
        assert_eq!(permit_of(breaker.admit_last_resort()).is_some(), is_allowed, "at {at}");
    }
}

#[test]
fn a_last_resort_after_the_open_time_is_a_probe() {
    for (at, is_probe) in [(4_999, false), (5_000, true)] {
        let admitted = open(enforced()).at(at).admit_last_resort();
        assert_eq!(matches!(admitted, Admitted::Probe(_)), is_probe, "at {at}");
    }
}

#[test]
fn the_steps_of_the_ramp() {
    // It began at 5 s.
    for (at, share, left) in [
        (5_000, 0.1, 5_000),
        (9_999, 0.1, 1),
        (10_000, 0.2, 5_000),
        (14_999, 0.2, 1),
        (15_000, 0.4, 5_000),
        (19_999, 0.4, 1),
        (20_000, 0.8, 5_000),
        (24_999, 0.8, 1),
    ] {
        let mut breaker = ramping(enforced());
        breaker.at(at).random = share - 1e-6;
        assert_eq!(breaker.rejected_for(), None, "at {at}");
        breaker.random = share + 1e-6;
        assert_eq!(breaker.rejected_for(), Some(left), "at {at}");
    }
    let mut breaker = ramping(enforced());
    breaker.random = 0.999_999_999;
    assert!(!breaker.at(25_000).is_rejected());
}

#[test]
fn the_back_off_falls_back_after_the_ramp_and_a_success() {
    // All of the traffic since 25 s, for a whole step at 30 s.
    for (at, next) in [(29_999, 10_000), (30_000, 5_000), (30_001, 5_000)] {
        let mut breaker = ramping(enforced());
        breaker.at(at).call(GOOD);
        breaker.random = 0.5;
        breaker.calls(7, Outcome::Failure);
        assert_eq!(breaker.rejected_for(), Some(next), "at {at}");
    }
    // Time alone is no evidence.
    let mut breaker = ramping(enforced());
    breaker.random = 0.5;
    breaker.at(3_600_000).calls(7, Outcome::Failure);
    assert_eq!(breaker.rejected_for(), Some(10_000));
}

#[test]
fn a_clock_that_steps_back_makes_an_open_breaker_no_longer_open_than_once_more_its_time() {
    let hours = 7_200_000;
    let mut breaker = open(enforced());
    breaker.at(4_000);
    breaker.now -= hours;
    assert_eq!(breaker.rejected_for(), Some(5_000), "and this is written down");
    assert_eq!(breaker.wait(4_999).rejected_for(), Some(1));
    assert_eq!(breaker.wait(1).rejected_for(), None);

    // A little step leaves the end where it is, because that is no longer than an opening.
    let mut breaker = open(enforced());
    breaker.at(4_000).is_rejected();
    assert_eq!(breaker.at(1_000).rejected_for(), Some(4_000));

    // An opening by Retry-After has its own time.
    let mut breaker = Driven::new(enforced());
    breaker.call(limited_for(200));
    breaker.now -= hours;
    assert_eq!(breaker.rejected_for(), Some(200_000));
}

#[test]
fn shorter_times_that_are_pushed_hold_for_a_breaker_that_is_open_already() {
    let mut breaker = Driven::new(enforced());
    breaker.call(limited_for(200));
    let open = Backoff { max: Duration::from_secs(10), jitter: 0.0, ..Backoff::default() };
    breaker.settings = Settings { open, retry_after_max: Duration::from_secs(20), ..breaker.settings };
    assert_eq!(breaker.rejected_for(), Some(20_000));
}

#[test]
fn a_clock_that_steps_back_frees_slots_and_gives_up_as_it_would_have() {
    let (mut breaker, _) = half_open(enforced());
    breaker.permit();
    breaker.permit();
    breaker.now = START / 2;
    assert_eq!(breaker.rejected_for(), Some(2_100));
    assert_eq!(breaker.wait(2_100).rejected_for(), None);
    breaker.wait(27_899).admit();
    assert_eq!(breaker.state(), State::HalfOpen);
    breaker.wait(1).admit();
    assert_eq!(breaker.reason(), Some(Reason::ProbesTimedOut));
}

#[test]
fn a_clock_that_steps_back_begins_the_ramp_anew() {
    let mut breaker = ramping(enforced());
    breaker.now = START / 2;
    breaker.random = 0.101;
    assert_eq!(breaker.rejected_for(), Some(5_000));
    assert_eq!(breaker.wait(5_000).rejected_for(), None);
}

#[test]
fn a_clock_that_steps_back_does_not_stop_the_last_resort() {
    let mut breaker = Driven::new(enforced());
    breaker.call(limited_for(300));
    assert!(permit_of(breaker.admit_last_resort()).is_some());
    breaker.now = START / 2;
    assert!(permit_of(breaker.admit_last_resort()).is_none());
    assert!(permit_of(breaker.wait(1_000).admit_last_resort()).is_some());
}
