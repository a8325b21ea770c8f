//! What is kept of good answers, and given when no region gives one.

use std::time::Duration;

use helius_policy::exchange::{Answer, Effect, Event, Flow, HELD_MAX, Record};
use helius_policy::http::{Headers, Response};
use helius_policy::time::Timestamp;
use helius_policy::verdict::{Degraded, Failure, ServedBy};

use crate::host::Fake;
use crate::setup::{BY_PATH, BY_PATH_AND_BODY, MAX_BODY, REPLAYING, Setup};
use crate::watch::Watched;

const GOOD: &[u8] = br#"{"confidence": 0.9}"#;
const BAD: &[u8] = br#"{"confidence": "none"}"#;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + millis)
}

fn keeping() -> Setup {
    Setup { last_good: Some(BY_PATH_AND_BODY), ..Setup::default() }
}

fn judged(setup: Setup) -> Setup {
    Setup { output: Some("{ schema: { properties: { confidence: { type: number } } }, max_body: 64KiB }"), ..setup }
}

/// Another exchange beside the same memory, and its request if it has a body.
fn next(setup: &Setup, host: Fake, body: &[u8]) -> Watched {
    let mut watched = Watched::begin_at(setup.clone(), host);
    sends(&mut watched, setup, &[body]);
    watched
}

/// The request's body in these pieces, as Envoy shows them.
fn sends(watched: &mut Watched, setup: &Setup, pieces: &[&[u8]]) {
    let pieces = if setup.bodiless { &[] } else { pieces };
    let mut shown = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        if !watched.exchange.holds_request() {
            shown.clear();
        }
        shown.extend_from_slice(piece);
        let end_of_stream = index + 1 == pieces.len();
        let is_wanted = watched.exchange.wants_request_body(shown.len(), end_of_stream);
        let chunk = if is_wanted { shown.as_slice() } else { &[] };
        watched.on(Event::RequestBody { chunk, size: shown.len(), end_of_stream }, at(1));
    }
}

fn begins(watched: &mut Watched, status: u16, headers: &[(&str, &str)], end_of_stream: bool) -> Flow {
    let wanted = watched.exchange.wants_response_headers(Some(status));
    let headers = if wanted { headers.iter().copied().collect() } else { Headers::new() };
    let (status, details) = (Some(status), b"via_upstream");
    let length = Some(0);
    watched.on(Event::ResponseHeaders { status, details, length, retry_after: None, headers, end_of_stream }, at(5))
}

fn body(watched: &mut Watched, chunk: &[u8], end_of_stream: bool) -> Flow {
    let shown = if watched.exchange.wants_response_body() { chunk } else { &[] };
    watched.on(Event::ResponseBody { chunk: shown, size: chunk.len(), end_of_stream }, at(6))
}

fn answered(watched: &mut Watched, status: &str, body: &[u8]) {
    let headers = Headers::from_iter([(":status", status), ("x-envoy-upstream-service-time", "1")]);
    watched.on(Event::CallAnswered { headers, body: body.to_vec() }, at(9));
}

/// Lets every region fail.
fn fails(watched: &mut Watched) {
    begins(watched, 500, &[], true);
    while watched.in_flight.is_some() {
        answered(watched, "500", b"boom");
    }
}

/// What the client was given, if it was the filter that gave it.
fn given(watched: &Watched) -> Option<&Response> {
    match watched.answer()? {
        Answer::Replace { response, .. } | Answer::Reply(response) => Some(response),
        Answer::Release(_) => None,
    }
}

/// What the same request is given when every region fails.
fn given_later(setup: &Setup, host: Fake, request: &[u8]) -> Option<Vec<u8>> {
    let mut later = next(setup, host, request);
    fails(&mut later);
    let response = given(&later).filter(|_| later.response() == Some(ServedBy::LastGood))?;
    Some(response.body.clone())
}

#[test]
fn when_every_region_fails_the_newest_good_answer_is_given_and_says_so() {
    let mut first = Watched::begin(keeping());
    assert_eq!(begins(&mut first, 200, &[("x-model", "7")], false), Flow::Continue);
    assert_eq!(body(&mut first, &GOOD[..5], false), Flow::Continue);
    assert_eq!(body(&mut first, &GOOD[5..], true), Flow::Continue);
    assert!(first.answer().is_none(), "the first answer goes on untouched");

    let mut later = next(&keeping(), first.host, b"");
    fails(&mut later);
    let response = given(&later).unwrap();
    let headers: Vec<_> = response.headers.iter().map(|(name, value)| (name, str::from_utf8(value).unwrap())).collect();
    let expected = [
        ("x-helius-served-by", "last-good"),
        ("x-helius-degraded", "5xx"),
        ("x-helius-attempts", "2"),
        ("x-model", "7"),
        ("age", "0"),
    ];
    assert_eq!((response.status, response.body.as_slice(), headers.as_slice()), (200, GOOD, expected.as_slice()));
    let degraded = Some(Degraded::Failure(Failure::ServerError));
    let counted = Effect::Record(Record::Response { served_by: ServedBy::LastGood, degraded });
    assert_eq!(later.effects.last(), Some(&counted));
}

#[test]
fn a_secondary_regions_good_answer_is_kept_too() {
    for setup in [keeping(), judged(keeping())] {
        let mut first = Watched::begin(setup.clone());
        begins(&mut first, 500, &[], true);
        answered(&mut first, "200", GOOD);
        assert_eq!(given_later(&setup, first.host, b"").as_deref(), Some(GOOD));
    }
}

#[test]
fn what_a_region_says_badly_is_not_kept() {
    for (status, text) in [("302", GOOD), ("404", GOOD), ("500", GOOD), ("204", b"".as_slice())] {
        let mut first = Watched::begin(keeping());
        begins(&mut first, 500, &[], true);
        answered(&mut first, status, text);
        assert_eq!(given_later(&keeping(), first.host, b""), None, "{status}");
    }
}

#[test]
fn an_invalid_answer_never_is() {
    let not_listed = Setup { fail_on: vec![Failure::ServerError], ..judged(keeping()) };
    for setup in [judged(keeping()), not_listed] {
        for (text, is_kept) in [(GOOD, true), (BAD, false)] {
            for pieces in [1, 3] {
                let mut first = Watched::begin(setup.clone());
                begins(&mut first, 200, &[], false);
                for (index, piece) in text.chunks(text.len().div_ceil(pieces)).enumerate() {
                    body(&mut first, piece, index + 1 == pieces);
                }
                let kept = given_later(&setup, first.host, b"");
                assert_eq!(kept.as_deref(), is_kept.then_some(text), "the primary's in {pieces}");
            }
            let mut first = Watched::begin(setup.clone());
            begins(&mut first, 500, &[], true);
            answered(&mut first, "200", text);
            let kept = given_later(&setup, first.host, b"");
            assert_eq!(kept.as_deref(), is_kept.then_some(text), "a secondary region's");
        }
    }
}

#[test]
fn one_that_breaks_off_or_has_trailers_is_not_kept() {
    for setup in [keeping(), judged(keeping())] {
        let mut first = Watched::begin(setup.clone());
        begins(&mut first, 200, &[], false);
        body(&mut first, GOOD, false);
        first.on(Event::End { details: b"upstream_reset_after_response_started{x}" }, at(7));
        assert_eq!(given_later(&setup, first.host, b""), None, "broken off");

        let mut first = Watched::begin(setup.clone());
        begins(&mut first, 200, &[], false);
        body(&mut first, GOOD, false);
        first.on(Event::ResponseTrailers, at(7));
        assert_eq!(first.response(), Some(ServedBy::Primary));
        assert_eq!(given_later(&setup, first.host, b""), None, "trailers");
    }
}

#[test]
fn each_body_has_its_own_answer_however_it_comes_and_whatever_the_method() {
    for method in ["POST", "GET"] {
        for announced in [Some(4), None] {
            let setup = Setup { method, announced, bodiless: false, ..keeping() };
            for pieces in [&[b"1234".as_slice()][..], &[b"12", b"34"], &[b"1", b"", b"23", b"4"]] {
                let mut first = Watched::begin(setup.clone());
                sends(&mut first, &setup, pieces);
                begins(&mut first, 200, &[], false);
                body(&mut first, GOOD, true);
                let place = first.host;
                assert_eq!(given_later(&setup, place.copy(), b"1234").as_deref(), Some(GOOD), "{method} {pieces:?}");
                assert_eq!(given_later(&setup, place, b"1235"), None, "{method} {pieces:?}");
            }
        }
    }
}

/// A `PUT` that is answered from what was kept has not been done, and its client would take it for done.
#[test]
fn only_what_may_be_sent_twice_leaves_an_answer_and_gets_one() {
    let asking = |may_be_sent_twice| {
        let replayed = if may_be_sent_twice { "PUT" } else { "GET, HEAD, POST" };
        Setup { method: "PUT", replayed, ..keeping() }
    };
    for (leaves, gets) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut first = Watched::begin(asking(leaves));
        begins(&mut first, 200, &[], false);
        body(&mut first, GOOD, true);
        let kept = given_later(&asking(gets), first.host, b"");
        assert_eq!(kept.as_deref(), (leaves && gets).then_some(GOOD), "{leaves} {gets}");
    }
    // Nor does it where a region is called for the first time.
    for (may_be_sent_twice, is_kept) in [(true, 1), (false, 0)] {
        let strict = Setup { is_strict: true, ..asking(may_be_sent_twice) };
        let mut first = Watched::begin(strict);
        answered(&mut first, "200", GOOD);
        assert_eq!(first.host.count("/good_answer/"), is_kept);
    }
}

/// A primary that cannot be reached fails before the first byte of a body has come.
#[test]
fn a_request_whose_body_makes_a_difference_waits_for_its_end_also_without_another_region() {
    let setup = |method, last_good, shadow| Setup {
        method,
        announced: Some(4),
        bodiless: false,
        last_good: Some(last_good),
        secondaries: 0,
        shadow,
        ..Setup::default()
    };
    assert!(Watched::begin(setup("POST", BY_PATH_AND_BODY, false)).exchange.holds_request());
    assert!(!Watched::begin(setup("POST", BY_PATH, false)).exchange.holds_request());
    assert!(!Watched::begin(setup("POST", BY_PATH_AND_BODY, true)).exchange.holds_request());
    assert!(!Watched::begin(setup("PATCH", BY_PATH_AND_BODY, false)).exchange.holds_request());
}

#[test]
fn a_request_that_is_not_known_whole_leaves_and_gets_nothing() {
    let long = [b'x'; MAX_BODY + 1];
    let setup = Setup { bodiless: false, ..keeping() };
    let mut first = Watched::begin(setup.clone());
    sends(&mut first, &setup, &[&long]);
    begins(&mut first, 200, &[], false);
    body(&mut first, GOOD, true);
    assert_eq!(given_later(&setup, first.host, &long), None, "too long");

    let mut first = Watched::begin(setup.clone());
    first.on(Event::RequestBody { chunk: b"1", size: 1, end_of_stream: false }, at(1));
    first.on(Event::RequestTrailers, at(1));
    begins(&mut first, 200, &[], false);
    body(&mut first, GOOD, true);
    assert_eq!(given_later(&setup, first.host, b"1"), None, "with trailers");

    let by_path = Setup { last_good: Some(BY_PATH), ..setup };
    let mut first = Watched::begin(by_path.clone());
    sends(&mut first, &by_path, &[&long]);
    begins(&mut first, 200, &[], false);
    body(&mut first, GOOD, true);
    assert_eq!(given_later(&by_path, first.host, b"other").as_deref(), Some(GOOD), "where it makes no difference");
}

#[test]
fn who_shows_credentials_gets_nothing_of_what_others_left() {
    let mut first = Watched::begin(keeping());
    begins(&mut first, 200, &[], false);
    body(&mut first, GOOD, true);
    let setup = Setup { extra: Some(("authorization", "Bearer a")), ..keeping() };
    assert_eq!(given_later(&setup, first.host, b""), None);
}

#[test]
fn a_429_is_handed_on_all_the_same() {
    let mut first = Watched::begin(keeping());
    begins(&mut first, 200, &[], false);
    body(&mut first, GOOD, true);
    let mut later = next(&keeping(), first.host, b"");
    begins(&mut later, 429, &[], false);
    body(&mut later, &vec![b'x'; HELD_MAX + 1], true);
    assert!(!later.effects.contains(&Effect::DiscardBody), "nothing stands in for it");
    answered(&mut later, "500", b"");
    assert_eq!(later.response(), Some(ServedBy::Primary));
}

#[test]
fn it_comes_before_the_static_answer_and_stands_in_for_a_failure_that_is_too_long_to_be_held() {
    for has_static in [true, false] {
        let setup = Setup { has_static, ..keeping() };
        let mut first = Watched::begin(setup.clone());
        begins(&mut first, 200, &[], false);
        body(&mut first, GOOD, true);
        let mut later = next(&setup, first.host, b"");
        begins(&mut later, 500, &[], false);
        assert_eq!(body(&mut later, &vec![b'x'; HELD_MAX + 1], false), Flow::Hold);
        assert_eq!(later.effects.last(), Some(&Effect::DiscardBody));
        // Somebody else takes the place meanwhile.
        later.host.forget();
        answered(&mut later, "500", b"");
        let served_by = if has_static { ServedBy::Static } else { ServedBy::LastGood };
        assert_eq!((later.response(), given(&later).unwrap().status), (Some(served_by), 200));
    }
}

#[test]
fn where_nothing_is_kept_the_next_rung_is_what_it_was() {
    for (has_static, served_by) in [(true, ServedBy::Static), (false, ServedBy::Primary)] {
        let mut watched = Watched::begin(Setup { has_static, ..keeping() });
        fails(&mut watched);
        assert_eq!(watched.response(), Some(served_by));
    }
}

#[test]
fn it_answers_where_every_region_is_left_alone() {
    let setup = Setup { breaker: Some("{}"), ..keeping() };
    let mut first = Watched::begin(setup.clone());
    begins(&mut first, 200, &[], false);
    body(&mut first, GOOD, true);
    let route = setup.route();
    for region in [0, 1] {
        first.host.open(&route, region);
    }
    let open = Setup { open: vec![0, 1], ..setup };
    // Of all requests in a second one goes to a region all the same.
    let mut tried = next(&open, first.host, b"");
    tried.on(Event::End { details: b"downstream_remote_disconnect" }, at(1));
    let mut tried = next(&open, tried.host, b"");
    tried.on(Event::End { details: b"downstream_remote_disconnect" }, at(1));
    let later = next(&open, tried.host, b"");
    assert_eq!(later.response(), Some(ServedBy::LastGood));
    assert_eq!(given(&later).unwrap().headers.first("x-helius-attempts"), Some(b"0".as_slice()));
}

#[test]
fn shadow_mode_keeps_nothing_and_counts_what_it_would_have_given() {
    let mut first = Watched::begin(keeping());
    begins(&mut first, 200, &[], false);
    body(&mut first, GOOD, true);
    let degraded = Some(Degraded::Failure(Failure::ServerError));
    let would = Effect::Record(Record::Response { served_by: ServedBy::WouldLastGood, degraded });

    let shadow = Setup { shadow: true, secondaries: 0, ..keeping() };
    let mut later = next(&shadow, first.host, b"");
    begins(&mut later, 500, &[], true);
    assert!(later.effects.contains(&would), "{:?}", later.effects);

    let mut first = Watched::begin(shadow.clone());
    begins(&mut first, 200, &[], false);
    body(&mut first, GOOD, true);
    let mut later = next(&shadow, first.host, b"");
    begins(&mut later, 500, &[], true);
    assert!(!later.effects.contains(&would));
}

#[test]
fn an_answer_is_kept_for_duplicates_and_for_later_with_one_copy() {
    let setup = Setup { dedupe: Some(REPLAYING), ..keeping() };
    let mut first = Watched::begin(setup.clone());
    begins(&mut first, 200, &[], false);
    body(&mut first, GOOD, true);
    let duplicate = next(&setup, first.host, b"");
    assert_eq!(given(&duplicate).unwrap().body, GOOD);
    let later = Timestamp::from_epoch(Duration::from_secs(1_000 + 120));
    duplicate.host.now.set(later);
    assert_eq!(given_later(&setup, duplicate.host, b"").as_deref(), Some(GOOD), "the window is over");
}

/// An answer too long for duplicates is of use for later.
#[test]
fn each_use_has_its_own_longest_answer() {
    let setup = Setup { dedupe: Some(REPLAYING), ..keeping() };
    for (length, is_kept) in [(60 << 10, true), (64 << 10, true), ((64 << 10) + 1, false)] {
        let mut first = Watched::begin(setup.clone());
        begins(&mut first, 200, &[], false);
        body(&mut first, &vec![b'y'; length], true);
        let kept = ["/good_answer/", "/answer/"].map(|kind| first.host.count(kind));
        assert_eq!(kept, [usize::from(is_kept), 0], "{length}");
    }
}
