//! A stream of events: another region may take it over until its first event is there, and never after.

use std::time::Duration;

use helius_policy::exchange::{Answer, Effect, Event, Flow, HELD_MAX, Record};
use helius_policy::http::{Headers, Response};
use helius_policy::time::Timestamp;
use helius_policy::verdict::{Failure, ServedBy, Verdict};

use crate::setup::{ATTEMPT, STREAM, Setup};
use crate::watch::Watched;

const EVENT: &[u8] = b"data: 1\n\n";
const COMMENT: &[u8] = b": still here\n\n";

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + millis)
}

fn asking() -> Setup {
    Setup { covers_events: true, extra: Some(STREAM), ..Setup::default() }
}

fn begins(end_of_stream: bool) -> Event<'static> {
    begins_with("200", end_of_stream)
}

fn begins_with(status: &str, end_of_stream: bool) -> Event<'static> {
    let headers = Headers::from_iter([(":status", status), ("content-type", "text/event-stream")]);
    let (status, details) = (status.parse().ok(), b"via_upstream".as_slice());
    Event::ResponseHeaders { status, details, length: None, retry_after: None, headers, end_of_stream }
}

fn shows(chunk: &[u8], end_of_stream: bool) -> Event<'_> {
    Event::ResponseBody { chunk, size: chunk.len(), end_of_stream }
}

fn called(status: &str, kind: &str, body: &[u8]) -> Event<'static> {
    let fields = [(":status", status), ("content-type", kind), ("x-envoy-upstream-service-time", "1")];
    Event::CallAnswered { headers: Headers::from_iter(fields), body: body.to_vec() }
}

fn given(watched: &Watched) -> &Response {
    match watched.answer() {
        Some(Answer::Reply(response) | Answer::Replace { response, .. }) => response,
        other => panic!("{other:?} of {:?}", watched.effects),
    }
}

fn attempt(region: usize, verdict: Verdict) -> Effect {
    Effect::Record(Record::Attempt { region, verdict })
}

#[test]
fn one_is_held_until_its_first_event_and_then_goes_on_as_it_comes() {
    let mut watched = Watched::begin(asking());
    assert_eq!(watched.on(begins(false), at(5)), Flow::Hold);
    assert!(watched.exchange.is_impatient() && watched.exchange.wants_response_body());
    assert_eq!(watched.on(shows(COMMENT, false), at(10)), Flow::Hold);
    let both = [COMMENT, EVENT].concat();
    assert_eq!(watched.on(shows(&both, false), at(15)), Flow::Continue);
    assert!(!watched.exchange.is_impatient() && !watched.exchange.wants_response_body());
    assert_eq!(watched.on(shows(b"data: 2", false), at(20)), Flow::Continue);
    assert!(watched.effects.is_empty(), "{:?}", watched.effects);
    watched.on(shows(b"", true), at(25));
    assert_eq!((watched.effects[0].clone(), watched.response()), (attempt(0, Verdict::Ok), Some(ServedBy::Primary)));
}

#[test]
fn after_its_first_event_nobody_takes_it_over() {
    let mut watched = Watched::begin(asking());
    watched.on(begins(false), at(5));
    watched.on(shows(EVENT, false), at(10));
    watched.on(Event::Waited { impatient_for: ATTEMPT }, at(600));
    watched.on(Event::End { details: b"upstream_reset_after_response_started{connection_termination}" }, at(700));
    let reset = attempt(0, Verdict::Failure(Failure::Reset));
    assert!(watched.effects.contains(&reset) && watched.answer().is_none(), "{:?}", watched.effects);
}

#[test]
fn one_that_brings_no_event_has_failed() {
    let cases: [(&[Event<'static>], Failure); 5] = [
        (&[begins(true)], Failure::Reset),
        (&[begins(false), shows(b"", true)], Failure::Reset),
        (&[begins(false), shows(COMMENT, true)], Failure::Reset),
        (&[begins(false), shows(COMMENT, false), Event::ResponseTrailers], Failure::Reset),
        (&[begins(false), shows(COMMENT, false), Event::Waited { impatient_for: ATTEMPT }], Failure::Timeout),
    ];
    for (events, failure) in cases {
        let mut watched = Watched::begin(asking());
        for event in events {
            watched.on(event.clone(), at(10));
        }
        assert!(watched.effects.contains(&attempt(0, Verdict::Failure(failure))), "{:?}", watched.effects);
        watched.on(called("200", "text/event-stream", EVENT), at(20));
        assert_eq!(given(&watched).body, EVENT);
        assert_eq!(watched.response(), Some(ServedBy::Secondary));
    }
}

/// A 204 tells a client to ask no more (WHATWG HTML, 9.2.3), and the answer to a HEAD has no body.
#[test]
fn what_no_client_reads_as_a_stream_owes_no_event() {
    for (method, status) in [("POST", "204"), ("POST", "201"), ("POST", "302"), ("HEAD", "200")] {
        let setup = Setup { method, ..asking() };
        let mut watched = Watched::begin(setup.clone());
        assert_eq!(watched.on(begins_with(status, true), at(5)), Flow::Continue, "{method} {status}");
        assert_eq!(watched.response(), Some(ServedBy::Primary));

        let mut watched = Watched::begin(setup);
        watched.on(begins_with("500", true), at(5));
        watched.on(called(status, "text/event-stream", b""), at(20));
        assert_eq!(watched.response(), Some(ServedBy::Secondary), "{method} {status}");
    }
}

#[test]
fn one_is_held_where_either_way_to_fail_is_listed_and_then_covered_in_both() {
    for (fail_on, is_held) in [(Failure::Reset, true), (Failure::Timeout, true), (Failure::Connect, false)] {
        let setup = Setup { fail_on: vec![fail_on], ..asking() };
        for waits in [false, true] {
            let mut watched = Watched::begin(setup.clone());
            let flow = watched.on(begins(false), at(5));
            assert_eq!(flow == Flow::Hold, is_held, "{fail_on:?}");
            let silent = if waits { Event::Waited { impatient_for: ATTEMPT } } else { shows(COMMENT, true) };
            watched.on(silent, at(410));
            assert_eq!(watched.in_flight.is_some(), is_held, "{fail_on:?}");
        }
    }
}

#[test]
fn one_that_says_very_much_and_no_event_is_let_go() {
    let mut watched = Watched::begin(asking());
    watched.on(begins(false), at(5));
    let much = vec![b':'; HELD_MAX + 1];
    assert_eq!(watched.on(shows(&much, false), at(10)), Flow::Continue);
}

#[test]
fn a_secondary_that_sends_no_event_has_failed_too_and_the_static_answer_is_a_stream() {
    let mut watched = Watched::begin(asking());
    watched.on(begins(true), at(5));
    watched.on(called("200", "text/event-stream", COMMENT), at(10));
    assert!(watched.effects.contains(&attempt(1, Verdict::Failure(Failure::Reset))), "{:?}", watched.effects);
    let response = given(&watched);
    assert_eq!(response.headers.first("content-type"), Some(b"text/event-stream".as_slice()));
    assert_eq!(response.body, b"data: {\"confidence\":0.0}\n\n");
}

#[test]
fn an_answer_that_is_no_stream_is_treated_like_any_other() {
    let mut watched = Watched::begin(asking());
    let (status, details) = (Some(200), b"via_upstream".as_slice());
    let headers = Headers::from_iter([(":status", "200"), ("content-type", "application/json")]);
    let event =
        Event::ResponseHeaders { status, details, length: None, retry_after: None, headers, end_of_stream: false };
    assert_eq!(watched.on(event, at(5)), Flow::Continue);
}

#[test]
fn neither_shadow_mode_nor_strict_mode_holds_one() {
    let mut watched = Watched::begin(Setup { shadow: true, ..asking() });
    assert_eq!(watched.on(begins(false), at(5)), Flow::Continue);
    let watched = Watched::begin(Setup { is_strict: true, ..asking() });
    assert!(watched.asks_primary, "a call would bring it whole or not at all");
}

#[test]
fn where_it_breaks_off_before_its_first_event_envoy_has_answered() {
    let mut watched = Watched::begin(asking());
    watched.on(begins(false), at(5));
    watched.on(Event::End { details: b"upstream_reset_after_response_started{connection_termination}" }, at(10));
    assert_eq!(watched.response(), Some(ServedBy::Primary));
    watched.on(Event::CallReset, Timestamp::from_epoch(Duration::from_secs(2_000)));
}
