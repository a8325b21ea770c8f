//! Which requests are the same message.

use helius_policy::dedupe::{Dedupe, Key};
use helius_policy::http::Headers;

use crate::memory::{LEASE, Memory, START, WINDOW, dedupe, first, is_first};

const SALT: u64 = 7;

fn by_body() -> Dedupe {
    Dedupe::new("assist", Key::Body, WINDOW, 202, 100)
}

fn post(fields: &[(&str, &str)]) -> Headers {
    [(":method", "POST"), (":path", "/telemetry/7?unit=c")].iter().chain(fields).copied().collect()
}

#[test]
fn a_message_with_a_header_is_known_by_its_first_value() {
    let dedupe = dedupe(100);
    let hash = |fields: &[(&str, &str)], body: &[u8]| dedupe.hash(&post(fields), body, SALT);
    let own = hash(&[("x-message-id", "41")], b"one");
    assert!(own.is_some());
    assert_eq!(hash(&[("x-tenant", "acme"), ("x-message-id", "41"), ("x-message-id", "42")], b"two"), own);
    assert_ne!(hash(&[("x-message-id", "42")], b"one"), own);
    assert_ne!(hash(&[("x-message-id", "410")], b"one"), own);
    assert!(!dedupe.reads_body());
}

#[test]
fn a_message_without_a_header_is_known_by_method_path_and_body() {
    let dedupe = by_body();
    let own = dedupe.hash(&post(&[]), b"20.5", SALT);
    assert!(own.is_some());
    assert_eq!(dedupe.hash(&post(&[("x-message-id", "41")]), b"20.5", SALT), own);
    assert_ne!(dedupe.hash(&post(&[]), b"20.6", SALT), own);
    for other in [
        [(":method", "PUT"), (":path", "/telemetry/7?unit=c")],
        [(":method", "POST"), (":path", "/telemetry/8?unit=c")],
        [(":method", "POST"), (":path", "/telemetry/7?unit=f")],
    ] {
        assert_ne!(dedupe.hash(&other.into_iter().collect(), b"20.5", SALT), own, "{other:?}");
    }
    assert!(dedupe.reads_body());
}

#[test]
fn what_nothing_tells_apart_is_no_message() {
    assert_eq!(dedupe(100).hash(&post(&[]), b"20.5", SALT), None);
    assert_eq!(dedupe(100).hash(&post(&[("x-message-id", "")]), b"20.5", SALT), None);
    assert_eq!(by_body().hash(&post(&[]), b"", SALT), None);
}

#[test]
fn nobody_without_the_salt_knows_the_hash() {
    let headers = post(&[("x-message-id", "41")]);
    assert_ne!(dedupe(100).hash(&headers, b"", 1), dedupe(100).hash(&headers, b"", 2));
    assert_ne!(by_body().hash(&headers, b"20.5", 1), by_body().hash(&headers, b"20.5", 2));
}

#[test]
fn a_route_that_is_pushed_with_another_key_knows_other_messages() {
    let named = |name: &str| Dedupe::new("assist", Key::Header(name.to_owned()), WINDOW, 202, 100);
    let headers = post(&[("x-message-id", "41"), ("x-event-id", "41")]);
    assert_ne!(named("x-message-id").hash(&headers, b"41", SALT), named("x-event-id").hash(&headers, b"41", SALT));
}

#[test]
fn one_message_on_two_routes_is_two() {
    let memory = Memory::default();
    let routes = ["assist", "telemetry", "assist/0"].map(|route| {
        let key = Key::Header("x-message-id".to_owned());
        Dedupe::new(route, key, WINDOW, 202, 1)
    });
    let hash = routes[0].hash(&post(&[("x-message-id", "41")]), b"", SALT).unwrap();
    for route in &routes {
        let _ticket = first(route, hash, &memory, START);
    }
    assert!(routes.iter().all(|route| !is_first(&route.claim(hash, &memory, START, LEASE))));
}
