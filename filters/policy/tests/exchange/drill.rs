//! The lower rungs, tried while the primary is well.

use std::time::Duration;

use helius_policy::drill::{Asked, Drilled, MOST, Rehearsal};
use helius_policy::exchange::{Effect, Event, Record};
use helius_policy::http::Headers;
use helius_policy::time::Timestamp;
use helius_policy::verdict::{Failure, Skip, Verdict};

use crate::setup::{ATTEMPT, BY_PATH, Setup};
use crate::watch::Watched;

const GOOD: &[u8] = br#"{"confidence": 0.9}"#;
const BAD: &[u8] = br#"{"confidence": "none"}"#;

fn drilled() -> Setup {
    Setup { secondaries: 2, drill: Some(1.0), ..Setup::default() }
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + millis)
}

/// The primary answers so.
fn answers(watched: &mut Watched, status: u16, body: &[u8]) {
    let headers = Headers::from_iter([(":status", "200")]);
    let (status, details, length) = (Some(status), b"via_upstream", None);
    watched.on(
        Event::ResponseHeaders { status, details, length, retry_after: None, headers, end_of_stream: false },
        at(5),
    );
    watched.on(Event::ResponseBody { chunk: body, size: body.len(), end_of_stream: true }, at(6));
}

fn answer_of_call(status: &str, body: &[u8]) -> Event<'static> {
    let headers = Headers::from_iter([(":status", status), ("x-envoy-upstream-service-time", "1")]);
    Event::CallAnswered { headers, body: body.to_vec() }
}

fn found(effects: &[Effect]) -> Vec<Drilled> {
    let of = |effect: &Effect| match effect {
        Effect::Record(Record::Drill(drilled)) => Some(*drilled),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

fn verdict(region: usize, verdict: Verdict) -> Drilled {
    Drilled::Region { region, result: Asked::Verdict(verdict) }
}

/// Walks a drill to its end, with what comes of each call.
fn walk(watched: &Watched, mut rehearsal: Rehearsal, events: &[Event<'_>]) -> Vec<Drilled> {
    let (mut records, mut events) = (Vec::new(), events.iter());
    while let Some((secondary, timeout)) = rehearsal.step(&watched.host, &mut records) {
        assert_eq!(timeout, ATTEMPT);
        let (region, request) = rehearsal.call(secondary).unwrap();
        assert_eq!(region.cluster(), format!("cluster-{}", secondary + 1));
        assert_eq!(request.headers.first("x-helius-drill"), Some(b"true".as_slice()));
        rehearsal.on(events.next().expect("another region is asked"), watched.host.now.get(), &mut records);
    }
    assert!(events.next().is_none(), "every region is asked");
    records.into_iter().map(|it| if let Record::Drill(drilled) = it { drilled } else { panic!("{it:?}") }).collect()
}

#[test]
fn each_region_is_asked_once_and_judged_as_in_an_outage() {
    let output = Some("{ schema: { properties: { confidence: { type: number } } } }");
    let setup = Setup { output, ..drilled() };
    let cases = [
        (answer_of_call("200", GOOD), Verdict::Ok),
        (answer_of_call("200", BAD), Verdict::Failure(Failure::InvalidOutput)),
        (answer_of_call("500", GOOD), Verdict::Failure(Failure::ServerError)),
        (answer_of_call("429", GOOD), Verdict::RateLimited),
        (answer_of_call("404", GOOD), Verdict::ClientError),
        (Event::CallReset, Verdict::Failure(Failure::Reset)),
        (Event::CallRefused, Verdict::Failure(Failure::NoHealthyUpstream)),
    ];
    for (event, expected) in cases {
        let mut watched = Watched::begin(setup.clone());
        answers(&mut watched, 200, GOOD);
        assert_eq!(found(&watched.effects), [Drilled::Static]);
        assert!(watched.effects.contains(&Effect::Drill));
        let rehearsal = watched.exchange.take_rehearsal().unwrap();
        assert!(watched.exchange.take_rehearsal().is_none());
        let seen = walk(&watched, rehearsal, &[event, answer_of_call("200", GOOD)]);
        assert_eq!(seen, [verdict(1, expected), verdict(2, Verdict::Ok)]);
    }
}

#[test]
fn an_answer_that_breaks_off_when_its_time_is_over_is_a_timeout() {
    for (after, expected) in [(1, Failure::Reset), (9_000, Failure::Timeout)] {
        let mut watched = Watched::begin(Setup { secondaries: 1, ..drilled() });
        answers(&mut watched, 200, GOOD);
        let (mut rehearsal, mut records) = (watched.exchange.take_rehearsal().unwrap(), Vec::new());
        rehearsal.step(&watched.host, &mut records).unwrap();
        let now = watched.host.now.get().after(Duration::from_millis(after));
        rehearsal.on(&Event::CallReset, now, &mut records);
        assert_eq!(records, [Record::Drill(verdict(1, Verdict::Failure(expected)))], "after {after} ms");
    }
}

#[test]
fn it_follows_a_good_answer_of_the_primary_only() {
    for status in [404, 429, 500] {
        let mut watched = Watched::begin(drilled());
        answers(&mut watched, status, GOOD);
        while watched.in_flight.is_some() {
            watched.on(answer_of_call("200", GOOD), at(9));
        }
        assert!(found(&watched.effects).is_empty() && !watched.effects.contains(&Effect::Drill), "{status}");
    }
    let mut watched = Watched::begin(drilled());
    watched.on(Event::End { details: b"downstream_remote_disconnect" }, at(9));
    assert!(found(&watched.effects).is_empty() && !watched.effects.contains(&Effect::Drill));
    let mut watched = Watched::begin(Setup { shadow: true, ..drilled() });
    answers(&mut watched, 200, GOOD);
    assert!(found(&watched.effects).is_empty() && !watched.effects.contains(&Effect::Drill), "shadow mode");
    let mut watched = Watched::begin(Setup { extra: Some(("x-helius-drill", "true")), ..drilled() });
    answers(&mut watched, 200, GOOD);
    assert!(found(&watched.effects).is_empty() && !watched.effects.contains(&Effect::Drill), "a drill itself");
}

#[test]
fn chance_says_which_exchanges_it_follows() {
    // Half of them, by the number that the host draws.
    for (share, is_drilled) in [(0.0, false), (0.5, false), (0.51, true), (1.0, true)] {
        let mut watched = Watched::begin(Setup { drill: Some(share), ..drilled() });
        answers(&mut watched, 200, GOOD);
        assert_eq!(watched.effects.contains(&Effect::Drill), is_drilled, "{share}");
    }
}

#[test]
fn what_the_contract_does_not_let_be_sent_twice_is_not() {
    let skipped = Verdict::Skipped(Skip::NotReplayable);
    for setup in [Setup { method: "PATCH", ..drilled() }, Setup { odd_header: true, ..drilled() }] {
        let mut watched = Watched::begin(setup);
        answers(&mut watched, 200, GOOD);
        assert_eq!(found(&watched.effects), [Drilled::Static, verdict(1, skipped), verdict(2, skipped)]);
        assert!(watched.exchange.take_rehearsal().is_none());
    }
    // The primary has answered before the request has come to its end.
    let mut watched = Watched::begin(Setup { bodiless: false, ..drilled() });
    watched.on(Event::RequestBody { chunk: b"1", size: 1, end_of_stream: false }, at(1));
    answers(&mut watched, 200, GOOD);
    assert_eq!(found(&watched.effects)[1], verdict(1, skipped));
}

#[test]
fn the_request_is_sent_with_its_body() {
    let setup = Setup { bodiless: false, ..drilled() };
    let mut watched = Watched::begin(setup);
    watched.on(Event::RequestBody { chunk: b"1234", size: 4, end_of_stream: true }, at(1));
    answers(&mut watched, 200, GOOD);
    let rehearsal = watched.exchange.take_rehearsal().unwrap();
    assert_eq!(rehearsal.call(0).unwrap().1.body, b"1234");
}

#[test]
fn a_region_whose_breaker_is_not_closed_is_left_alone() {
    let mut watched = Watched::begin(Setup { breaker: Some("{}"), open: vec![1], ..drilled() });
    answers(&mut watched, 200, GOOD);
    let rehearsal = watched.exchange.take_rehearsal().unwrap();
    let seen = walk(&watched, rehearsal, &[Event::CallReset]);
    let reset = Verdict::Failure(Failure::Reset);
    assert_eq!(seen, [verdict(1, Verdict::Skipped(Skip::BreakerOpen)), verdict(2, reset)]);
}

#[test]
fn no_breaker_hears_of_it() {
    let setup = Setup { breaker: Some("{ consecutive_failures: 1 }"), ..drilled() };
    let mut watched = Watched::begin(setup.clone());
    answers(&mut watched, 200, GOOD);
    let rehearsal = watched.exchange.take_rehearsal().unwrap();
    walk(&watched, rehearsal, &[Event::CallReset, Event::CallReset]);
    for region in 0..3 {
        assert_eq!(watched.host.state(&setup.route(), region), helius_policy::circuit_breaker::State::Closed);
    }
}

#[test]
fn a_kept_answer_is_looked_for_before_this_one_takes_its_place() {
    for output in [None, Some("{ schema: true }")] {
        let setup = Setup { last_good: Some(BY_PATH), output, ..drilled() };
        let mut first = Watched::begin(setup.clone());
        answers(&mut first, 200, GOOD);
        assert_eq!(found(&first.effects), [Drilled::LastGood { is_there: false }, Drilled::Static]);
        let mut second = Watched::begin_at(setup, first.host);
        answers(&mut second, 200, GOOD);
        assert_eq!(found(&second.effects), [Drilled::LastGood { is_there: true }, Drilled::Static]);
    }
}

#[test]
fn more_than_there_are_places_for_are_not_begun() {
    let mut watched = Watched::begin(Setup { drill_places: 0, ..drilled() });
    answers(&mut watched, 200, GOOD);
    let overflow = |region| Drilled::Region { region, result: Asked::Overflow };
    assert_eq!(found(&watched.effects), [Drilled::Static, overflow(1), overflow(2)]);
    assert!(watched.exchange.take_rehearsal().is_none() && MOST > 0);
}

#[test]
fn the_client_does_not_wait_for_it() {
    let mut watched = Watched::begin(drilled());
    answers(&mut watched, 200, GOOD);
    assert!(!watched.exchange.is_open() && !watched.exchange.is_impatient());
    assert!(watched.answer().is_none(), "the answer goes on untouched");
    watched.on(Event::Waited { impatient_for: Duration::from_secs(9) }, at(9));
}
