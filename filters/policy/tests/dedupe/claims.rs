//! The life of one message: claimed, in flight, done or failed, forgotten.

use std::time::Duration;

use helius_policy::dedupe::{Claim, Dedupe};

use crate::memory::{
    DONE, IN_FLIGHT, LEASE, MESSAGE, Memory, START, WINDOW, around, at, dedupe, first, is_first, just_before,
};

#[test]
fn a_message_that_comes_fifty_times_goes_on_once() {
    let (dedupe, memory) = (dedupe(100), Memory::default());
    let ticket = first(&dedupe, MESSAGE, &memory, START);
    for _ in 0..25 {
        assert_eq!(dedupe.claim(MESSAGE, &memory, START, LEASE), IN_FLIGHT);
    }
    dedupe.finish(ticket, true, &memory, START);
    for _ in 0..24 {
        assert_eq!(dedupe.claim(MESSAGE, &memory, START, LEASE), DONE);
    }
}

#[test]
fn a_first_that_failed_does_not_swallow_its_retry() {
    let (dedupe, memory) = (dedupe(100), Memory::default());
    for _ in 0..3 {
        let ticket = first(&dedupe, MESSAGE, &memory, START);
        assert_eq!(dedupe.claim(MESSAGE, &memory, START, LEASE), IN_FLIGHT);
        dedupe.finish(ticket, false, &memory, START);
    }
    let ticket = first(&dedupe, MESSAGE, &memory, START);
    dedupe.finish(ticket, true, &memory, START);
    assert_eq!(dedupe.claim(MESSAGE, &memory, START, LEASE), DONE);
}

#[test]
fn a_message_is_in_flight_until_its_lease_is_over_and_not_a_nanosecond_longer() {
    for (now, is_over) in around(at(LEASE)) {
        let (dedupe, memory) = (dedupe(100), Memory::default());
        let _lost = first(&dedupe, MESSAGE, &memory, START);
        assert_eq!(is_first(&dedupe.claim(MESSAGE, &memory, now, LEASE)), is_over, "{now:?}");
    }
}

#[test]
fn a_message_is_remembered_for_a_window_after_it_was_done() {
    let done = Duration::from_millis(1_500);
    for (now, is_over) in around(at(done + WINDOW)) {
        let (dedupe, memory) = (dedupe(100), Memory::default());
        let ticket = first(&dedupe, MESSAGE, &memory, START);
        dedupe.finish(ticket, true, &memory, at(done));
        assert_eq!(is_first(&dedupe.claim(MESSAGE, &memory, now, LEASE)), is_over, "{now:?}");
    }
}

#[test]
fn a_duplicate_lengthens_neither_the_window_nor_the_lease() {
    let (dedupe, memory) = (dedupe(100), Memory::default());
    let _lost = first(&dedupe, MESSAGE, &memory, START);
    assert_eq!(dedupe.claim(MESSAGE, &memory, just_before(at(LEASE)), LEASE), IN_FLIGHT);
    let ticket = first(&dedupe, MESSAGE, &memory, at(LEASE));
    dedupe.finish(ticket, true, &memory, at(LEASE));
    for seconds in 0..60 {
        assert_eq!(dedupe.claim(MESSAGE, &memory, at(LEASE + Duration::from_secs(seconds)), LEASE), DONE);
    }
    let _ticket = first(&dedupe, MESSAGE, &memory, at(LEASE + WINDOW));
}

#[test]
fn a_ticket_whose_message_is_somebody_elses_by_now_changes_nothing() {
    for is_done in [true, false] {
        let (dedupe, memory) = (dedupe(100), Memory::default());
        let lapsed = first(&dedupe, MESSAGE, &memory, START);
        let second = first(&dedupe, MESSAGE, &memory, at(LEASE));
        dedupe.finish(lapsed, is_done, &memory, at(LEASE));
        assert_eq!(dedupe.claim(MESSAGE, &memory, at(LEASE), LEASE), IN_FLIGHT, "is_done: {is_done}");
        dedupe.finish(second, false, &memory, at(LEASE));
        let _ticket = first(&dedupe, MESSAGE, &memory, at(LEASE));
    }
}

#[test]
fn a_ticket_that_comes_after_the_second_is_done_changes_nothing() {
    let (dedupe, memory) = (dedupe(100), Memory::default());
    let lapsed = first(&dedupe, MESSAGE, &memory, START);
    let second = first(&dedupe, MESSAGE, &memory, at(LEASE));
    dedupe.finish(second, true, &memory, at(LEASE));
    dedupe.finish(lapsed, false, &memory, at(LEASE));
    assert_eq!(dedupe.claim(MESSAGE, &memory, at(LEASE), LEASE), DONE);
}

#[test]
fn a_ticket_whose_place_is_another_messages_by_now_changes_nothing() {
    for is_done in [true, false] {
        let (dedupe, memory) = (dedupe(1), Memory::default());
        let lapsed = first(&dedupe, MESSAGE, &memory, START);
        // Eight that are in flight take all places.
        let _others: Vec<_> = (0..8).map(|other| first(&dedupe, other, &memory, at(LEASE))).collect();
        dedupe.finish(lapsed, is_done, &memory, at(LEASE));
        for other in 0..8 {
            assert_eq!(dedupe.claim(other, &memory, at(LEASE), LEASE), IN_FLIGHT, "{other}, is_done: {is_done}");
        }
    }
}

#[test]
fn a_late_outcome_counts_while_nobody_has_taken_the_place() {
    let (dedupe, memory) = (dedupe(100), Memory::default());
    let late = first(&dedupe, MESSAGE, &memory, START);
    let after = LEASE * 3;
    dedupe.finish(late, true, &memory, at(after));
    assert_eq!(dedupe.claim(MESSAGE, &memory, just_before(at(after + WINDOW)), LEASE), DONE);
    let _ticket = first(&dedupe, MESSAGE, &memory, at(after + WINDOW));
}

#[test]
fn an_outcome_that_cannot_be_noted_leaves_the_message_in_flight_for_its_lease() {
    let (dedupe, memory) = (dedupe(100), Memory::default());
    let ticket = first(&dedupe, MESSAGE, &memory, START);
    memory.is_contended.set(true);
    dedupe.finish(ticket, true, &memory, START);
    memory.is_contended.set(false);
    assert_eq!(dedupe.claim(MESSAGE, &memory, just_before(at(LEASE)), LEASE), IN_FLIGHT);
    let _ticket = first(&dedupe, MESSAGE, &memory, at(LEASE));
}

#[test]
fn a_record_that_cannot_be_changed_lets_the_message_through() {
    let (dedupe, memory) = (dedupe(100), Memory::default());
    memory.is_contended.set(true);
    assert_eq!(dedupe.claim(MESSAGE, &memory, START, LEASE), Claim::Undecided);
}

#[test]
fn a_window_that_became_shorter_holds_for_what_is_remembered_already() {
    let (long, memory) = (dedupe(100), Memory::default());
    let ticket = first(&long, MESSAGE, &memory, START);
    long.finish(ticket, true, &memory, START);
    let key = helius_policy::dedupe::Key::Header("x-message-id".to_owned());
    let short = Dedupe::new("assist", key, Duration::from_secs(1), 202, 100);
    assert_eq!(short.claim(MESSAGE, &memory, at(Duration::from_secs(3)), LEASE), DONE);
    let _ticket = first(&short, MESSAGE, &memory, at(Duration::from_secs(4)));
}
