//! What is said aloud: that Envoy's own route is in the way, that too many answers are made up, when to come again.

use helius_policy::exchange::{Answer, Effect, Event, Record};
use helius_policy::http::{Headers, Response};
use helius_policy::time::Timestamp;
use helius_policy::verdict::{Failure, ServedBy, Verdict};

use crate::host::Fake;
use crate::setup::{BY_PATH, Setup};
use crate::watch::Watched;

const ROUTE_TIMEOUT: &[u8] = b"response_timeout";

/// Nothing may be made up, once there has been an answer.
const NOTHING: &str = "{ share: 0.0, min_requests: 1 }";
/// A last rung on which nothing stands, because no answer here is so short.
const TOO_SHORT: &str = "{ key: [path], max_body: 1B }";

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

fn says<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    headers.first(name).map(|value| str::from_utf8(value).unwrap())
}

/// The primary answers with this status, and has no body.
fn begins(watched: &mut Watched, status: u16, retry_after: Option<&str>) {
    let (details, retry_after) = (b"via_upstream", retry_after.map(str::as_bytes));
    let (status, headers) = (Some(status), Headers::new());
    watched.on(
        Event::ResponseHeaders { status, details, length: Some(0), retry_after, headers, end_of_stream: true },
        at(5),
    );
}

/// The region that is called answers so.
fn called(watched: &mut Watched, status: &str, retry_after: Option<&str>) {
    let mut headers = Headers::from_iter([(":status", status), ("x-envoy-upstream-service-time", "1")]);
    if let Some(wait) = retry_after {
        headers.push("retry-after", wait);
    }
    watched.on(Event::CallAnswered { headers, body: b"own".to_vec() }, at(9));
}

fn given(watched: &Watched) -> &Response {
    match watched.answer() {
        Some(Answer::Replace { response, .. } | Answer::Reply(response)) => response,
        other => panic!("{other:?} of {:?}", watched.effects),
    }
}

/// An exchange in a worker that has given one answer, which was good.
fn second(setup: &Setup) -> Watched {
    let mut first = Watched::begin(setup.clone());
    let (status, details) = (Some(200), b"via_upstream");
    let headers = Headers::new();
    first.on(
        Event::ResponseHeaders { status, details, length: None, retry_after: None, headers, end_of_stream: false },
        at(5),
    );
    first.on(Event::ResponseBody { chunk: b"good", size: 4, end_of_stream: true }, at(6));
    assert_eq!(first.response(), Some(ServedBy::Primary));
    Watched::begin_at(setup.clone(), first.host)
}

#[test]
fn beyond_its_share_what_would_be_made_up_is_a_503() {
    for (last_good, made_up) in [(None, ServedBy::Static), (Some(BY_PATH), ServedBy::LastGood)] {
        for (max_share, served_by) in [(NOTHING, ServedBy::Refusal), ("{ share: 1.0, min_requests: 1 }", made_up)] {
            let mut watched = second(&Setup { last_good, max_share: Some(max_share), ..Setup::default() });
            begins(&mut watched, 500, None);
            called(&mut watched, "500", None);
            assert_eq!(watched.response(), Some(served_by));
            if served_by == ServedBy::Refusal {
                let Response { status, headers, body } = given(&watched);
                let text = b"no region gave an answer, and too many answers are made up already\n".as_slice();
                assert_eq!((*status, body.as_slice()), (503, text));
                let marks = ["served-by", "degraded", "attempts"].map(|it| says(headers, &format!("x-helius-{it}")));
                assert_eq!(marks, ["refusal", "5xx", "2"].map(Some));
            }
        }
    }
}

#[test]
fn a_refusal_counts_among_the_answers_of_which_a_share_may_be_made_up() {
    let setup = Setup { max_share: Some("{ share: 0.5, min_requests: 2 }"), secondaries: 0, ..Setup::default() };
    let mut host = Fake::default();
    let mut fail = || {
        let mut watched = Watched::begin_at(setup.clone(), std::mem::take(&mut host));
        begins(&mut watched, 500, None);
        let served_by = watched.response().unwrap();
        host = watched.host;
        served_by
    };
    let seen: [_; 7] = std::array::from_fn(|_| fail());
    let [made_up, refused] = [ServedBy::Static, ServedBy::Refusal];
    // Two are too few to tell; from then on it takes twice as many answers as are made up.
    assert_eq!(seen, [made_up, made_up, refused, refused, refused, made_up, refused]);
}

#[test]
fn nothing_is_refused_for_the_share_where_nothing_would_be_made_up() {
    let bounded = Setup { max_share: Some(NOTHING), ..Setup::default() };
    for (status, served_by) in [("200", ServedBy::Secondary), ("404", ServedBy::Secondary)] {
        let mut watched = second(&bounded);
        begins(&mut watched, 500, None);
        called(&mut watched, status, None);
        assert_eq!((watched.response(), given(&watched).body.as_slice()), (Some(served_by), b"own".as_slice()));
    }
    let mut watched = second(&Setup { has_static: false, last_good: Some(TOO_SHORT), ..bounded });
    begins(&mut watched, 500, None);
    called(&mut watched, "500", None);
    assert!(matches!(watched.answer(), Some(Answer::Release(_))), "{:?}", watched.effects);
    assert_eq!(watched.response(), Some(ServedBy::Primary));
}

#[test]
fn what_a_called_primary_says_of_its_failure_is_not_made_up() {
    let (last_good, max_share) = (Some(TOO_SHORT), Some(NOTHING));
    let strict = Setup { has_static: false, is_strict: true, last_good, max_share, ..Setup::default() };
    let mut first = Watched::begin(strict.clone());
    called(&mut first, "200", None);
    let mut watched = Watched::begin_at(strict, first.host);
    called(&mut watched, "500", None);
    called(&mut watched, "502", None);
    assert_eq!((watched.response(), given(&watched).status), (Some(ServedBy::Primary), 500));
}

#[test]
fn a_429_is_handed_on_whatever_the_share() {
    for last_good in [None, Some(BY_PATH)] {
        let setup = Setup { last_good, max_share: Some(NOTHING), ..Setup::default() };
        let mut watched = second(&setup);
        begins(&mut watched, 429, None);
        called(&mut watched, "500", None);
        assert!(matches!(watched.answer(), Some(Answer::Release(_))), "{:?}", watched.effects);

        let mut watched = second(&setup);
        begins(&mut watched, 500, None);
        called(&mut watched, "429", None);
        assert_eq!((watched.response(), given(&watched).status), (Some(ServedBy::Secondary), 429));
    }
}

/// Which of three regions gives the 429, if each says that the client may come again after so long.
fn limited(waits: [Option<&str>; 3]) -> String {
    let [primary, calls @ ..] = waits;
    let mut watched = Watched::begin(Setup { secondaries: 2, ..Setup::default() });
    begins(&mut watched, 429, primary);
    for wait in calls {
        called(&mut watched, "429", wait);
    }
    if let Some(Answer::Release(headers)) = watched.answer() {
        return says(headers, "x-helius-region").unwrap().to_owned();
    }
    let Response { status, headers, .. } = given(&watched);
    let region = says(headers, "x-helius-region").unwrap();
    let index: usize = region.strip_prefix("region-").unwrap().parse().unwrap();
    assert_eq!((*status, says(headers, "retry-after")), (429, waits[index]), "{waits:?}");
    region.to_owned()
}

#[test]
fn of_several_limits_the_client_gets_the_one_that_ends_sooner() {
    let (long, longer, short) = (Some("30"), Some("60"), Some("5"));
    let cases = [
        ([longer, long, short], 2),
        ([longer, short, long], 1),
        ([short, long, longer], 0),
        // The first of equals.
        ([short, short, short], 0),
        // Who does not say when is not believed to mean now, and nobody knows whether another means sooner.
        ([longer, None, None], 0),
        ([longer, None, short], 2),
        ([longer, short, None], 1),
        ([None, long, short], 0),
        ([None, None, short], 0),
        ([None, None, None], 0),
        // What is neither seconds nor a date says nothing.
        ([longer, Some("soon"), short], 2),
        ([Some("soon"), short, None], 0),
    ];
    for (waits, region) in cases {
        assert_eq!(limited(waits), format!("region-{region}"), "{waits:?}");
    }
}
