//! Tenants who share places, and never an answer.

use std::collections::BTreeMap;
use std::time::Duration;

use helius_policy::http::Response;
use helius_policy::last_good::KeyPart;
use helius_policy::shared::SharedStore;
use proptest::prelude::*;

use crate::memory::{MAX_BODY, MAX_STALE, Memory, Question, SALT, START, answer, at, header, last_good, path_and_body};

fn every_part() -> Vec<KeyPart> {
    vec![KeyPart::Path, header("x-tenant"), KeyPart::Body]
}

/// Requests that differ in one thing, and some in how the same bytes are split up.
fn questions() -> Vec<Question> {
    let of = |headers: &[(&str, &str)], body: &str| Question::new(headers, body);
    vec![
        of(&[], ""),
        of(&[], "a"),
        of(&[], "b"),
        of(&[(":method", "PUT")], "a"),
        of(&[(":method", "GET")], ""),
        of(&[(":authority", "b")], "a"),
        of(&[(":path", "/assist")], "a"),
        of(&[(":path", "/assist?u=2")], "a"),
        of(&[(":path", "/assist?u=1&")], "a"),
        of(&[("x-tenant", "")], "a"),
        of(&[("x-tenant", "east")], "a"),
        of(&[("x-tenant", "east"), ("x-tenant", "")], "a"),
        of(&[("x-tenant", "east"), ("x-tenant", "west")], "a"),
        of(&[("x-tenant", "west"), ("x-tenant", "east")], "a"),
        of(&[("x-tenant", "eastwest")], "a"),
        of(&[("x-tenant", "easta")], ""),
    ]
}

#[test]
fn what_differs_in_anything_that_the_key_has_is_another_question() {
    let last_good = last_good(every_part(), 1);
    let keys: Vec<_> = questions().iter().map(|question| question.key(&last_good).unwrap()).collect();
    for (index, key) in keys.iter().enumerate() {
        assert!(!keys[..index].contains(key), "{:?}", questions()[index]);
    }
}

#[test]
fn what_differs_only_in_what_the_key_has_not_is_the_same() {
    let last_good = last_good(vec![header("x-tenant")], 1);
    let key = |headers: &[(&str, &str)], body| Question::new(headers, body).key(&last_good);
    assert_eq!(key(&[], "a"), key(&[(":path", "/other"), ("x-user", "7")], "b"));
}

/// The same record may be looked at under another document.
#[test]
fn a_document_that_asks_for_another_header_finds_nothing() {
    let (by_tenant, by_user) = (last_good(vec![header("x-tenant")], 1), last_good(vec![header("x-user")], 1));
    let memory = Memory::default();
    Question::new(&[("x-tenant", "7")], "").keep(&by_tenant, &answer(&[], b"of the tenant"), &memory, START);
    assert_eq!(Question::new(&[("x-user", "7")], "").find(&by_user, &memory, START), None);
    assert!(Question::new(&[("x-tenant", "7")], "").find(&by_tenant, &memory, START).is_some());
}

#[test]
fn a_body_has_another_hash_for_who_does_not_know_the_salt() {
    let last_good = last_good(path_and_body(), 1);
    let headers = [(":method", "POST")].into_iter().collect();
    let key = |salt| {
        let mut key = last_good.key(&headers, false, salt, 10).unwrap();
        key.extend(b"a", 1, true);
        key.whole()
    };
    assert_ne!(key(1), key(2));
}

#[test]
fn a_thousand_answers_take_no_more_memory_than_the_configured_ones() {
    let (last_good, memory) = (last_good(path_and_body(), 8), Memory::default());
    for number in 0..1_000 {
        let long = answer(&[("x-long", &"h".repeat(7_000))], &[b'a'; MAX_BODY]);
        Question::new(&[], &number.to_string()).keep(&last_good, &long, &memory, START);
    }
    assert_eq!(memory.records.borrow().len(), 8);
    assert!(memory.bytes() <= 8 * (MAX_BODY + (8 << 10)), "{}", memory.bytes());
}

#[test]
fn the_newest_answer_takes_the_place_of_an_older_one_which_is_gone() {
    let (last_good, memory) = (last_good(path_and_body(), 1), Memory::default());
    let (one, other) = (Question::new(&[], "one"), Question::new(&[], "other"));
    one.keep(&last_good, &answer(&[], b"secret"), &memory, START);
    one.keep(&last_good, &answer(&[], b"newer secret"), &memory, START);
    assert_eq!(one.find(&last_good, &memory, START).unwrap().body, b"newer secret");
    other.keep(&last_good, &answer(&[], b"of the other"), &memory, START);
    assert_eq!(one.find(&last_good, &memory, START), None);
    assert!(!memory.holds(b"secret"));
    assert_eq!(other.find(&last_good, &memory, START).unwrap().body, b"of the other");
}

fn body_of(response: Option<&Response>) -> Option<&[u8]> {
    response.map(|response| response.body.as_slice())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Against a map that knows the newest answer to each question, and forgets none.
    #[test]
    fn nobody_is_given_anything_but_the_newest_answer_to_his_own_question(
        max_entries in 1_u32..5,
        // Which question, whether it is answered or looked for, and when.
        moves in prop::collection::vec((0_usize..16, any::<bool>(), 0_u64..4_000), 1..80),
    ) {
        let (last_good, memory, questions) = (last_good(every_part(), max_entries), Memory::default(), questions());
        let mut newest = BTreeMap::new();
        let mut now = START;
        for (number, (question, is_answered, millis)) in moves.into_iter().enumerate() {
            now = now.after(Duration::from_millis(millis));
            let question = &questions[question];
            if is_answered {
                let body = format!("answer {number}").into_bytes();
                question.keep(&last_good, &answer(&[], &body), &memory, now);
                newest.insert(question.clone(), body);
                prop_assert!(question.find(&last_good, &memory, now).is_some());
            }
            for question in &questions {
                let found = question.find(&last_good, &memory, now);
                prop_assert!(found.is_none() || body_of(found.as_ref()) == newest.get(question).map(Vec::as_slice));
            }
            prop_assert!(memory.records.borrow().len() <= max_entries as usize);
        }
    }

    #[test]
    fn no_bytes_are_an_answer_that_could_not_have_been_kept(
        head in prop::collection::vec(any::<u8>(), 0..20),
        length in prop_oneof![0_u32..40, any::<u32>()],
        is_own_key in any::<bool>(),
        rest in prop::collection::vec(any::<u8>(), 0..80),
        now in prop_oneof![Just(START), any::<u64>().prop_map(helius_policy::time::Timestamp::from_nanos)],
    ) {
        let (last_good, memory, question) = (last_good(path_and_body(), 1), Memory::default(), Question::new(&[], "a"));
        question.keep(&last_good, &answer(&[], b"a"), &memory, START);
        let place = memory.records.borrow().keys().next().unwrap().clone();
        let key = question.key(&last_good).unwrap();
        let record = if is_own_key {
            let length = u32::try_from(key.len()).unwrap();
            [&START.nanos().to_le_bytes()[..], &7_u32.to_le_bytes(), &length.to_le_bytes(), &key, &rest].concat()
        } else {
            [&head[..], &length.to_le_bytes(), &rest].concat()
        };
        memory.put(&place, &record);
        if let Some(response) = last_good.find(&key, SALT, &memory, now) {
            prop_assert!((200..=599).contains(&response.status) && is_own_key);
            prop_assert!(now <= at(MAX_STALE));
        }
    }
}
