//! What a duplicate is answered.

use std::time::Duration;

use helius_policy::dedupe::{Claim, Dedupe, MAX_ANSWER};
use helius_policy::http::{Headers, Response};
use proptest::prelude::*;

use crate::memory::{LEASE, MESSAGE, Memory, START, WINDOW, around, at, dedupe, first};

/// What a record takes besides headers and body.
const HEAD: usize = 24;

fn keeping(max_answers: u32) -> Dedupe {
    dedupe(1_000).keeping_answers(max_answers)
}

fn answer(fields: &[(&str, &str)], body: &[u8]) -> Response {
    Response { status: 200, headers: fields.iter().copied().collect(), body: body.to_vec() }
}

/// Sends a message, with this answer, and returns when it is done.
fn send(dedupe: &Dedupe, message: u64, response: &Response, memory: &Memory) {
    let ticket = first(dedupe, message, memory, START);
    dedupe.keep_answer(&ticket, response, memory, START);
    dedupe.finish(ticket, true, memory, START);
}

#[test]
fn a_duplicate_is_told_whether_the_first_is_done() {
    for (is_in_flight, word) in [(true, "in_flight"), (false, "done")] {
        let response = dedupe(1).duplicate(MESSAGE, is_in_flight, &Memory::default(), START);
        let headers = Headers::from_iter([("x-helius-duplicate", word)]);
        assert_eq!(response, Response { status: 202, headers, body: Vec::new() });
    }
}

#[test]
fn a_duplicate_gets_the_answer_of_the_first() {
    let (dedupe, memory) = (keeping(16), Memory::default());
    send(&dedupe, MESSAGE, &answer(&[("content-type", "application/json"), ("x-model", "7")], b"{}"), &memory);
    let expected =
        answer(&[("content-type", "application/json"), ("x-model", "7"), ("x-helius-duplicate", "done")], b"{}");
    for _ in 0..2 {
        assert_eq!(dedupe.duplicate(MESSAGE, false, &memory, START), expected);
    }
}

#[test]
fn a_duplicate_of_what_is_in_flight_is_not_given_an_earlier_answer() {
    let (dedupe, memory) = (keeping(16), Memory::default());
    let ticket = first(&dedupe, MESSAGE, &memory, START);
    dedupe.keep_answer(&ticket, &answer(&[], b"early"), &memory, START);
    assert_eq!(dedupe.duplicate(MESSAGE, true, &memory, START).status, 202);
}

#[test]
fn what_spoke_of_the_firsts_connection_or_rung_is_not_kept() {
    let (dedupe, memory) = (keeping(16), Memory::default());
    let fields = [
        (":status", "200"),
        ("connection", "close"),
        ("content-length", "2"),
        ("x-envoy-upstream-service-time", "3"),
        ("x-helius-served-by", "secondary"),
        ("x-helius-duplicate", "in_flight"),
        ("x-model", "7"),
    ];
    send(&dedupe, MESSAGE, &answer(&fields, b"{}"), &memory);
    assert_eq!(dedupe.answer_of(MESSAGE, &memory, START), Some(answer(&[("x-model", "7")], b"{}")));
}

#[test]
fn where_no_answers_are_wanted_none_takes_memory() {
    let (dedupe, memory) = (dedupe(1), Memory::default());
    send(&dedupe, MESSAGE, &answer(&[], b"secret"), &memory);
    assert_eq!(dedupe.answer_of(MESSAGE, &memory, START), None);
    assert_eq!((memory.count(), memory.holds(b"secret")), (1, false));
    assert!(!dedupe.keeps_answers());
}

#[test]
fn an_answer_is_kept_up_to_its_longest_and_not_a_byte_longer() {
    for (length, is_kept) in [(MAX_ANSWER - 1, true), (MAX_ANSWER, true), (MAX_ANSWER + 1, false)] {
        let (dedupe, memory) = (keeping(16), Memory::default());
        send(&dedupe, MESSAGE, &answer(&[], &vec![b'a'; length - HEAD]), &memory);
        assert_eq!(dedupe.answer_of(MESSAGE, &memory, START).is_some(), is_kept, "{length}");
        assert_eq!(dedupe.duplicate(MESSAGE, false, &memory, START).status, if is_kept { 200 } else { 202 });
    }
    for (length, is_kept) in [(MAX_ANSWER - HEAD - 5, true), (MAX_ANSWER - HEAD - 4, false), (70_000, false)] {
        let (dedupe, memory) = (keeping(16), Memory::default());
        send(&dedupe, MESSAGE, &answer(&[("a", &"b".repeat(length))], b""), &memory);
        assert_eq!(dedupe.answer_of(MESSAGE, &memory, START).is_some(), is_kept, "a header of {length}");
    }
}

#[test]
fn an_answer_that_is_too_long_removes_an_earlier_one_to_the_same_message_only() {
    let (dedupe, memory) = (keeping(1), Memory::default());
    let too_long = answer(&[], &[b'b'; MAX_ANSWER]);
    send(&dedupe, MESSAGE, &answer(&[], b"earlier"), &memory);
    send(&dedupe, MESSAGE + 1, &too_long, &memory);
    assert_eq!(dedupe.answer_of(MESSAGE, &memory, START), Some(answer(&[], b"earlier")));
    let ticket = first(&dedupe, MESSAGE, &memory, at(WINDOW));
    dedupe.keep_answer(&ticket, &too_long, &memory, at(WINDOW));
    assert!(!memory.holds(b"earlier"));
}

#[test]
fn an_answer_lapses_with_its_window() {
    let (dedupe, memory) = (keeping(16), Memory::default());
    send(&dedupe, MESSAGE, &answer(&[], b"a"), &memory);
    for (now, is_over) in around(at(WINDOW)) {
        assert_eq!(dedupe.answer_of(MESSAGE, &memory, now).is_none(), is_over, "{now:?}");
    }
}

#[test]
fn a_newer_answer_takes_the_place_of_an_older_one_which_is_gone() {
    let (dedupe, memory) = (keeping(1), Memory::default());
    send(&dedupe, 1, &answer(&[], b"the first answer, which is long"), &memory);
    send(&dedupe, 2, &answer(&[], b"another"), &memory);
    assert!(!memory.holds(b"first answer"));
    assert_eq!(dedupe.answer_of(1, &memory, START), None);
    assert_eq!(dedupe.duplicate(1, false, &memory, START).status, 202);
    assert_eq!(dedupe.answer_of(2, &memory, START), Some(answer(&[], b"another")));
}

#[test]
fn a_thousand_answers_take_no_more_memory_than_the_configured_ones() {
    let (dedupe, memory) = (dedupe(1).keeping_answers(8), Memory::default());
    for message in 0..1_000 {
        if let Claim::First(ticket) = dedupe.claim(message, &memory, START, LEASE) {
            dedupe.keep_answer(&ticket, &answer(&[], &[b'a'; MAX_ANSWER - HEAD]), &memory, START);
            dedupe.finish(ticket, true, &memory, START);
        }
    }
    assert_eq!(memory.count(), 1 + 8, "a record of the table, and eight answers");
    assert_eq!(memory.bytes(), 196 + 8 * MAX_ANSWER);
}

#[test]
fn an_answer_that_others_change_all_the_time_is_none() {
    let (dedupe, memory) = (keeping(1), Memory::default());
    let ticket = first(&dedupe, MESSAGE, &memory, START);
    memory.is_contended.set(true);
    dedupe.keep_answer(&ticket, &answer(&[], b"a"), &memory, START);
    assert_eq!(dedupe.answer_of(MESSAGE, &memory, START), None);
}

fn any_answer() -> impl Strategy<Value = Response> {
    let headers = prop::collection::vec(("x-[a-d]{0,20}", prop::collection::vec(any::<u8>(), 0..40)), 0..6);
    (200_u16..600, headers, prop::collection::vec(any::<u8>(), 0..200)).prop_map(|(status, headers, body)| Response {
        status,
        headers: headers.into(),
        body,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn an_answer_comes_back_as_it_was(response in any_answer(), message in any::<u64>()) {
        let (dedupe, memory) = (keeping(7), Memory::default());
        send(&dedupe, message, &response, &memory);
        prop_assert_eq!(dedupe.answer_of(message, &memory, START), Some(response));
    }

    #[test]
    fn nobody_gets_an_answer_to_another_message(
        max_answers in 1_u32..4,
        // Few messages, of which some differ only in high bits.
        messages in prop::collection::vec((0_u64..6, 0_u32..64, 0_u64..200_000), 1..60),
    ) {
        let (dedupe, memory) = (keeping(max_answers), Memory::default());
        for (message, bit, millis) in messages {
            let (hash, now) = (message ^ (1 << bit), at(Duration::from_millis(millis)));
            if let Claim::First(ticket) = dedupe.claim(hash, &memory, now, LEASE) {
                dedupe.keep_answer(&ticket, &answer(&[], &hash.to_le_bytes()), &memory, now);
                dedupe.finish(ticket, true, &memory, now);
            }
            for other in 0_u64..6 {
                for hash in [other, hash, hash ^ (1 << 63), hash ^ (other << 32)] {
                    let answer = dedupe.answer_of(hash, &memory, now);
                    prop_assert!(answer.is_none_or(|it| it.body == hash.to_le_bytes()), "{hash:x}");
                }
            }
        }
    }
}
