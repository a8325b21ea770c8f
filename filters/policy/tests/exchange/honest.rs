//! What is said aloud: that Envoy's own route is in the way.

use helius_policy::exchange::{Effect, Event, Record};
use helius_policy::http::Headers;
use helius_policy::time::Timestamp;
use helius_policy::verdict::{Failure, Verdict};

use crate::setup::Setup;
use crate::watch::Watched;

const ROUTE_TIMEOUT: &[u8] = b"response_timeout";

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + millis)
}

/// Envoy answers by itself; the body is still to come.
fn answers(details: &[u8]) -> Event<'_> {
    let (status, headers) = (Some(504), Headers::new());
    Event::ResponseHeaders { status, details, length: None, retry_after: None, headers, end_of_stream: false }
}

fn route_timeouts(watched: &Watched) -> usize {
    watched.effects.iter().filter(|effect| **effect == Effect::Record(Record::RouteTimeout)).count()
}

#[test]
fn a_route_timeout_is_counted_once_however_often_envoy_speaks_of_it() {
    for shadow in [false, true] {
        let mut watched = Watched::begin(Setup { shadow, ..Setup::default() });
        watched.on(answers(ROUTE_TIMEOUT), at(200));
        assert_eq!(route_timeouts(&watched), 1, "shadow: {shadow}");
        // The client does not wait for what comes instead.
        watched.on(Event::End { details: ROUTE_TIMEOUT }, at(300));
        assert_eq!(route_timeouts(&watched), 1, "shadow: {shadow}");
    }
}

#[test]
fn a_route_timeout_that_only_the_end_tells_of_is_counted() {
    for shadow in [false, true] {
        let mut watched = Watched::begin(Setup { shadow, ..Setup::default() });
        watched.on(answers(b"via_upstream"), at(100));
        watched.on(Event::End { details: ROUTE_TIMEOUT }, at(200));
        assert_eq!(route_timeouts(&watched), 1, "shadow: {shadow}");
    }
}

#[test]
fn neither_the_time_of_an_attempt_nor_the_ladders_own_is_one_of_the_route() {
    for (details, millis, expected) in [
        (b"upstream_per_try_timeout".as_slice(), 400, 0),
        (ROUTE_TIMEOUT, 999, 1),
        (ROUTE_TIMEOUT, 1_000, 0),
        (ROUTE_TIMEOUT, 1_001, 0),
    ] {
        let mut watched = Watched::begin(Setup::default());
        watched.on(answers(details), at(millis));
        watched.on(Event::End { details }, at(millis));
        assert_eq!(route_timeouts(&watched), expected, "{millis}");
        let timeout = Effect::Record(Record::Attempt { region: 0, verdict: Verdict::Failure(Failure::Timeout) });
        assert!(watched.effects.contains(&timeout), "{:?}", watched.effects);
    }
}
