//! The table: how large it gets, and who is forgotten when a record is full.

use std::time::Duration;

use helius_policy::dedupe::Claim;

use crate::memory::{DONE, IN_FLIGHT, LEASE, Memory, START, WINDOW, at, dedupe, first, is_first, just_before};

/// Puts the messages from 0 on in place, done one second after the other.
fn remember(count: u64, memory: &Memory) {
    let dedupe = dedupe(1);
    for message in 0..count {
        let now = at(Duration::from_secs(message));
        let ticket = first(&dedupe, message, memory, now);
        dedupe.finish(ticket, true, memory, now);
    }
}

#[test]
fn a_million_messages_take_no_more_memory_than_the_configured_ones() {
    let (dedupe, memory) = (dedupe(10_000), Memory::default());
    for index in 0_u64..1_000_000 {
        let hash = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if let Claim::First(ticket) = dedupe.claim(hash, &memory, START, LEASE) {
            dedupe.finish(ticket, true, &memory, START);
        }
    }
    assert_eq!(memory.count(), 1_250, "10 000 in eights");
    assert_eq!(memory.bytes(), 1_250 * 196);
}

#[test]
fn a_full_record_forgets_the_oldest_that_is_done() {
    let (dedupe, memory) = (dedupe(1), Memory::default());
    remember(8, &memory);
    let now = at(Duration::from_secs(8));
    let ticket = first(&dedupe, 8, &memory, now);
    dedupe.finish(ticket, true, &memory, now);
    for message in 1..=8 {
        assert_eq!(dedupe.claim(message, &memory, now, LEASE), DONE, "{message}");
    }
    assert!(is_first(&dedupe.claim(0, &memory, now, LEASE)), "the oldest has been forgotten");
}

#[test]
fn a_message_whose_window_is_over_makes_room_before_any_other() {
    let (dedupe, memory) = (dedupe(1), Memory::default());
    remember(8, &memory);
    let now = at(WINDOW);
    let _ticket = first(&dedupe, 8, &memory, now);
    for message in 1..8 {
        assert_eq!(dedupe.claim(message, &memory, now, LEASE), DONE, "{message}");
    }
}

#[test]
fn nobody_in_flight_is_forgotten() {
    let (dedupe, memory) = (dedupe(1), Memory::default());
    remember(1, &memory);
    let tickets: Vec<_> = (1..8).map(|message| first(&dedupe, message, &memory, START)).collect();
    // Seven are in flight and one is done: that one makes room, again and again.
    let ticket = first(&dedupe, 100, &memory, START);
    dedupe.finish(ticket, true, &memory, START);
    let _eighth = first(&dedupe, 101, &memory, START);
    assert_eq!(dedupe.claim(102, &memory, START, LEASE), Claim::Undecided, "let through, not lost");
    for message in 1..8 {
        assert_eq!(dedupe.claim(message, &memory, START, LEASE), IN_FLIGHT, "{message}");
    }
    for ticket in tickets {
        dedupe.finish(ticket, true, &memory, START);
    }
    assert_eq!(dedupe.claim(7, &memory, START, LEASE), DONE);
}

#[test]
fn a_full_record_has_room_again_when_leases_are_over() {
    let (dedupe, memory) = (dedupe(1), Memory::default());
    let _lost: Vec<_> = (0..8).map(|message| first(&dedupe, message, &memory, START)).collect();
    assert_eq!(dedupe.claim(8, &memory, just_before(at(LEASE)), LEASE), Claim::Undecided);
    let _ticket = first(&dedupe, 8, &memory, at(LEASE));
}

#[test]
fn what_has_failed_leaves_no_trace() {
    let (dedupe, memory) = (dedupe(1), Memory::default());
    let message = 0xfeed_f00d_dead_beef_u64;
    let ticket = first(&dedupe, message, &memory, START);
    assert!(memory.holds(&message.to_le_bytes()));
    dedupe.finish(ticket, false, &memory, START);
    assert!(!memory.holds(&message.to_le_bytes()));
}

/// The bytes of a free place read as a message whose hash is 0.
#[test]
fn a_free_place_is_not_taken_for_a_message_whose_hash_is_zero() {
    let (dedupe, memory) = (dedupe(1), Memory::default());
    let failed = first(&dedupe, 5, &memory, START);
    let _ticket = first(&dedupe, 0, &memory, START);
    dedupe.finish(failed, false, &memory, START);
    assert_eq!(dedupe.claim(0, &memory, START, LEASE), IN_FLIGHT);
}
