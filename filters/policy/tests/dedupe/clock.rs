//! A clock that steps back and forth, to any moment.

use std::time::Duration;

use helius_policy::dedupe::{Claim, Ticket};
use helius_policy::http::{Headers, Response};
use helius_policy::time::Timestamp;
use proptest::prelude::*;

use crate::memory::{DONE, IN_FLIGHT, LEASE, MESSAGE, Memory, START, WINDOW, at, dedupe, first, is_first, just_before};

const HOUR: Duration = Duration::from_secs(3_600);

/// So long before the start.
fn before(span: Duration) -> Timestamp {
    Timestamp::from_epoch(START.since(Timestamp::default()).saturating_sub(span))
}

#[test]
fn a_step_back_makes_nobody_remembered_for_longer_than_a_window_from_then() {
    let (dedupe, memory) = (dedupe(1), Memory::default());
    let ticket = first(&dedupe, MESSAGE, &memory, START);
    dedupe.finish(ticket, true, &memory, START);
    assert_eq!(dedupe.claim(MESSAGE, &memory, before(HOUR), LEASE), DONE);
    let over = before(HOUR).after(WINDOW);
    assert_eq!(dedupe.claim(MESSAGE, &memory, just_before(over), LEASE), DONE);
    let _ticket = first(&dedupe, MESSAGE, &memory, over);
}

#[test]
fn a_step_back_makes_nobody_be_in_flight_for_longer_than_a_lease_from_then() {
    let (dedupe, memory) = (dedupe(1), Memory::default());
    let _lost = first(&dedupe, MESSAGE, &memory, START);
    assert_eq!(dedupe.claim(MESSAGE, &memory, before(HOUR), LEASE), IN_FLIGHT);
    let _ticket = first(&dedupe, MESSAGE, &memory, before(HOUR).after(LEASE));
}

#[test]
fn a_look_at_one_message_pulls_all_of_its_record_near() {
    let (dedupe, memory) = (dedupe(1), Memory::default());
    let ticket = first(&dedupe, MESSAGE, &memory, START);
    dedupe.finish(ticket, true, &memory, START);
    let _other = first(&dedupe, MESSAGE + 1, &memory, before(HOUR));
    let _ticket = first(&dedupe, MESSAGE, &memory, before(HOUR).after(WINDOW));
}

#[test]
fn a_ticket_survives_a_clock_that_steps() {
    for now in [before(HOUR), at(HOUR), Timestamp::default()] {
        let (dedupe, memory) = (dedupe(1), Memory::default());
        let ticket = first(&dedupe, MESSAGE, &memory, START);
        dedupe.finish(ticket, true, &memory, now);
        assert_eq!(dedupe.claim(MESSAGE, &memory, now, LEASE), DONE, "{now:?}");
        let _ticket = first(&dedupe, MESSAGE, &memory, now.after(WINDOW));
    }
}

/// What happens to a message, and at which moment.
#[derive(Clone, Debug)]
enum Event {
    Claim,
    Finish { is_done: bool },
    Answer,
}

fn moment() -> impl Strategy<Value = Timestamp> {
    let near = |millis: i64| Timestamp::from_millis(1_700_000_000_000_u64.saturating_add_signed(millis));
    prop_oneof![
        8 => (-200_000_i64..200_000).prop_map(near),
        1 => any::<u64>().prop_map(Timestamp::from_nanos),
        1 => Just(Timestamp::from_epoch(Duration::MAX)),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Claim),
        2 => any::<bool>().prop_map(|is_done| Event::Finish { is_done }),
        1 => Just(Event::Answer),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn whatever_the_clock_does_nobody_is_remembered_for_longer_than_a_window_from_now(
        events in prop::collection::vec((0_u64..12, event(), moment()), 1..60),
    ) {
        let (dedupe, memory) = (dedupe(1).keeping_answers(4), Memory::default());
        let mut tickets: Vec<Ticket> = Vec::new();
        for (message, event, now) in events {
            match event {
                Event::Claim => {
                    let claim = dedupe.claim(message, &memory, now, LEASE);
                    let longest = if claim == DONE { WINDOW } else { LEASE };
                    let later = dedupe.claim(message, &memory.clone(), now.after(longest), LEASE);
                    prop_assert!(is_first(&later), "{claim:?}, then {later:?}");
                    if let Claim::First(ticket) = claim {
                        tickets.push(ticket);
                    }
                }
                Event::Finish { is_done } => {
                    if let Some(ticket) = tickets.pop() {
                        dedupe.finish(ticket, is_done, &memory, now);
                    }
                }
                Event::Answer => {
                    if let Some(ticket) = tickets.last() {
                        let response = Response { status: 200, headers: Headers::new(), body: b"a".to_vec() };
                        dedupe.keep_answer(ticket, &response, &memory, now);
                    }
                    if dedupe.answer_of(message, &memory, now).is_some() {
                        let later = dedupe.answer_of(message, &memory, now.after(WINDOW));
                        prop_assert_eq!(later, None);
                    }
                }
            }
        }
    }
}
