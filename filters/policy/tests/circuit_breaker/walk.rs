//! One incident from its beginning to its end.

use helius_policy::circuit_breaker::{Admitted, Outcome, Reason, State, Transition};

use crate::setup::{Driven, GOOD, enforced, permit_of};

#[test]
fn transitions() {
    let mut breaker = Driven::new(enforced());

    // All is well, and nothing is written for an admission.
    assert_eq!(breaker.calls(100, GOOD), None);

    // The region breaks: six failures are bad luck, the seventh in a row is not.
    let straggler = breaker.at(1_000).permit();
    assert_eq!(breaker.calls(6, Outcome::Failure), None);
    assert_eq!(breaker.call(Outcome::Failure), Some(Reason::ConsecutiveFailures));
    assert_eq!(breaker.rejected_for(), Some(5_000));

    // Somebody who asked before it opened was lucky. That changes nothing.
    assert_eq!(breaker.at(3_000).record(straggler, GOOD), None);
    assert_eq!(breaker.rejected_for(), Some(3_000));

    // After five seconds, three at a time may look.
    let Admitted::Probe(first) = breaker.at(6_000).admit() else { panic!() };
    let Admitted::Probe(second) = breaker.admit() else { panic!() };
    let Admitted::Probe(third) = breaker.admit() else { panic!() };
    assert_eq!(breaker.rejected_for(), Some(2_100), "until a probe's time is over, and a moment");

    // The client of one leaves, and another takes its place.
    assert_eq!(breaker.record(third, Outcome::Abandoned), None);
    let Admitted::Probe(third) = breaker.admit() else { panic!() };

    // One is answered, one fails: the region is not back. It is left alone for twice as long.
    assert_eq!(breaker.at(6_100).record(first, GOOD), None);
    assert_eq!(breaker.record(second, Outcome::Failure), Some(Reason::ProbeFailed));
    assert_eq!(breaker.rejected_for(), Some(10_000));
    assert_eq!(breaker.record(third, GOOD), None);

    // The next three succeed.
    assert_eq!(breaker.at(16_100).calls(3, GOOD), Some((3, Reason::ProbesSucceeded)));

    // It comes back by a tenth, which doubles.
    for (at, share) in [(16_100, 0.1), (21_100, 0.2), (26_100, 0.4), (31_100, 0.8)] {
        breaker.at(at).random = share - 0.001;
        assert!(permit_of(breaker.admit()).is_some(), "at {at}");
        breaker.random = share + 0.001;
        assert!(breaker.is_rejected(), "at {at}");
    }
    breaker.at(36_100).random = 0.999_999;
    assert_eq!(breaker.calls(10, GOOD), None);

    // With all of the traffic served for a while, the next incident begins with the shortest time again.
    assert_eq!(breaker.at(41_100).call(GOOD), None);
    breaker.random = 0.5;
    assert_eq!(breaker.calls(7, Outcome::Failure), Some((7, Reason::ConsecutiveFailures)));
    assert_eq!(breaker.rejected_for(), Some(5_000));

    let step = |from, to, reason| Transition { from, to, reason };
    let (closed, open, half_open) = (State::Closed, State::Open, State::HalfOpen);
    assert_eq!(
        breaker.transitions,
        [
            step(closed, open, Reason::ConsecutiveFailures),
            step(open, half_open, Reason::BackoffElapsed),
            step(half_open, open, Reason::ProbeFailed),
            step(open, half_open, Reason::BackoffElapsed),
            step(half_open, closed, Reason::ProbesSucceeded),
            step(closed, open, Reason::ConsecutiveFailures),
        ]
    );
}
