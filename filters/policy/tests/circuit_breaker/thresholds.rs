//! Just below, at and just above every number of calls and every share.

use std::time::Duration;

use helius_policy::circuit_breaker::{Eject, HalfOpen, Mode, Outcome, Reason, Settings, SlowCall, State};

use crate::setup::{Driven, GOOD, LIMITED, enforced, half_open, open, permit_of};

/// Nothing but the failure rate trips.
fn by_rate() -> Settings {
    Settings { consecutive_failures: 0, eject: None, ..enforced() }
}

/// The good calls, then the others: at which of the others it trips.
fn trips_at(settings: Settings, good: u32, others: u32, other: Outcome) -> Option<(u32, Reason)> {
    let mut breaker = Driven::new(settings);
    assert_eq!(breaker.calls(good, GOOD), None);
    breaker.calls(others, other)
}

#[test]
fn failures_in_a_row() {
    for (limit, at) in [(1, Some(1)), (6, Some(6)), (7, Some(7)), (8, Some(8)), (0, None)] {
        let settings = Settings { consecutive_failures: limit, min_requests: 1_000, ..enforced() };
        let expected = at.map(|at| (at, Reason::ConsecutiveFailures));
        assert_eq!(trips_at(settings, 3, 50, Outcome::Failure), expected, "{limit}");
    }
}

#[test]
fn invalid_output_is_a_failure_like_any_other() {
    let settings = Settings { eject: None, ..enforced() };
    assert_eq!(trips_at(settings, 0, 50, Outcome::InvalidOutput), Some((7, Reason::ConsecutiveFailures)));
    assert_eq!(trips_at(by_rate(), 0, 50, Outcome::InvalidOutput), Some((20, Reason::FailureRate)));
}

#[test]
fn a_failure_rate_needs_volume() {
    // 19 failed calls are no volume; with the twentieth they are.
    assert_eq!(trips_at(by_rate(), 0, 19, Outcome::Failure), None);
    assert_eq!(trips_at(by_rate(), 0, 20, Outcome::Failure), Some((20, Reason::FailureRate)));
    // Also when the twentieth is a good one.
    let mut breaker = Driven::new(by_rate());
    assert_eq!(breaker.calls(19, Outcome::Failure), None);
    assert_eq!(breaker.call(GOOD), Some(Reason::FailureRate));
}

#[test]
fn half_of_the_calls() {
    for (good, at) in [(9, 11), (10, 10), (11, 11), (50, 50)] {
        assert_eq!(trips_at(by_rate(), good, 60, Outcome::Failure), Some((at, Reason::FailureRate)), "{good}");
    }
}

#[test]
fn a_rate_is_reached_exactly_and_not_by_rounding() {
    for (rate, good, at) in [(0.1, 27, 3), (0.1, 28, 4), (0.3, 70, 30), (0.7, 30, 70), (1.0, 0, 20)] {
        let settings = Settings { failure_rate: rate, ..by_rate() };
        assert_eq!(trips_at(settings, good, 100, Outcome::Failure), Some((at, Reason::FailureRate)), "{rate}");
    }
    for rate in [1.01, f64::NAN] {
        let settings = Settings { failure_rate: rate, ..by_rate() };
        assert_eq!(trips_at(settings, 0, 100, Outcome::Failure), None, "{rate}");
    }
    let settings = Settings { failure_rate: 0.0, ..by_rate() };
    assert_eq!(Driven::new(settings).calls(50, GOOD), None, "no failure is never too much");
}

#[test]
fn a_call_is_slow_when_it_took_longer() {
    let settings = Settings { slow_call: Some(SlowCall::over(Duration::from_millis(1_500))), ..by_rate() };
    for (millis, trips) in [(1_499, false), (1_500, false), (1_501, true)] {
        let outcome = Outcome::Success { took: Duration::from_millis(millis) };
        let expected = trips.then_some((20, Reason::SlowCalls));
        assert_eq!(trips_at(settings, 0, 20, outcome), expected, "{millis} ms");
    }
    let hours = Outcome::Success { took: Duration::from_secs(7_200) };
    assert_eq!(trips_at(by_rate(), 0, 100, hours), None, "without the setting nothing is slow");
}

#[test]
fn four_fifths_of_the_calls_slow() {
    let settings = Settings { slow_call: Some(SlowCall::over(Duration::from_millis(100))), ..by_rate() };
    let slow = Outcome::Success { took: Duration::from_secs(1) };
    for (good, at) in [(3, 17), (4, 16), (5, 20)] {
        assert_eq!(trips_at(settings, good, 50, slow), Some((at, Reason::SlowCalls)), "{good} fast ones");
    }
}

#[test]
fn five_invalid_of_twenty() {
    for (good, at) in [(0, 5), (15, 5)] {
        let mut breaker = Driven::new(Settings { min_requests: 1_000, ..enforced() });
        assert_eq!(breaker.call(Outcome::InvalidOutput), None);
        assert_eq!(breaker.calls(good, GOOD), None);
        let rest = breaker.calls(4, Outcome::InvalidOutput);
        assert_eq!(rest, Some((at - 1, Reason::InvalidOutput)), "{good} good ones between");
    }
    let settings = Settings { eject: Some(Eject { rate: 1.0, ..Eject::default() }), ..enforced() };
    let mut breaker = Driven::new(settings);
    assert_eq!(breaker.call(Outcome::InvalidOutput), None);
    assert_eq!(breaker.calls(16, GOOD), None);
    assert_eq!(breaker.calls(4, Outcome::InvalidOutput), None, "the first is the twenty-first from the end");
}

#[test]
fn a_tenth_invalid_of_a_window_with_volume() {
    for (good, at) in [(18, 2), (19, 3), (27, 3), (28, 4)] {
        let expected = Some((at, Reason::InvalidOutput));
        assert_eq!(trips_at(enforced(), good, 4, Outcome::InvalidOutput), expected, "{good} good ones");
    }
}

#[test]
fn probes_to_close() {
    for (successes, at) in [(0, 1), (1, 1), (2, 2), (3, 3), (4, 4)] {
        let settings = Settings { half_open: HalfOpen { successes, ..HalfOpen::default() }, ..enforced() };
        let mut breaker = open(settings);
        breaker.at(5_000);
        assert_eq!(breaker.calls(9, GOOD), Some((at, Reason::ProbesSucceeded)), "{successes}");
    }
}

#[test]
fn probes_at_once() {
    for (permits, most) in [(0, 1), (1, 1), (2, 2), (3, 3), (8, 8), (9, 8), (255, 8)] {
        let settings = Settings { half_open: HalfOpen { permits, ..HalfOpen::default() }, ..enforced() };
        let mut breaker = open(settings);
        breaker.at(5_000);
        let admitted = (0..20).filter(|_| permit_of(breaker.admit()).is_some()).count();
        assert_eq!(admitted, most, "{permits}");
    }
}

#[test]
fn fewer_permits_are_pushed_while_more_probes_are_under_way() {
    let (mut breaker, probe) = half_open(enforced());
    let others = [breaker.permit(), breaker.permit()];
    breaker.settings.half_open.permits = 1;
    breaker.record(probe, Outcome::Abandoned);
    breaker.record(others[0], Outcome::Abandoned);
    assert!(breaker.is_rejected());
    breaker.record(others[1], Outcome::Abandoned);
    assert!(!breaker.is_rejected());
    assert_eq!(breaker.state(), State::HalfOpen);
}

/// Three wait from now on, each a millisecond after the other; a slow call takes 100 ms.
fn waiting(mode: Mode) -> Driven {
    let slow_call = Some(SlowCall::over(Duration::from_millis(100)));
    let mut breaker = Driven::new(Settings { mode, slow_call, consecutive_failures: 3, ..enforced() });
    for _ in 0..3 {
        breaker.permit();
        breaker.wait(1);
    }
    breaker
}

#[test]
fn a_region_that_answers_nobody_trips_before_the_first_timeout() {
    for (after, is_let_in) in [(97, true), (98, false), (1_997, false), (1_998, true)] {
        let mut breaker = waiting(Mode::Enforce);
        let admitted = breaker.wait(after).admit();
        assert_eq!(permit_of(admitted).is_some(), is_let_in, "{after} ms after the last of them");
        let reason = breaker.transitions.first().map(|it| it.reason);
        assert_eq!(reason, (!is_let_in).then_some(Reason::Unanswered));
    }
}

#[test]
fn any_answer_speaks_for_the_region_and_a_client_that_left_does_not() {
    let answers = [GOOD, Outcome::Failure, Outcome::InvalidOutput, LIMITED, Outcome::Ignored, Outcome::Abandoned];
    for answer in answers {
        let mut breaker = waiting(Mode::Enforce);
        let permit = breaker.permit();
        breaker.record(permit, answer);
        breaker.wait(100).admit();
        assert_eq!(breaker.state() == State::Open, answer == Outcome::Abandoned, "{answer:?}");
    }
}

#[test]
fn silence_is_seen_in_shadow_mode_and_not_where_an_operator_closed() {
    for (mode, state) in [(Mode::Shadow, State::Open), (Mode::ForcedClosed, State::Closed), (Mode::Off, State::Closed)]
    {
        let mut breaker = waiting(mode);
        let admitted = breaker.wait(200).admit();
        assert!(permit_of(admitted).is_some(), "{mode:?}");
        assert_eq!(breaker.state(), state, "{mode:?}");
    }
}
