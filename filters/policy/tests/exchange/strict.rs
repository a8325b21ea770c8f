//! Strict mode: the filter calls the primary itself.

use std::time::Duration;

use helius_policy::exchange::{Answer, Effect, Event, HELD_MAX, Record};
use helius_policy::http::{Headers, Response};
use helius_policy::replay::NotReplayable;
use helius_policy::time::Timestamp;
use helius_policy::verdict::{Degraded, Failure, ServedBy, Skip, Verdict};

use crate::setup::{ATTEMPT, Setup};
use crate::watch::Watched;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + millis)
}

fn strict() -> Setup {
    Setup { is_strict: true, ..Setup::default() }
}

fn answered(status: &str, body: &[u8]) -> Event<'static> {
    let headers = Headers::from_iter([(":status", status), ("x-envoy-upstream-service-time", "1"), ("x-own", "kept")]);
    Event::CallAnswered { headers, body: body.to_vec() }
}

fn replied(watched: &Watched) -> &Response {
    match watched.answer() {
        Some(Answer::Reply(response)) => response,
        other => panic!("{other:?} of {:?}", watched.effects),
    }
}

fn says<'a>(response: &'a Response, header: &str) -> Option<&'a str> {
    response.headers.first(header).map(|value| std::str::from_utf8(value).unwrap())
}

fn attempt(region: usize, verdict: Verdict) -> Effect {
    Effect::Record(Record::Attempt { region, verdict })
}

fn responded(served_by: ServedBy, failure: Option<Failure>) -> Effect {
    Effect::Record(Record::Response { served_by, degraded: failure.map(Degraded::Failure) })
}

fn bypassed(watched: &Watched) -> Option<NotReplayable> {
    watched.effects.iter().find_map(|effect| match effect {
        Effect::Record(Record::StrictBypassed(reason)) => Some(*reason),
        _ => None,
    })
}

#[test]
fn the_primary_is_called_and_a_good_answer_is_not_marked() {
    let mut watched = Watched::begin(strict());
    assert!(watched.exchange.holds_request() && !watched.asks_primary);
    assert_eq!(watched.effects, [Effect::Call { region: 0, timeout: ATTEMPT }]);
    assert_eq!(watched.exchange.call(0).unwrap().cluster, "cluster-0");
    watched.on(answered("200", b"good"), at(5));
    let response = replied(&watched);
    assert_eq!(
        (response.status, response.body.as_slice(), says(response, "x-own")),
        (200, b"good".as_slice(), Some("kept"))
    );
    assert!(response.headers.iter().all(|(name, _)| !name.starts_with("x-helius-")), "{response:?}");
    assert_eq!(watched.effects[1], attempt(0, Verdict::Ok));
    assert_eq!(watched.effects[3..], [responded(ServedBy::Primary, None)]);
}

#[test]
fn what_ends_in_the_middle_is_covered() {
    // When its time is over, Envoy ends a call as if it had been reset.
    let cases = [(5, Failure::Reset), (379, Failure::Reset), (380, Failure::Timeout), (400, Failure::Timeout)];
    for (millis, failure) in cases {
        let mut watched = Watched::begin(strict());
        watched.on(Event::CallReset, at(millis));
        let timeout = ATTEMPT.min(Duration::from_millis(1_000 - millis));
        assert_eq!(
            watched.effects[1..],
            [attempt(0, Verdict::Failure(failure)), Effect::Call { region: 1, timeout }],
            "after {millis} ms"
        );
        watched.on(answered("200", b"west"), at(millis + 5));
        let response = replied(&watched);
        let marks = ["x-helius-served-by", "x-helius-region", "x-helius-degraded", "x-helius-attempts"];
        let expected = ["secondary", "region-1", failure.word(), "2"].map(Some);
        assert_eq!(marks.map(|mark| says(response, mark)), expected);
    }
}

#[test]
fn what_leaves_no_answer_is_covered_even_where_fail_on_does_not_list_it() {
    let setup = Setup { fail_on: vec![Failure::Connect], ..strict() };
    for (event, millis) in [(Event::CallReset, 5), (Event::CallReset, 400), (Event::CallRefused, 0)] {
        let mut watched = Watched::begin(setup.clone());
        watched.on(event, at(millis));
        watched.on(answered("200", b"west"), at(millis + 5));
        assert_eq!(watched.response(), Some(ServedBy::Secondary), "after {millis} ms");
    }
    // Where Envoy has answered in the region's place, that is the answer.
    let mut watched = Watched::begin(setup);
    watched.on(answered("504", b"upstream request timeout"), at(400));
    assert_eq!((watched.response(), replied(&watched).status), (Some(ServedBy::Primary), 504));
}

#[test]
fn a_4xx_of_the_primary_is_the_answer_and_a_429_only_where_nobody_does_better() {
    let mut watched = Watched::begin(strict());
    watched.on(answered("422", b"no"), at(5));
    assert_eq!((replied(&watched).status, says(replied(&watched), "x-helius-served-by")), (422, None));

    let mut watched = Watched::begin(strict());
    watched.on(answered("429", b"slow down"), at(5));
    watched.on(answered("500", b"boom"), at(10));
    let response = replied(&watched);
    assert_eq!((response.status, response.body.as_slice()), (429, b"slow down".as_slice()));
    assert_eq!(says(response, "x-helius-served-by"), Some("primary"));
}

#[test]
fn without_a_static_answer_the_primarys_own_failure_is_the_answer_if_it_has_said_one() {
    let without = || Setup { has_static: false, ..strict() };
    let mut watched = Watched::begin(without());
    let long = vec![b'x'; HELD_MAX + 1];
    watched.on(answered("500", &long), at(5));
    watched.on(answered("502", b"west"), at(10));
    let response = replied(&watched);
    assert_eq!((response.status, response.body.len(), says(response, "x-own")), (500, long.len(), Some("kept")));
    assert_eq!(says(response, "x-helius-degraded"), Some("5xx"));
    assert_eq!(watched.response(), Some(ServedBy::Primary));

    let mut watched = Watched::begin(without());
    watched.on(Event::CallReset, at(5));
    watched.on(answered("502", b"west"), at(10));
    let response = replied(&watched);
    assert_eq!((response.status, response.body.as_slice()), (503, b"no region gave an answer\n".as_slice()));
    assert_eq!(watched.response(), Some(ServedBy::Refusal));
}

#[test]
fn an_invalid_answer_is_never_seen() {
    let judged = Setup { output: Some("{ schema: { type: object } }"), has_static: false, ..strict() };
    let mut watched = Watched::begin(judged.clone());
    watched.on(answered("200", b"[]"), at(5));
    watched.on(answered("502", b"west"), at(10));
    assert_eq!((replied(&watched).status, watched.response()), (503, Some(ServedBy::Refusal)));

    let mut watched = Watched::begin(judged);
    watched.on(answered("200", b"{}"), at(5));
    assert_eq!((replied(&watched).status, replied(&watched).body.as_slice()), (200, b"{}".as_slice()));
}

#[test]
fn what_cannot_be_called_goes_by_the_route_and_is_counted() {
    let open = || Setup { bodiless: false, ..strict() };
    let announcing = |length| Setup { announced: Some(length), ..open() };
    let odd = Setup { odd_header: true, ..strict() };
    let cases = [(announcing(9), NotReplayable::Body), (odd, NotReplayable::Headers)];
    for (setup, reason) in cases {
        let watched = Watched::begin(setup);
        assert_eq!((watched.asks_primary, bypassed(&watched)), (true, Some(reason)));
    }
    let longer_than_it_waits_for = Setup { hold: 4, ..announcing(6) };
    let watched = Watched::begin(longer_than_it_waits_for);
    assert_eq!((watched.asks_primary, bypassed(&watched)), (true, Some(NotReplayable::Incomplete)));

    // One that announces nothing is waited for as long as it is short.
    let mut watched = Watched::begin(open());
    assert!(watched.exchange.holds_request());
    watched.on(Event::RequestBody { chunk: b"12345678", size: 8, end_of_stream: false }, at(1));
    assert!(watched.exchange.holds_request());
    watched.on(Event::RequestBody { chunk: b"123456789", size: 9, end_of_stream: false }, at(2));
    assert_eq!((watched.asks_primary, bypassed(&watched)), (true, Some(NotReplayable::Body)));

    let mut watched = Watched::begin(open());
    watched.on(Event::Waited { impatient_for: Duration::from_millis(200) }, at(200));
    assert_eq!((watched.asks_primary, bypassed(&watched)), (true, Some(NotReplayable::Incomplete)));
}

#[test]
fn the_ladders_time_begins_when_the_request_has_come() {
    let mut watched = Watched::begin(Setup { bodiless: false, announced: Some(4), ..strict() });
    watched.on(Event::RequestBody { chunk: b"", size: 2, end_of_stream: false }, at(10));
    watched.on(Event::RequestBody { chunk: b"1234", size: 4, end_of_stream: true }, at(5_000));
    assert!(watched.effects.contains(&Effect::Call { region: 0, timeout: ATTEMPT }), "{:?}", watched.effects);
}

#[test]
fn a_primary_that_is_left_alone_is_not_called_unless_all_are() {
    let guarded = |open: &[usize]| Setup { breaker: Some("{}"), open: open.to_vec(), ..strict() };
    let watched = Watched::begin(guarded(&[0]));
    let skipped = attempt(0, Verdict::Skipped(Skip::BreakerOpen));
    assert_eq!(watched.effects, [skipped, Effect::Call { region: 1, timeout: ATTEMPT }]);
    let mut watched = Watched::begin(guarded(&[0, 1]));
    assert_eq!(watched.in_flight, Some(0), "one request a second is let through all the same");
    watched.on(answered("200", b"good"), at(5));
    assert_eq!(watched.response(), Some(ServedBy::Primary));
    let passed_over = attempt(1, Verdict::Skipped(Skip::BreakerOpen));
    assert!(!watched.effects.contains(&passed_over), "nobody else was needed");
    let mut watched = Watched::begin(guarded(&[0, 1]));
    watched.on(Event::CallReset, at(5));
    assert!(watched.effects.contains(&passed_over) && watched.response() == Some(ServedBy::Static));
    let mut watched = Watched::begin(guarded(&[0, 1]));
    watched.on(answered("200", b"good"), at(5));
    assert_eq!(says(replied(&watched), "x-helius-served-by"), None);
    let too_long = Setup { bodiless: false, announced: Some(9), ..guarded(&[0, 1]) };
    let watched = Watched::begin(too_long);
    assert_eq!(
        (watched.asks_primary, bypassed(&watched)),
        (true, Some(NotReplayable::Body)),
        "and what it cannot call"
    );
}

#[test]
fn shadow_mode_calls_nobody() {
    let watched = Watched::begin(Setup { shadow: true, ..strict() });
    assert!(watched.effects.is_empty() && !watched.exchange.holds_request());
}
