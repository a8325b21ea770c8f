//! How old an answer may be, at a clock that steps.

use std::time::Duration;

use helius_policy::last_good::{LastGood, Limits};
use helius_policy::shared::{SharedStore, Stored};
use helius_policy::time::Timestamp;

use crate::memory::{FRESH, MAX_BODY, MAX_STALE, Memory, Question, SALT, START, answer, at, last_good, path_and_body};

const NANO: Duration = Duration::from_nanos(1);

fn question() -> Question {
    Question::new(&[], "what now?")
}

/// One that was kept at the start, of this age then.
fn kept(age: &str) -> (LastGood, Memory) {
    let (last_good, memory) = (last_good(path_and_body(), 4), Memory::default());
    let age = [("age", age)];
    let headers = if age[0].1.is_empty() { &age[1..] } else { &age };
    question().keep(&last_good, &answer(headers, b"secret"), &memory, START);
    (last_good, memory)
}

/// The age and whether it is stale, as its headers say.
fn seen(last_good: &LastGood, memory: &Memory, after: Duration) -> Option<(String, bool)> {
    let found = question().find(last_good, memory, at(after))?;
    let ages: Vec<_> = found.headers.all("age").collect();
    assert_eq!(ages.len(), 1, "one age is said");
    Some((String::from_utf8(ages[0].to_vec()).unwrap(), found.headers.first("x-helius-stale") == Some(b"true")))
}

#[test]
fn it_is_fresh_then_stale_then_gone() {
    let cases = [
        (Duration::ZERO, Some(("0", false))),
        (Duration::from_millis(999), Some(("0", false))),
        (Duration::from_secs(1), Some(("1", false))),
        (FRESH.saturating_sub(NANO), Some(("299", false))),
        (FRESH, Some(("300", false))),
        (FRESH + NANO, Some(("300", true))),
        (MAX_STALE, Some(("3600", true))),
        (MAX_STALE + NANO, None),
        (Duration::MAX, None),
    ];
    for (after, expected) in cases {
        let (last_good, memory) = kept("");
        let expected = expected.map(|(age, is_stale)| (age.to_owned(), is_stale));
        assert_eq!(seen(&last_good, &memory, after), expected, "{after:?}");
        assert_eq!(memory.holds(b"secret"), expected.is_some(), "what is over is really gone: {after:?}");
    }
}

#[test]
fn what_caches_said_of_its_age_counts_too() {
    let cases = [
        ("299", Duration::from_millis(1_500), Some(("300", true))),
        ("3599", Duration::from_millis(999), Some(("3599", true))),
        ("3599", Duration::from_millis(1_001), None),
        ("99999999999", Duration::ZERO, None),
        ("soon", Duration::from_secs(2), Some(("2", false))),
        ("-5", Duration::from_secs(2), Some(("2", false))),
    ];
    for (age, after, expected) in cases {
        let (last_good, memory) = kept(age);
        let expected = expected.map(|(age, is_stale)| (age.to_owned(), is_stale));
        assert_eq!(seen(&last_good, &memory, after), expected, "{age} and {after:?}");
    }
}

#[test]
fn after_a_clock_that_steps_back_it_is_as_old_as_it_was_and_lives_no_longer_than_from_then_on() {
    let (last_good, memory) = kept("7");
    let earlier = Timestamp::from_millis(1_699_000_000_000);
    let find = |after: Duration| question().find(&last_good, &memory, earlier.after(after));
    assert_eq!(find(Duration::ZERO).unwrap().headers.first("age"), Some(b"7".as_slice()));
    assert_eq!(find(Duration::from_secs(10)).unwrap().headers.first("age"), Some(b"17".as_slice()));
    assert_eq!(find(MAX_STALE), None);
}

#[test]
fn the_limits_are_those_of_the_document_in_force() {
    let (_, memory) = kept("");
    let limits = Limits { fresh: Duration::ZERO, max_stale: Duration::from_secs(5) };
    let pushed = LastGood::new("router/assist", path_and_body(), limits, 4, MAX_BODY);
    assert_eq!(seen(&pushed, &memory, Duration::from_secs(5)), Some(("5".to_owned(), true)));
    assert_eq!(seen(&pushed, &memory, Duration::from_millis(5_001)), None);
}

#[test]
fn a_newer_answer_of_a_faster_worker_is_not_emptied_for_an_older_one() {
    /// Another worker keeps an answer between this one's read and write.
    struct Overtaken<'a>(&'a Memory, &'a LastGood);

    impl SharedStore for Overtaken<'_> {
        fn read(&self, key: &str) -> Option<Stored> {
            self.0.read(key)
        }

        fn write(&self, key: &str, record: &[u8], version: Option<u32>) -> bool {
            question().keep(self.1, &answer(&[], b"newer"), self.0, at(MAX_STALE * 2));
            self.0.write(key, record, version)
        }

        fn put(&self, key: &str, record: &[u8]) {
            self.0.put(key, record);
        }
    }

    let (last_good, memory) = kept("");
    let key = question().key(&last_good).unwrap();
    let now = at(MAX_STALE * 2);
    assert_eq!(last_good.find(&key, SALT, &Overtaken(&memory, &last_good), now), None);
    assert_eq!(question().find(&last_good, &memory, now).unwrap().body, b"newer");
}
