//! Answers that are judged by what they say.

use std::time::Duration;

use helius_policy::circuit_breaker::State;
use helius_policy::exchange::{Answer, Effect, Event, Flow, IN_PLACE_MAX, Record};
use helius_policy::http::{Headers, Response};
use helius_policy::time::Timestamp;
use helius_policy::verdict::{Degraded, Failure, ServedBy, Verdict};

use crate::setup::Setup;
use crate::watch::Watched;

const GOOD: &[u8] = br#"{"confidence": 0.9}"#;
const BAD: &[u8] = br#"{"confidence": "secret"}"#;
const INVALID: Verdict = Verdict::Failure(Failure::InvalidOutput);

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + millis)
}

fn judged() -> Setup {
    Setup {
        output: Some("{ schema: { properties: { confidence: { type: number } } }, max_body: 64KiB }"),
        ..Setup::default()
    }
}

/// The primary's answer begins.
fn begins(watched: &mut Watched, status: u16, headers: &[(&str, &str)], end_of_stream: bool) -> Flow {
    let wanted = watched.exchange.wants_response_headers(Some(status));
    let headers = if wanted { headers.iter().copied().collect() } else { Headers::new() };
    let details = b"via_upstream";
    let event = Event::ResponseHeaders {
        status: Some(status),
        details,
        length: None,
        retry_after: None,
        headers,
        end_of_stream,
    };
    watched.on(event, at(5))
}

fn body(watched: &mut Watched, chunk: &[u8], end_of_stream: bool) -> Flow {
    let shown = if watched.exchange.wants_response_body() { chunk } else { &[] };
    watched.on(Event::ResponseBody { chunk: shown, size: chunk.len(), end_of_stream }, at(6))
}

fn answered(body: &[u8]) -> Event<'static> {
    let headers = Headers::from_iter([(":status", "200"), ("x-envoy-upstream-service-time", "1")]);
    Event::CallAnswered { headers, body: body.to_vec() }
}

fn given(watched: &Watched) -> &Response {
    match watched.answer() {
        Some(Answer::Replace { response, .. } | Answer::Reply(response)) => response,
        other => panic!("{other:?} of {:?}", watched.effects),
    }
}

fn attempts(watched: &Watched) -> Vec<(usize, Verdict)> {
    let of = |effect: &Effect| match effect {
        Effect::Record(Record::Attempt { region, verdict }) => Some((*region, *verdict)),
        _ => None,
    };
    watched.effects.iter().filter_map(of).collect()
}

fn told(watched: &Watched) -> Vec<(usize, &str, &str)> {
    let faults = watched.effects.iter().filter_map(|effect| match effect {
        Effect::Tell { region, fault } => Some((*region, fault.rule(), fault.pointer())),
        _ => None,
    });
    faults.collect()
}

#[test]
fn a_valid_answer_in_one_piece_goes_on_untouched() {
    let mut watched = Watched::begin(judged());
    assert_eq!(begins(&mut watched, 200, &[], false), Flow::Hold);
    assert_eq!(body(&mut watched, GOOD, true), Flow::Continue);
    let good = Effect::Record(Record::Response { served_by: ServedBy::Primary, degraded: None });
    assert_eq!(watched.effects, [Effect::Record(Record::Attempt { region: 0, verdict: Verdict::Ok }), good]);
}

#[test]
fn a_valid_answer_in_pieces_is_put_back_where_it_fits_and_else_given_by_a_reply() {
    for (length, is_put_back) in [(GOOD.len() + 7, true), (IN_PLACE_MAX, true), (IN_PLACE_MAX + 1, false)] {
        let mut whole = GOOD.to_vec();
        whole.resize(length, b' ');
        let mut watched = Watched::begin(judged());
        begins(&mut watched, 201, &[(":status", "201"), ("x-model", "v7"), ("content-length", "9")], false);
        let (first, last) = whole.split_at(7);
        assert_eq!(body(&mut watched, first, false), Flow::Hold);
        assert_eq!(watched.effects, [Effect::DiscardBody]);
        body(&mut watched, last, true);
        assert_eq!(watched.effects.contains(&Effect::GiveResponseBodyBack(whole.clone())), is_put_back, "{length}");
        if !is_put_back {
            let expected = Response { status: 201, headers: Headers::from_iter([("x-model", "v7")]), body: whole };
            assert_eq!(*given(&watched), expected);
        }
        assert_eq!(watched.response(), Some(ServedBy::Primary));
    }
}

#[test]
fn an_invalid_answer_is_never_seen_and_says_where_it_breaks_which_rule() {
    let mut watched = Watched::begin(judged());
    begins(&mut watched, 200, &[], false);
    assert_eq!(body(&mut watched, BAD, true), Flow::Hold);
    watched.on(answered(GOOD), at(9));
    assert_eq!(attempts(&watched), [(0, INVALID), (1, Verdict::Ok)]);
    assert_eq!(told(&watched), [(0, "type", "/confidence")]);
    let response = given(&watched);
    assert_eq!(response.body, GOOD);
    assert_eq!(response.headers.first("x-helius-degraded"), Some(b"invalid_output".as_slice()));
}

#[test]
fn what_both_regions_say_wrongly_is_answered_statically_and_without_that_by_a_503() {
    for has_static in [true, false] {
        let mut watched = Watched::begin(Setup { has_static, ..judged() });
        begins(&mut watched, 200, &[], false);
        body(&mut watched, BAD, true);
        watched.on(answered(b"{"), at(9));
        assert_eq!(attempts(&watched), [(0, INVALID), (1, INVALID)]);
        assert_eq!(told(&watched)[1], (1, "truncated", ""));
        let response = given(&watched);
        let (status, served_by) = if has_static { (200, "static") } else { (503, "refusal") };
        assert_eq!(response.status, status);
        assert_eq!(response.headers.first("x-helius-served-by"), Some(served_by.as_bytes()));
        assert!(!response.body.windows(6).any(|it| it == b"secret"));
    }
}

#[test]
fn an_answer_that_is_empty_or_too_long_is_invalid() {
    let mut watched = Watched::begin(judged());
    begins(&mut watched, 200, &[], true);
    assert_eq!((attempts(&watched), told(&watched)[0].1), (vec![(0, INVALID)], "truncated"));

    let mut watched = Watched::begin(judged());
    begins(&mut watched, 200, &[], false);
    body(&mut watched, &vec![b' '; 64 << 10], false);
    assert_eq!(attempts(&watched), []);
    body(&mut watched, b" ", false);
    assert_eq!((attempts(&watched), told(&watched)[0].1), (vec![(0, INVALID)], "max_body"));
}

#[test]
fn what_has_no_body_to_judge_passes() {
    let json = ("content-type", "application/json");
    let cases = [
        (204, "GET", json),
        (302, "GET", json),
        (404, "GET", json),
        (200, "HEAD", json),
        (200, "GET", ("content-type", "text/event-stream; charset=utf-8")),
        (200, "GET", ("content-encoding", "gzip")),
    ];
    for (status, method, header) in cases {
        let mut watched = Watched::begin(Setup { method, ..judged() });
        assert_eq!(begins(&mut watched, status, &[header], false), Flow::Continue, "{status} {method} {header:?}");
        body(&mut watched, BAD, true);
        assert!(told(&watched).is_empty());
    }
}

#[test]
fn a_region_whose_answer_is_to_be_judged_is_not_asked_for_a_compressed_one() {
    let gzip = ("accept-encoding", "gzip");
    for (setup, asks_plainly) in
        [(judged(), true), (Setup { shadow: true, ..judged() }, false), (Setup::default(), false)]
    {
        let mut watched = Watched::begin(Setup { extra: Some(gzip), ..setup });
        assert_eq!(watched.effects.contains(&Effect::AskPlainly), asks_plainly);
        watched.on(answered(b"{}"), at(1));
        let event = Event::ResponseHeaders {
            status: Some(500),
            details: b"via_upstream",
            length: None,
            retry_after: None,
            headers: Headers::new(),
            end_of_stream: true,
        };
        watched.on(event, at(5));
        if let Some(call) = watched.exchange.call(1) {
            assert_eq!(call.request.headers.first("accept-encoding").is_none(), asks_plainly);
        }
    }
}

#[test]
fn one_that_does_not_end_is_given_up_when_an_attempts_time_is_over() {
    let mut watched = Watched::begin(judged());
    begins(&mut watched, 200, &[], false);
    body(&mut watched, b"{", false);
    assert!(watched.exchange.is_impatient());
    watched.on(Event::Waited { impatient_for: Duration::from_millis(399) }, at(399));
    assert_eq!(attempts(&watched), []);
    watched.on(Event::Waited { impatient_for: Duration::from_millis(400) }, at(400));
    assert_eq!(attempts(&watched), [(0, Verdict::Failure(Failure::Timeout))]);
    watched.on(answered(GOOD), at(450));
    assert!(matches!(watched.answer(), Some(Answer::Reply(_))), "{:?}", watched.effects);
}

/// What was held has been taken apart, and cannot go on any more.
#[test]
fn one_that_is_given_up_is_not_the_answer_even_where_fail_on_does_not_list_why() {
    let setup = Setup { fail_on: vec![Failure::InvalidOutput], ..judged() };
    for failure in [Failure::Timeout, Failure::Overflow] {
        let mut watched = Watched::begin(setup.clone());
        begins(&mut watched, 200, &[], false);
        body(&mut watched, b"{", false);
        if failure == Failure::Timeout {
            watched.on(Event::Waited { impatient_for: Duration::from_millis(400) }, at(400));
        } else {
            watched.on(Event::ResponseBody { chunk: b"", size: 1, end_of_stream: false }, at(7));
        }
        assert_eq!(attempts(&watched), [(0, Verdict::Failure(failure))]);
        watched.on(answered(GOOD), at(450));
        assert_eq!((watched.response(), given(&watched).body.as_slice()), (Some(ServedBy::Secondary), GOOD));
    }
}

#[test]
fn one_that_breaks_off_or_whose_client_leaves_is_counted_as_what_it_was() {
    let reset = Verdict::Failure(Failure::Reset);
    let cases = [
        (b"upstream_reset_after_response_started{remote_reset}".as_slice(), reset, ServedBy::Primary),
        (b"downstream_remote_disconnect", Verdict::Abandoned, ServedBy::Nobody),
    ];
    for (details, verdict, served_by) in cases {
        let mut watched = Watched::begin(judged());
        begins(&mut watched, 200, &[], false);
        watched.on(Event::End { details }, at(9));
        assert_eq!((attempts(&watched), watched.response()), (vec![(0, verdict)], Some(served_by)));
    }
}

#[test]
fn where_nothing_would_follow_it_passes_and_is_counted() {
    for shadow in [true, false] {
        let fail_on = if shadow { Failure::ALL.to_vec() } else { vec![Failure::Connect] };
        let mut watched = Watched::begin(Setup { fail_on, shadow, ..judged() });
        assert_eq!(begins(&mut watched, 200, &[], false), Flow::Continue);
        assert_eq!(body(&mut watched, &BAD[..5], false), Flow::Continue);
        assert_eq!(body(&mut watched, &BAD[5..], true), Flow::Continue);
        assert_eq!((attempts(&watched), told(&watched).len()), (vec![(0, INVALID)], 1));
        let degraded = Some(Degraded::Failure(Failure::InvalidOutput));
        let would = Effect::Record(Record::Response { served_by: ServedBy::WouldSecondary, degraded });
        assert_eq!(watched.effects.contains(&would), shadow);
        assert!(watched.effects.contains(&Effect::Record(Record::Response { served_by: ServedBy::Primary, degraded })));
    }
}

#[test]
fn a_region_that_answers_nonsense_is_ejected() {
    let output = Some("{ schema: { type: object }, eject: { invalid: 3, of: 4 } }");
    let setup = Setup { output, breaker: Some("{ consecutive_failures: 0 }"), ..Setup::default() };
    let mut watched = Watched::begin(setup.clone());
    for (valid, state) in [(false, State::Closed), (true, State::Closed), (false, State::Closed), (false, State::Open)]
    {
        let host = std::mem::take(&mut watched.host);
        watched = Watched::begin(setup.clone());
        watched.host = host;
        begins(&mut watched, 200, &[], false);
        body(&mut watched, if valid { b"{}" } else { b"[]" }, true);
        assert_eq!(watched.host.state(&setup.route(), 0), state);
    }
}
