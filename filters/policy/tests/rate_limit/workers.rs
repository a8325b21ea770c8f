//! Limits over shared memory: several keys, several workers, and clients who choose their keys.

use std::time::Duration;

use helius_policy::rate_limit::{KeyPart, Limited, Outcome, Quota, Rate, RateLimit};
use helius_policy::time::Timestamp;

use crate::memory::{From, Memory};

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const SALT: u64 = 7;
/// More than any limit here admits at once.
const MANY: usize = 1_000;

fn limit(key: &[KeyPart], count: u32, max_keys: u32) -> RateLimit {
    RateLimit::new("assist/0", key.to_vec(), Quota::new(Rate { count, per: Duration::from_secs(1) }, count), max_keys)
}

fn by_client() -> KeyPart {
    KeyPart::Header("x-client".to_owned())
}

fn ask(limit: &RateLimit, memory: &Memory, from: &From, now: Timestamp) -> Outcome {
    limit.admit(from, memory, SALT, now)
}

fn admitted(limit: &RateLimit, memory: &Memory, from: &From, now: Timestamp) -> usize {
    (0..MANY).take_while(|_| ask(limit, memory, from, now) == Outcome::Admitted).count()
}

#[test]
fn each_key_has_a_quota_of_its_own() {
    let (limit, memory) = (limit(&[by_client()], 3, 100), Memory::default());
    for client in ["ann", "bob", ""] {
        assert_eq!(admitted(&limit, &memory, &From::client(client), START), 3, "{client:?}");
    }
    let later = START.after(Duration::from_millis(334));
    assert_eq!(admitted(&limit, &memory, &From::client("ann"), later), 1);
}

#[test]
fn a_limit_says_how_long_to_wait() {
    let (limit, memory) = (limit(&[], 2, 1), Memory::default());
    let from = From::client("ann");
    assert_eq!(admitted(&limit, &memory, &from, START), 2);
    let expected = Limited { retry_after: Duration::from_millis(500) };
    assert_eq!(ask(&limit, &memory, &from, START), Outcome::Limited(expected));
}

#[test]
fn every_part_of_a_key_tells_clients_apart() {
    let parts = [by_client(), KeyPart::Path, KeyPart::Method, KeyPart::SourceAddress];
    let (limit, memory) = (limit(&parts, 1, 100), Memory::default());
    let requests = [
        From::new(&[(":method", "GET"), (":path", "/a"), ("x-client", "b")], "10.0.0.1:1"),
        From::new(&[(":method", "PUT"), (":path", "/a"), ("x-client", "b")], "10.0.0.1:1"),
        From::new(&[(":method", "GET"), (":path", "/b"), ("x-client", "b")], "10.0.0.1:1"),
        From::new(&[(":method", "GET"), (":path", "/a"), ("x-client", "a")], "10.0.0.1:1"),
        From::new(&[(":method", "GET"), (":path", "/a"), ("x-client", "b/")], "10.0.0.1:1"),
        From::new(&[(":method", "GET"), (":path", "/a"), ("x-client", "b")], "10.0.0.2:1"),
        From::new(&[(":method", "GET"), (":path", "/a"), ("x-client", "b")], "[fd00::1]:1"),
    ];
    for request in &requests {
        assert_eq!(admitted(&limit, &memory, request, START), 1, "{request:?}");
    }
    let same = From::new(&[(":method", "GET"), (":path", "/a?q=1"), ("x-client", "b")], "10.0.0.1:2");
    assert_eq!(admitted(&limit, &memory, &same, START), 0, "neither the query nor the port makes another client");
}

#[test]
fn a_million_keys_take_no_more_memory_than_the_configured_ones() {
    let (limit, memory) = (limit(&[by_client()], 1, 10_000), Memory::default());
    let admitted = (0..1_000_000)
        .filter(|index| ask(&limit, &memory, &From::client(&index.to_string()), START) == Outcome::Admitted)
        .count();
    assert_eq!(memory.count(), 1_251, "10 000 in eights, and one record for the rest");
    assert!(memory.bytes() < 200_000, "{} bytes", memory.bytes());
    assert_eq!(admitted, 10_001, "those that have a place, and one for the rest");
}

#[test]
fn those_without_a_place_share_one_quota_and_nobody_limited_is_forgotten() {
    let (limit, memory) = (limit(&[by_client()], 1, 8), Memory::default());
    let clients: Vec<_> = (0..20).map(|index| From::client(&index.to_string())).collect();
    let served = |now| {
        let is_admitted = |client: &&From| ask(&limit, &memory, client, now) == Outcome::Admitted;
        clients.iter().filter(is_admitted).count()
    };
    assert_eq!(served(START), 9, "eight have a place, twelve share one quota");
    assert_eq!(served(START.after(Duration::from_millis(999))), 0);
    assert_eq!(served(START.after(Duration::from_secs(1))), 9, "places are free again");
}

#[test]
fn workers_that_disturb_each_other_admit_no_more_than_one() {
    let (limit, memory) = (limit(&[], 100, 1), Memory::default());
    memory.disturbed_every.set(3);
    assert_eq!(admitted(&limit, &memory, &From::client("ann"), START), 100);
}

#[test]
fn a_record_that_cannot_be_changed_admits() {
    let (limit, memory) = (limit(&[], 1, 1), Memory::default());
    let from = From::client("ann");
    assert_eq!(ask(&limit, &memory, &from, START), Outcome::Admitted);
    memory.disturbed_every.set(1);
    let later = START.after(Duration::from_secs(5));
    assert_eq!(ask(&limit, &memory, &from, later), Outcome::Unknown);
}

#[test]
fn records_of_another_version_are_empty_ones() {
    let (limit, memory) = (limit(&[by_client()], 1, 8), Memory::default());
    for record in [&b""[..], b"x", &[0xff; 127], &[0xff; 129], &[0xff; 128]] {
        assert_eq!(ask(&limit, &memory, &From::client("first"), START), Outcome::Admitted);
        memory.fill_with(record);
        assert_eq!(ask(&limit, &memory, &From::client("ann"), START), Outcome::Admitted, "{record:?}");
        memory.fill_with(b"");
    }
}

#[test]
fn a_factor_applies_to_the_next_request() {
    let (limit, memory) = (limit(&[], 100, 1), Memory::default());
    let from = From::client("ann");
    let at = |now, factor| {
        (0..MANY)
            .take_while(|_| limit.clone().scaled(factor).admit(&from, &memory, SALT, now) == Outcome::Admitted)
            .count()
    };
    assert_eq!(at(START, 0.1), 10);
    assert_eq!(at(START.after(Duration::from_secs(5)), 1.0), 100);
    assert_eq!(at(START.after(Duration::from_secs(10)), 2.0), 100, "never above what is configured");
}
