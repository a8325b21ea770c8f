//! The ladder around regions that are left alone.

use std::rc::Rc;
use std::time::Duration;

use helius_policy::circuit_breaker::{Reason, State, Transition};
use helius_policy::exchange::{Answer, Effect, Event, Exchange, Flow, HELD_MAX, Record};
use helius_policy::http::{Headers, Response};
use helius_policy::retry_budget::RetryBudget;
use helius_policy::time::{Clock, Timestamp};
use helius_policy::verdict::{Degraded, Failure, ServedBy, Skip, Verdict};

use crate::host::Fake;
use crate::setup::{ATTEMPT, Setup};
use crate::watch::Watched;

const REFUSED: &[u8] = b"upstream_reset_before_response_started{remote_connection_failure|refused}";

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + millis)
}

fn guarded() -> Setup {
    Setup { breaker: Some("{}"), ..Setup::default() }
}

fn open(regions: &[usize]) -> Setup {
    Setup { open: regions.to_vec(), ..guarded() }
}

fn answered(status: &str) -> Event<'static> {
    let headers = Headers::from_iter([(":status", status), ("x-envoy-upstream-service-time", "1")]);
    Event::CallAnswered { headers, body: b"west".to_vec() }
}

fn responds(status: u16, retry_after: Option<&[u8]>, end_of_stream: bool) -> Event<'_> {
    let details = if status == 503 { REFUSED } else { b"via_upstream" };
    Event::ResponseHeaders {
        status: Some(status),
        details,
        length: Some(0),
        retry_after,
        headers: Headers::new(),
        end_of_stream,
    }
}

fn piece(chunk: &[u8], end_of_stream: bool) -> Event<'_> {
    Event::RequestBody { chunk, size: chunk.len(), end_of_stream }
}

fn skipped(region: usize, skip: Skip) -> Effect {
    Effect::Record(Record::Attempt { region, verdict: Verdict::Skipped(skip) })
}

fn attempt(region: usize, verdict: Verdict) -> Effect {
    Effect::Record(Record::Attempt { region, verdict })
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

/// One exchange after the other on the same host: each is begun, given this answer of the primary, and over.
fn ask(setup: &Setup, host: &Fake, status: u16) -> Vec<Effect> {
    let mut effects = Vec::new();
    let mut exchange = setup.begin(host, &mut effects);
    exchange.on(responds(status, None, true), host, &mut effects);
    exchange.on(Event::End { details: b"" }, host, &mut effects);
    effects
}

fn transitions(effects: &[Effect]) -> Vec<(usize, Transition)> {
    let of = |effect: &Effect| match effect {
        Effect::Record(Record::Transition { region, transition }) => Some((*region, *transition)),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

#[test]
fn a_region_that_is_left_alone_is_passed_over_at_once() {
    let mut watched = Watched::begin(open(&[0]));
    assert!(!watched.asks_primary && watched.exchange.holds_request());
    watched.on(answered("200"), at(3));
    let response = replied(&watched);
    let marks = ["x-helius-served-by", "x-helius-region", "x-helius-degraded", "x-helius-attempts"];
    let expected = ["secondary", "region-1", "skipped_breaker_open", "1"].map(Some);
    assert_eq!(marks.map(|mark| says(response, mark)), expected);
    assert_eq!(
        watched.effects.iter().filter(|it| !matches!(it, Effect::Answer(_))).collect::<Vec<_>>(),
        [
            &skipped(0, Skip::BreakerOpen),
            &Effect::Call { region: 1, timeout: ATTEMPT },
            &attempt(1, Verdict::Ok),
            &Effect::Record(Record::Response { served_by: ServedBy::Secondary, degraded: Some(Degraded::BreakerOpen) }),
        ]
    );
    assert!(watched.exchange.holds_request(), "the request itself never goes on");
}

#[test]
fn failures_in_a_row_open_and_the_next_request_does_not_ask() {
    let (setup, host) = (guarded(), guarded().host());
    for _ in 0..6 {
        assert_eq!(transitions(&ask(&setup, &host, 503)), []);
    }
    let opened = transitions(&ask(&setup, &host, 503));
    let transition = Transition { from: State::Closed, to: State::Open, reason: Reason::ConsecutiveFailures };
    assert_eq!(opened, [(0, transition)]);
    let effects = ask(&setup, &host, 503);
    assert!(effects.contains(&skipped(0, Skip::BreakerOpen)), "{effects:?}");
}

#[test]
fn neither_client_errors_nor_limits_open() {
    let (setup, host) = (guarded(), guarded().host());
    for status in [400, 404, 422, 429].repeat(20) {
        ask(&setup, &host, status);
    }
    assert_eq!(host.state(&setup.route(), 0), State::Closed);
}

#[test]
fn a_429_that_says_when_opens_for_so_long() {
    let mut watched = Watched::begin(guarded());
    watched.on(responds(429, Some(b"7"), true), at(0));
    let transition = Transition { from: State::Closed, to: State::Open, reason: Reason::RetryAfter };
    assert_eq!(transitions(&watched.effects), [(0, transition)]);
    let host = watched.host;
    for (now, asks) in [(6_999, false), (7_000, true)] {
        host.now.set(at(now));
        let mut effects = Vec::new();
        guarded().begin(&host, &mut effects);
        let is_asked = effects.iter().any(|it| matches!(it, Effect::LimitPrimary(_)));
        assert_eq!(is_asked, asks, "after {now} ms");
    }
}

#[test]
fn the_breaker_of_a_secondary_region_is_told_as_well() {
    let mut watched = Watched::begin(guarded());
    watched.on(responds(503, None, true), at(1));
    for _ in 0..7 {
        let host = std::mem::take(&mut watched.host);
        watched = Watched::begin(guarded());
        watched.host = host;
        watched.on(responds(500, None, true), at(2));
        watched.on(Event::CallReset, at(3));
    }
    assert_eq!(watched.host.state(&guarded().route(), 1), State::Open);
}

#[test]
fn a_breaker_that_only_watches_lets_no_request_be_sent_twice() {
    let setup = Setup { breaker: Some("{ mode: shadow, consecutive_failures: 1 }"), method: "PATCH", ..guarded() };
    let host = setup.host();
    let passed_over = ask(&setup, &host, 503);
    for effects in [passed_over, ask(&setup, &host, 503)] {
        assert!(effects.contains(&skipped(1, Skip::NotReplayable)), "{effects:?}");
    }
}

#[test]
fn who_sends_slowly_does_not_make_the_region_slow() {
    let breaker = Some("{ min_requests: 1, slow_call: { duration: 100ms } }");
    for (is_whole, state) in [(true, State::Open), (false, State::Closed)] {
        let setup = Setup { bodiless: is_whole, announced: (!is_whole).then_some(0), breaker, ..guarded() };
        let mut watched = Watched::begin(setup.clone());
        if !is_whole {
            watched.on(piece(b"", true), at(300));
        }
        watched.on(responds(200, None, true), at(301));
        assert_eq!(watched.host.state(&setup.route(), 0), state, "whole: {is_whole}");
    }
}

#[test]
fn a_last_resort_that_fails_says_why_nobody_else_was_asked_only_where_that_matters() {
    for (fail_on, expected) in [(Failure::ALL.to_vec(), Some("headers")), (vec![Failure::Timeout], None)] {
        let mut watched = Watched::begin(Setup { odd_header: true, fail_on, ..open(&[0, 1]) });
        assert!(watched.asks_primary);
        watched.on(responds(503, None, true), at(1));
        let named = match watched.answer() {
            Some(Answer::Reply(response)) => says(response, "x-helius-not-replayable"),
            Some(Answer::Release(headers)) => headers.first("x-helius-not-replayable").map(|_| "something"),
            other => panic!("{other:?}"),
        };
        assert_eq!(named, expected);
        assert_eq!(watched.effects.contains(&skipped(1, Skip::NotReplayable)), expected.is_some());
    }
}

#[test]
fn a_long_last_piece_of_a_held_request_is_taken_out_of_the_buffer_as_well() {
    for (size, is_taken) in [(HELD_MAX, false), (HELD_MAX + 1, true)] {
        let (setup, mut effects) = (Setup { bodiless: false, ..open(&[0]) }, Vec::new());
        let host = setup.host();
        let mut exchange = setup.begin(&host, &mut effects);
        let last = Event::RequestBody { chunk: b"1234", size, end_of_stream: true };
        assert_eq!(exchange.on(last, &host, &mut effects), Flow::Hold);
        assert_eq!(effects.contains(&Effect::TakeRequestBody), is_taken, "{size}");
    }
}

#[test]
fn a_request_that_is_still_coming_is_taken_out_of_the_buffer_and_sent_when_it_is_whole() {
    let mut watched = Watched::begin(Setup { bodiless: false, ..open(&[0]) });
    assert_eq!(watched.on(piece(b"1234", false), at(1)), Flow::Hold);
    assert_eq!(watched.effects, [Effect::TakeRequestBody]);
    assert_eq!(watched.in_flight, None);
    assert_eq!(watched.on(piece(b"5678", true), at(2)), Flow::Hold);
    assert_eq!(watched.in_flight, Some(1));
    assert_eq!(watched.exchange.call(1).unwrap().request.body, b"12345678");
}

/// A call that Envoy refuses is refused while the callback that asked for it is being handled, and says what it returns.
#[test]
fn a_request_that_is_passed_over_its_primary_stays_held_where_envoy_refuses_the_call() {
    for secondaries in [1, 2] {
        let mut watched = Watched::begin(Setup { bodiless: false, secondaries, ..open(&[0]) });
        assert_eq!(watched.on(piece(b"1234", true), at(1)), Flow::Hold);
        assert_eq!(watched.on(Event::CallRefused, at(1)), Flow::Hold, "{secondaries}");
        assert_eq!(watched.in_flight, (secondaries > 1).then_some(2));
    }
}

#[test]
fn a_short_request_asks_the_breaker_when_it_is_whole() {
    let setup = Setup { bodiless: false, announced: Some(4), ..guarded() };
    let mut watched = Watched::begin(setup.clone());
    assert!(watched.exchange.holds_request() && !watched.asks_primary);
    watched.host.open(&setup.route(), 0);
    watched.on(piece(b"1234", true), at(2));
    assert_eq!(watched.in_flight, Some(1), "it opened meanwhile");
}

#[test]
fn what_no_region_has_seen_may_go_to_one_whatever_its_method() {
    let mut watched = Watched::begin(Setup { method: "PATCH", secondaries: 2, ..open(&[0]) });
    assert_eq!(watched.in_flight, Some(1));
    watched.on(answered("500"), at(3));
    assert_eq!(watched.in_flight, None, "but not to another one after that");
    let response = replied(&watched);
    assert_eq!(says(response, "x-helius-served-by"), Some("static"));
    assert_eq!(says(response, "x-helius-not-replayable"), Some("method"));
}

#[test]
fn a_body_that_is_too_long_for_a_call_gets_the_static_answer() {
    let mut watched = Watched::begin(Setup { bodiless: false, ..open(&[0]) });
    watched.on(piece(b"12345678", false), at(1));
    watched.on(piece(b"9", false), at(2));
    let response = replied(&watched);
    assert_eq!(says(response, "x-helius-served-by"), Some("static"));
    assert_eq!(says(response, "x-helius-not-replayable"), Some("body"));
    assert_eq!(says(response, "x-helius-attempts"), Some("0"));
}

#[test]
fn when_all_are_left_alone_the_static_answer_comes_and_one_a_second_is_let_through() {
    let setup = Setup { secondaries: 2, ..open(&[0, 1, 2]) };
    let host = setup.host();
    let mut asked = Vec::new();
    for millis in [0, 1, 2, 3, 999, 1_000, 1_001, 1_002, 1_003, 2_000] {
        host.now.set(at(millis));
        let mut effects = Vec::new();
        setup.begin(&host, &mut effects);
        // A last resort goes to the first region that may have one now.
        if effects.contains(&Effect::LimitPrimary(ATTEMPT)) {
            asked.push((millis, 0));
        }
        asked.extend(effects.iter().filter_map(|effect| match effect {
            Effect::Call { region, .. } => Some((millis, *region)),
            _ => None,
        }));
    }
    let expected = [(0, 0), (1, 1), (2, 2), (1_000, 0), (1_001, 1), (1_002, 2), (2_000, 0)];
    assert_eq!(asked, expected);
}

#[test]
fn a_last_resort_to_the_primary_gets_the_whole_request() {
    let setup = Setup { bodiless: false, secondaries: 1, ..open(&[0, 1]) };
    let mut watched = Watched::begin(setup);
    watched.on(piece(b"1234", false), at(1));
    assert_eq!(watched.on(piece(b"5678", true), at(2)), Flow::Continue);
    assert!(watched.asks_primary && watched.effects.contains(&Effect::GiveRequestBodyBack));
    assert_eq!(watched.exchange.kept_body(), b"12345678");
    assert_eq!(watched.on(responds(200, None, true), at(5)), Flow::Continue);
    let good = Effect::Record(Record::Response { served_by: ServedBy::Primary, degraded: None });
    assert!(watched.effects.contains(&good), "{:?}", watched.effects);
    assert_eq!(watched.host.state(&open(&[]).route(), 0), State::HalfOpen, "and its success says that it is back");
}

#[test]
fn where_nothing_stands_ready_the_filter_says_when_to_come_again() {
    let setup = Setup { has_static: false, ..open(&[0, 1]) };
    let host = setup.host();
    for region in [0, 1] {
        let mut effects = Vec::new();
        setup.begin(&host, &mut effects);
        assert!(!effects.iter().any(|it| matches!(it, Effect::Answer(_))), "{region} has a last resort");
    }
    let mut effects = Vec::new();
    setup.begin(&host, &mut effects);
    let Some(Effect::Answer(Answer::Reply(response))) = effects.iter().find(|it| matches!(it, Effect::Answer(_)))
    else {
        panic!("{effects:?}")
    };
    assert_eq!(response.status, 503);
    assert_eq!(says(response, "x-helius-served-by"), Some("refusal"));
    assert_eq!(says(response, "retry-after"), Some("1"), "that of the next last resort");
    assert!(effects.contains(&skipped(0, Skip::BreakerOpen)) && effects.contains(&skipped(1, Skip::BreakerOpen)));
}

/// The primary's breaker is half-open: the open time of five seconds and a fifth is over.
fn half_open() -> Fake {
    let host = open(&[0]).host();
    host.now.set(at(6_001));
    host
}

fn begin(setup: &Setup, host: &Fake) -> (Exchange, bool) {
    let mut effects = Vec::new();
    let exchange = setup.begin(host, &mut effects);
    (exchange, effects.contains(&Effect::LimitPrimary(ATTEMPT)))
}

#[test]
fn half_open_lets_three_through_and_a_client_that_leaves_makes_room() {
    let (setup, host) = (guarded(), half_open());
    let mut probes: Vec<_> = (0..3).map(|_| begin(&setup, &host)).collect();
    assert!(probes.iter().all(|(_, asks)| *asks));
    assert!(!begin(&setup, &host).1, "there is no fourth slot");
    let mut effects = Vec::new();
    probes[1].0.on(Event::End { details: b"downstream_remote_disconnect" }, &host, &mut effects);
    assert!(begin(&setup, &host).1);
    assert!(!begin(&setup, &host).1);
}

#[test]
fn probes_that_go_well_close_it_and_a_tenth_of_the_traffic_comes_back() {
    let (setup, host) = (guarded(), half_open());
    for _ in 0..2 {
        ask(&setup, &host, 200);
    }
    let closed = transitions(&ask(&setup, &host, 200));
    assert_eq!(closed[0].1.reason, Reason::ProbesSucceeded);
    for (random, asks) in [(0.05, true), (0.15, false)] {
        host.random.set(random);
        assert_eq!(begin(&setup, &host).1, asks, "{random}");
    }
    host.now.set(host.now().after(Duration::from_secs(20)));
    assert!(begin(&setup, &host).1, "all of it after the ramp");
}

#[test]
fn a_probe_whose_answer_streams_on_has_found_out_enough_after_the_time_of_an_attempt() {
    let (setup, host) = (guarded(), half_open());
    let mut streams: Vec<_> = (0..3).map(|_| begin(&setup, &host).0).collect();
    let mut effects = Vec::new();
    for stream in &mut streams {
        stream.on(responds(200, None, false), &host, &mut effects);
        stream.on(Event::ResponseBody { chunk: b"", size: 9, end_of_stream: false }, &host, &mut effects);
    }
    assert_eq!(host.state(&setup.route(), 0), State::HalfOpen);
    host.now.set(host.now().after(ATTEMPT));
    for stream in &mut streams {
        stream.on(Event::ResponseBody { chunk: b"", size: 9, end_of_stream: false }, &host, &mut effects);
    }
    assert_eq!(host.state(&setup.route(), 0), State::Closed);
}

#[test]
fn an_answer_that_breaks_off_is_a_failure() {
    let (setup, host) = (guarded(), guarded().host());
    for _ in 0..7 {
        let (mut exchange, _) = begin(&setup, &host);
        let mut effects = Vec::new();
        exchange.on(responds(200, None, false), &host, &mut effects);
        let details = b"upstream_reset_after_response_started{remote_reset}";
        exchange.on(Event::End { details }, &host, &mut effects);
    }
    assert_eq!(host.state(&setup.route(), 0), State::Open);
}

#[test]
fn a_region_that_answers_nobody_is_left_alone_before_the_first_timeout() {
    let setup = Setup { breaker: Some("{ slow_call: { duration: 50ms } }"), ..Setup::default() };
    let host = setup.host();
    let waiting: Vec<_> = (0..30).map(|_| begin(&setup, &host)).collect();
    assert!(waiting.iter().all(|(_, asks)| *asks), "a burst is none");
    host.now.set(at(51));
    let mut effects = Vec::new();
    setup.begin(&host, &mut effects);
    let transition = Transition { from: State::Closed, to: State::Open, reason: Reason::Unanswered };
    assert_eq!(transitions(&effects), [(0, transition)]);
    assert!(!effects.contains(&Effect::LimitPrimary(ATTEMPT)));
}

#[test]
fn clients_who_send_slowly_say_nothing_about_the_region() {
    let breaker = Some("{ slow_call: { duration: 50ms } }");
    let setup = Setup { bodiless: false, announced: Some(12), breaker, ..Setup::default() };
    let host = setup.host();
    let slow: Vec<_> = (0..30).map(|_| begin(&setup, &host)).collect();
    host.now.set(at(300));
    assert!(begin(&setup, &host).1, "{} have not sent their bodies yet", slow.len());
}

#[test]
fn no_more_are_sent_again_at_once_than_the_budget_allows() {
    let (setup, host) = (guarded(), guarded().host());
    let retries = Rc::new(RetryBudget::default());
    let mut exchanges: Vec<_> = (0..5).map(|_| setup.begin_beside(&host, &retries, &mut Vec::new())).collect();
    let fail = |exchange: &mut Exchange, event| {
        let mut effects = Vec::new();
        exchange.on(event, &host, &mut effects);
        effects.iter().any(|it| matches!(it, Effect::Call { .. }))
    };
    let called: Vec<_> = exchanges.iter_mut().map(|it| fail(it, responds(503, None, true))).collect();
    assert_eq!(called, [true, true, true, false, false]);
    fail(&mut exchanges[0], answered("200"));
    let mut next = setup.begin_beside(&host, &retries, &mut Vec::new());
    assert!(fail(&mut next, responds(503, None, true)), "one is over, and makes room");
}

#[test]
fn one_that_was_passed_over_needs_no_budget() {
    let setup = open(&[0]);
    let (host, retries) = (setup.host(), Rc::new(RetryBudget::default()));
    let calls = |effects: &[Effect]| effects.iter().filter(|it| matches!(it, Effect::Call { .. })).count();
    let mut effects = Vec::new();
    let exchanges: Vec<_> = (0..20).map(|_| setup.begin_beside(&host, &retries, &mut effects)).collect();
    assert_eq!(calls(&effects), exchanges.len());
}

#[test]
fn shadow_mode_asks_the_region_and_says_who_would_have_answered() {
    for (secondaries, would) in [(1, ServedBy::WouldSecondary), (0, ServedBy::WouldStatic)] {
        let setup = Setup { shadow: true, secondaries, method: "PATCH", ..guarded() };
        let host = setup.host();
        for _ in 0..7 {
            ask(&setup, &host, 503);
        }
        let effects = ask(&setup, &host, 200);
        let response = |served_by, degraded| Effect::Record(Record::Response { served_by, degraded });
        assert!(effects.contains(&response(would, Some(Degraded::BreakerOpen))), "{effects:?}");
        assert!(effects.contains(&response(ServedBy::Primary, None)), "{effects:?}");
        assert!(effects.iter().all(|it| matches!(it, Effect::Record(_))), "{effects:?}");
    }
}
