//! The ladder row by row: what is wanted, in order, and what the client is told.

use std::time::Duration;

use helius_policy::exchange::{Answer, Effect, Event, Flow, Over, Record};
use helius_policy::http::{Headers, Response};
use helius_policy::time::Timestamp;
use helius_policy::verdict::{Degraded, Failure, ServedBy, Skip, Verdict};

use crate::setup::{ATTEMPT, Setup};
use crate::watch::Watched;

const REFUSED: &str = "upstream_reset_before_response_started{remote_connection_failure|refused}";

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + millis)
}

fn fails(watched: &mut Watched, details: &str, millis: u64) {
    let details = details.as_bytes();
    let flow = watched.on(
        Event::ResponseHeaders {
            status: Some(503),
            details,
            length: Some(9),
            retry_after: None,
            headers: Headers::new(),
            end_of_stream: false,
        },
        at(millis),
    );
    assert_eq!(flow, Flow::Hold);
    watched.on(Event::ResponseBody { chunk: b"", size: 9, end_of_stream: true }, at(millis));
}

/// An answer of unknown length whose body is to come.
fn begins(status: u16, details: &[u8]) -> Event<'_> {
    Event::ResponseHeaders {
        status: Some(status),
        details,
        length: None,
        retry_after: None,
        headers: Headers::new(),
        end_of_stream: false,
    }
}

fn answered(status: &str) -> Event<'static> {
    let headers = Headers::from_iter([(":status", status), ("x-envoy-upstream-service-time", "1"), ("x-model", "v7")]);
    Event::CallAnswered { headers, body: b"west".to_vec() }
}

fn waited(millis: u64) -> Event<'static> {
    Event::Waited { impatient_for: Duration::from_millis(millis) }
}

fn attempt(region: usize, verdict: Verdict) -> Effect {
    Effect::Record(Record::Attempt { region, verdict })
}

fn response(served_by: ServedBy, degraded: Option<Degraded>) -> Effect {
    Effect::Record(Record::Response { served_by, degraded })
}

fn marked(status: u16, mark: &[(&str, &str)], own: &[(&str, &str)], body: &[u8]) -> Response {
    Response { status, headers: mark.iter().chain(own).copied().collect(), body: body.to_vec() }
}

const CONNECT: Degraded = Degraded::Failure(Failure::Connect);

#[test]
fn a_good_primary_is_counted_when_it_has_ended() {
    let mut watched = Watched::begin(Setup::default());
    let headers = begins(200, b"");
    assert_eq!(watched.on(headers, at(5)), Flow::Continue);
    assert_eq!(watched.effects, []);
    watched.on(Event::ResponseBody { chunk: b"", size: 4, end_of_stream: true }, at(6));
    assert_eq!(watched.effects, [attempt(0, Verdict::Ok), response(ServedBy::Primary, None)]);
}

#[test]
fn a_failed_primary_is_replaced_by_the_secondary_region() {
    let mut watched = Watched::begin(Setup::default());
    fails(&mut watched, REFUSED, 5);
    watched.on(answered("201"), at(20));
    let mark = [
        ("x-helius-served-by", "secondary"),
        ("x-helius-region", "region-1"),
        ("x-helius-degraded", "connect"),
        ("x-helius-attempts", "2"),
    ];
    assert_eq!(
        watched.effects,
        [
            attempt(0, Verdict::Failure(Failure::Connect)),
            Effect::Call { region: 1, timeout: ATTEMPT },
            Effect::DiscardBody,
            attempt(1, Verdict::Ok),
            Effect::Answer(Answer::Replace {
                response: marked(201, &mark, &[("x-model", "v7"), ("content-length", "4")], b"west"),
                over: Over { body: true, trailers: false },
            }),
            response(ServedBy::Secondary, Some(CONNECT)),
        ]
    );
}

#[test]
fn when_every_region_fails_the_static_response_answers() {
    let mut watched = Watched::begin(Setup::default());
    fails(&mut watched, REFUSED, 5);
    watched.on(answered("500"), at(20));
    let Some(Answer::Replace { response, .. }) = watched.answer() else { panic!("{:?}", watched.effects) };
    let mark = [("x-helius-served-by", "static"), ("x-helius-degraded", "connect"), ("x-helius-attempts", "2")];
    let own = [("content-type", "application/json"), ("content-length", "18")];
    assert_eq!(*response, marked(200, &mark, &own, br#"{"confidence":0.0}"#));
    assert!(watched.effects.contains(&attempt(1, Verdict::Failure(Failure::ServerError))));
    assert_eq!(watched.response(), Some(ServedBy::Static));
}

#[test]
fn without_a_static_response_the_primarys_own_failure_is_released_with_a_mark() {
    let mut watched = Watched::begin(Setup { has_static: false, ..Setup::default() });
    fails(&mut watched, REFUSED, 5);
    assert!(!watched.effects.contains(&Effect::DiscardBody), "it may be the answer");
    watched.on(Event::CallReset, at(20));
    let mark = Headers::from_iter([
        ("x-helius-served-by", "primary"),
        ("x-helius-region", "region-0"),
        ("x-helius-degraded", "connect"),
        ("x-helius-attempts", "2"),
    ]);
    assert_eq!(watched.answer(), Some(&Answer::Release(mark)));
}

#[test]
fn what_may_not_be_replayed_goes_to_the_static_response_and_says_so() {
    let mut watched = Watched::begin(Setup { method: "PATCH", ..Setup::default() });
    fails(&mut watched, REFUSED, 5);
    let Some(Answer::Replace { response, .. }) = watched.answer() else { panic!("{:?}", watched.effects) };
    assert_eq!(response.headers.first("x-helius-not-replayable"), Some(b"method".as_slice()));
    assert_eq!(response.headers.first("x-helius-attempts"), Some(b"1".as_slice()));
    assert!(watched.effects.contains(&attempt(1, Verdict::Skipped(Skip::NotReplayable))));
}

#[test]
fn an_attempt_gets_what_is_left_of_the_deadline_and_is_skipped_when_nothing_is() {
    for (elapsed, left) in [(600, Some(400)), (601, Some(399)), (980, Some(20)), (981, None), (5_000, None)] {
        let mut watched = Watched::begin(Setup::default());
        fails(&mut watched, "upstream_per_try_timeout", elapsed);
        let call = watched.effects.iter().find_map(|effect| match effect {
            Effect::Call { timeout, .. } => Some(timeout.as_millis()),
            _ => None,
        });
        assert_eq!(call, left, "after {elapsed} ms");
        let skipped = watched.effects.contains(&attempt(1, Verdict::Skipped(Skip::Deadline)));
        assert_eq!(skipped, left.is_none(), "after {elapsed} ms");
    }
}

#[test]
fn a_429_goes_to_the_next_region_and_passes_when_none_does_better() {
    let limited = || Event::ResponseHeaders {
        status: Some(429),
        details: b"via_upstream",
        length: None,
        retry_after: None,
        headers: Headers::new(),
        end_of_stream: true,
    };
    let mut watched = Watched::begin(Setup::default());
    assert_eq!(watched.on(limited(), at(5)), Flow::Hold);
    watched.on(answered("200"), at(9));
    assert_eq!(watched.response(), Some(ServedBy::Secondary));

    let mut watched = Watched::begin(Setup::default());
    watched.on(limited(), at(5));
    watched.on(Event::CallReset, at(9));
    assert!(matches!(watched.answer(), Some(Answer::Release(_))), "not the static response: {:?}", watched.effects);
    let mark = watched.effects.last();
    assert_eq!(mark, Some(&response(ServedBy::Primary, Some(Degraded::RateLimited))));

    let mut watched = Watched::begin(Setup::default());
    fails(&mut watched, REFUSED, 5);
    watched.on(answered("429"), at(9));
    let Some(Answer::Replace { response, .. }) = watched.answer() else { panic!("{:?}", watched.effects) };
    assert_eq!(response.status, 429, "nor is that of a secondary region masked");
}

#[test]
fn a_failure_that_is_not_in_fail_on_passes_with_a_mark() {
    let mut watched = Watched::begin(Setup { fail_on: vec![Failure::Connect], ..Setup::default() });
    let failed = begins(500, b"via_upstream");
    assert_eq!(watched.on(failed, at(5)), Flow::Continue);
    assert!(matches!(watched.answer(), Some(Answer::Release(_))));
    assert_eq!(watched.response(), Some(ServedBy::Primary));
}

#[test]
fn an_empty_answer_cannot_be_replaced_in_place_unless_the_new_one_is_bodiless_too() {
    let empty = || Event::ResponseHeaders {
        status: Some(500),
        details: b"via_upstream",
        length: Some(0),
        retry_after: None,
        headers: Headers::new(),
        end_of_stream: true,
    };
    let mut watched = Watched::begin(Setup::default());
    watched.on(empty(), at(5));
    watched.on(answered("200"), at(9));
    assert!(matches!(watched.answer(), Some(Answer::Reply(_))), "{:?}", watched.effects);

    let mut watched = Watched::begin(Setup { method: "HEAD", ..Setup::default() });
    watched.on(empty(), at(5));
    watched.on(Event::CallReset, at(9));
    let Some(Answer::Replace { response, over }) = watched.answer() else { panic!("{:?}", watched.effects) };
    assert_eq!(*over, Over::default());
    assert_eq!(response.headers.first("content-length"), Some(b"18".as_slice()), "what a GET would get");
}

#[test]
fn an_answer_in_hand_does_not_wait_for_the_rest_of_a_failed_one() {
    let mut watched = Watched::begin(Setup::default());
    let stalls = Event::ResponseHeaders {
        status: Some(500),
        details: b"via_upstream",
        length: Some(9),
        retry_after: None,
        headers: Headers::new(),
        end_of_stream: false,
    };
    watched.on(stalls, at(5));
    watched.on(answered("200"), at(9));
    assert!(matches!(watched.answer(), Some(Answer::Reply(_))), "{:?}", watched.effects);
}

#[test]
fn an_answer_at_once_waits_for_a_body_that_is_about_to_come() {
    let cases = [(REFUSED, None, true), ("via_upstream", Some(9), true), ("via_upstream", None, false)];
    for (details, length, waits) in cases {
        let mut watched = Watched::begin(Setup { secondaries: 0, ..Setup::default() });
        let details = details.as_bytes();
        watched.on(
            Event::ResponseHeaders {
                status: Some(503),
                details,
                length,
                retry_after: None,
                headers: Headers::new(),
                end_of_stream: false,
            },
            at(5),
        );
        assert_eq!(watched.answer().is_none(), waits, "{details:?} {length:?}");
        if waits {
            watched.on(Event::ResponseBody { chunk: b"", size: 9, end_of_stream: true }, at(6));
            assert!(matches!(watched.answer(), Some(Answer::Replace { .. })));
        }
    }
}

#[test]
fn a_failed_answer_with_trailers_loses_them_when_it_is_replaced() {
    let mut watched = Watched::begin(Setup::default());
    let failed = begins(500, b"via_upstream");
    watched.on(failed, at(5));
    assert_eq!(watched.on(Event::ResponseBody { chunk: b"", size: 9, end_of_stream: false }, at(6)), Flow::Hold);
    assert_eq!(watched.on(Event::ResponseTrailers, at(6)), Flow::Hold);
    watched.on(answered("200"), at(9));
    let Some(Answer::Replace { over, .. }) = watched.answer() else { panic!("{:?}", watched.effects) };
    assert_eq!(*over, Over { body: true, trailers: true });
}

#[test]
fn a_held_answer_that_grows_too_large_is_released_if_it_may_be_the_answer() {
    let mut watched = Watched::begin(Setup { has_static: false, ..Setup::default() });
    let failed = begins(500, b"via_upstream");
    watched.on(failed, at(5));
    assert_eq!(watched.on(Event::ResponseBody { chunk: b"", size: 16_384, end_of_stream: false }, at(6)), Flow::Hold);
    assert_eq!(
        watched.on(Event::ResponseBody { chunk: b"", size: 16_385, end_of_stream: false }, at(7)),
        Flow::Continue
    );
    assert!(watched.effects.contains(&attempt(1, Verdict::Abandoned)), "its callout is in flight for nobody");
    assert!(matches!(watched.answer(), Some(Answer::Release(_))));
}

/// The primary fails early: its answer has begun and not ended.
fn fails_early(watched: &mut Watched) {
    let details = b"via_upstream".as_slice();
    let headers = Event::ResponseHeaders {
        status: Some(500),
        details,
        length: Some(9),
        retry_after: None,
        headers: Headers::new(),
        end_of_stream: false,
    };
    assert_eq!(watched.on(headers, at(5)), Flow::Hold);
    assert_eq!(watched.in_flight, None);
}

#[test]
fn a_body_that_was_shown_while_it_was_held_is_shown_and_kept_once_more_after_an_early_answer() {
    let mut watched = Watched::begin(Setup { bodiless: false, announced: Some(7), ..Setup::default() });
    watched.on(Event::RequestBody { chunk: b"12", size: 2, end_of_stream: false }, at(1));
    fails_early(&mut watched);
    watched.on(Event::RequestBody { chunk: b"1234567", size: 7, end_of_stream: true }, at(6));
    assert!(watched.effects.contains(&Effect::Call { region: 1, timeout: ATTEMPT }), "{:?}", watched.effects);
    assert_eq!(watched.exchange.kept_body(), b"1234567");
}

#[test]
fn a_request_that_is_still_coming_is_waited_for() {
    let mut watched = Watched::begin(Setup { bodiless: false, ..Setup::default() });
    watched.on(Event::RequestBody { chunk: b"1234", size: 4, end_of_stream: false }, at(1));
    fails_early(&mut watched);
    watched.on(Event::RequestBody { chunk: b"5678", size: 4, end_of_stream: true }, at(6));
    assert_eq!(watched.in_flight, Some(1));
    assert_eq!(watched.exchange.call(1).unwrap().request.body, b"12345678");
}

#[test]
fn a_request_that_is_still_coming_is_waited_for_until_the_deadline() {
    let mut watched = Watched::begin(Setup { bodiless: false, ..Setup::default() });
    fails_early(&mut watched);
    assert!(watched.exchange.is_impatient());
    // The wall clock may have stepped back meanwhile.
    watched.on(waited(999), at(0));
    assert_eq!(watched.answer(), None);
    watched.on(waited(1_000), at(0));
    let Some(Answer::Reply(response)) = watched.answer() else { panic!("{:?}", watched.effects) };
    assert_eq!(response.headers.first("x-helius-not-replayable"), Some(b"incomplete".as_slice()));
}

#[test]
fn a_request_that_was_held_back_when_the_answer_came_is_kept_piece_by_piece() {
    let mut watched = Watched::begin(Setup { bodiless: false, announced: Some(8), ..Setup::default() });
    fails_early(&mut watched);
    let piece = Event::RequestBody { chunk: b"1234", size: 4, end_of_stream: false };
    assert!(watched.exchange.wants_request_body(4, false));
    assert_eq!(watched.on(piece, at(6)), Flow::Continue);
    watched.on(Event::RequestBody { chunk: b"5678", size: 4, end_of_stream: true }, at(7));
    assert_eq!(watched.exchange.call(1).unwrap().request.body, b"12345678");
}

#[test]
fn a_request_whose_end_cannot_come_any_more_is_not_waited_for() {
    let mut watched = Watched::begin(Setup { bodiless: false, ..Setup::default() });
    watched.on(Event::RequestBody { chunk: b"1234", size: 4, end_of_stream: false }, at(1));
    fails_early(&mut watched);
    watched.on(Event::ResponseBody { chunk: b"", size: 9, end_of_stream: true }, at(6));
    let Some(Answer::Replace { response, .. }) = watched.answer() else { panic!("{:?}", watched.effects) };
    assert_eq!(response.headers.first("x-helius-not-replayable"), Some(b"incomplete".as_slice()));
}

#[test]
fn a_short_request_waits_for_its_end_before_it_goes_to_the_primary() {
    let mut watched = Watched::begin(Setup { bodiless: false, announced: Some(8), ..Setup::default() });
    assert!(watched.exchange.holds_request());
    let part = Event::RequestBody { chunk: b"", size: 4, end_of_stream: false };
    assert_eq!(watched.on(part, at(1)), Flow::Hold);
    let whole = Event::RequestBody { chunk: b"12345678", size: 8, end_of_stream: true };
    assert_eq!(watched.on(whole, at(2)), Flow::Continue);
    fails(&mut watched, "no_healthy_upstream", 3);
    assert_eq!(watched.exchange.call(1).unwrap().request.body, b"12345678");
}

#[test]
fn what_should_come_at_once_is_not_waited_for_long() {
    let mut watched = Watched::begin(Setup { bodiless: false, announced: Some(8), ..Setup::default() });
    assert!(watched.exchange.is_impatient());
    watched.on(waited(100), at(100));
    assert_eq!(watched.effects, [Effect::ResumeRequest]);
    assert!(!watched.exchange.is_impatient() && !watched.exchange.holds_request());

    let mut watched = Watched::begin(Setup { bodiless: false, announced: Some(8), ..Setup::default() });
    watched.on(Event::RequestBody { chunk: b"", size: 4, end_of_stream: false }, at(1));
    assert!(!watched.exchange.is_impatient(), "a body that has begun to come is waited for");
    watched.on(waited(100), at(100));
    assert!(watched.exchange.holds_request());

    let mut watched = Watched::begin(Setup { secondaries: 0, ..Setup::default() });
    let details = b"via_upstream".as_slice();
    let headers = Event::ResponseHeaders {
        status: Some(500),
        details,
        length: Some(9),
        retry_after: None,
        headers: Headers::new(),
        end_of_stream: false,
    };
    watched.on(headers, at(5));
    assert!(watched.exchange.is_impatient());
    watched.on(waited(100), at(100));
    assert!(matches!(watched.answer(), Some(Answer::Reply(_))), "{:?}", watched.effects);
}

#[test]
fn a_client_who_leaves_is_counted_with_the_attempt_that_was_under_way() {
    let mut watched = Watched::begin(Setup::default());
    watched.on(Event::End { details: b"downstream_remote_disconnect" }, at(5));
    assert_eq!(watched.effects, [attempt(0, Verdict::Abandoned), response(ServedBy::Nobody, None)]);

    let mut watched = Watched::begin(Setup::default());
    fails(&mut watched, REFUSED, 5);
    watched.on(Event::End { details: b"downstream_remote_disconnect" }, at(6));
    assert!(watched.effects.ends_with(&[attempt(1, Verdict::Abandoned), response(ServedBy::Nobody, Some(CONNECT))]));
}

#[test]
fn what_breaks_off_in_mid_body_is_seen_though_not_repaired() {
    let mut watched = Watched::begin(Setup::default());
    let headers = begins(200, b"");
    watched.on(headers, at(5));
    watched.on(Event::End { details: b"upstream_reset_after_response_started{remote_reset}" }, at(9));
    let reset = Degraded::Failure(Failure::Reset);
    assert_eq!(
        watched.effects,
        [attempt(0, Verdict::Failure(Failure::Reset)), response(ServedBy::Primary, Some(reset))]
    );
}

#[test]
fn shadow_mode_counts_what_it_would_have_done() {
    let cases = [
        (Setup { shadow: true, ..Setup::default() }, Some(ServedBy::WouldSecondary)),
        (Setup { shadow: true, secondaries: 0, ..Setup::default() }, Some(ServedBy::WouldStatic)),
        (Setup { shadow: true, method: "PATCH", ..Setup::default() }, Some(ServedBy::WouldStatic)),
        (Setup { shadow: true, secondaries: 0, has_static: false, ..Setup::default() }, None),
    ];
    for (setup, would) in cases {
        let mut watched = Watched::begin(setup);
        let details = REFUSED.as_bytes();
        let failed = Event::ResponseHeaders {
            status: Some(503),
            details,
            length: None,
            retry_after: None,
            headers: Headers::new(),
            end_of_stream: true,
        };
        assert_eq!(watched.on(failed, at(5)), Flow::Continue);
        let counted = watched.effects.iter().find_map(|effect| match effect {
            Effect::Record(Record::Response { served_by, degraded: Some(CONNECT) })
                if *served_by != ServedBy::Primary =>
            {
                Some(*served_by)
            }
            _ => None,
        });
        assert_eq!(counted, would);
        assert_eq!(watched.response(), Some(ServedBy::Primary));
    }
}
