//! Messages that come more than once: who goes on, who is turned away, and what becomes of a retry.

use std::time::Duration;

use helius_policy::admission::Decision;
use helius_policy::dedupe::{Claim, MAX_ANSWER};
use helius_policy::exchange::{Answer, Effect, Event, Exchange, Record};
use helius_policy::http::{Headers, Response};
use helius_policy::time::Timestamp;
use helius_policy::verdict::{Failure, ServedBy};

use crate::host::Fake;
use crate::setup::{ATTEMPT, BY_BODY, BY_HEADER, MAX_BODY, REPLAYING, START, Setup, TOTAL};

fn by_header() -> Setup {
    Setup { dedupe: Some(BY_HEADER), ..Setup::default() }
}

fn by_body() -> Setup {
    Setup { dedupe: Some(BY_BODY), bodiless: false, announced: Some(4), ..Setup::default() }
}

/// An exchange and everything that it wanted.
struct Played<'a> {
    host: &'a Fake,
    exchange: Exchange,
    effects: Vec<Effect>,
}

impl<'a> Played<'a> {
    fn begin(setup: &Setup, host: &'a Fake) -> Self {
        let mut effects = Vec::new();
        let exchange = setup.begin(host, &mut effects);
        Self { host, exchange, effects }
    }

    fn on(mut self, event: Event<'_>) -> Self {
        self.exchange.on(event, self.host, &mut self.effects);
        self
    }

    fn sends(self, body: &[u8], end_of_stream: bool) -> Self {
        self.on(Event::RequestBody { chunk: body, size: body.len(), end_of_stream })
    }

    /// Sends the body in these pieces, if the request has one.
    fn sends_all(self, setup: &Setup, pieces: &[&[u8]]) -> Self {
        let pieces = if setup.bodiless { &[] } else { pieces };
        let count = pieces.len();
        pieces.iter().enumerate().fold(self, |it, (index, piece)| it.sends(piece, index + 1 == count))
    }

    fn responds(self, status: u16, end_of_stream: bool) -> Self {
        let (status, details) = (Some(status), b"via_upstream");
        self.on(Event::ResponseHeaders {
            status,
            details,
            length: Some(0),
            retry_after: None,
            headers: Headers::new(),
            end_of_stream,
        })
    }

    fn calls_back(self, status: &str) -> Self {
        let headers = Headers::from_iter([(":status", status), ("x-envoy-upstream-service-time", "1")]);
        self.on(Event::CallAnswered { headers, body: b"west".to_vec() })
    }

    fn ends(self) -> Self {
        self.on(Event::End { details: b"downstream_remote_disconnect" })
    }

    fn asks_primary(&self) -> bool {
        self.effects.contains(&Effect::LimitPrimary(ATTEMPT))
    }

    fn decisions(&self) -> Vec<Decision> {
        let of = |effect: &Effect| match effect {
            Effect::Record(Record::Admission(decision)) => Some(*decision),
            _ => None,
        };
        self.effects.iter().filter_map(of).collect()
    }

    fn reply(&self) -> Option<&Response> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Answer(Answer::Reply(response)) => Some(response),
            _ => None,
        })
    }

    /// Which first it is a duplicate of, in the words of the answer.
    fn duplicate_of(&self) -> Option<&[u8]> {
        self.reply().and_then(|response| response.headers.first("x-helius-duplicate"))
    }
}

/// What happens to an exchange that has begun.
type Then = fn(Played<'_>) -> Played<'_>;

const ALLOWED: [Decision; 1] = [Decision::Allowed];
const IN_FLIGHT: Option<Claim> = Some(Claim::Duplicate { is_in_flight: true });
const DONE: Option<Claim> = Some(Claim::Duplicate { is_in_flight: false });

#[test]
fn a_duplicate_is_turned_away_while_the_first_is_in_flight_and_when_it_is_done() {
    let (setup, host) = (by_header(), Fake::default());
    let first = Played::begin(&setup, &host);
    assert!(first.asks_primary());
    assert_eq!(first.decisions(), ALLOWED);
    let second = Played::begin(&setup, &host);
    assert_eq!(second.duplicate_of(), Some(b"in_flight".as_slice()));
    assert_eq!(second.reply().unwrap().status, 202);
    assert!(second.exchange.holds_request() && !second.exchange.is_open());
    assert_eq!(second.decisions(), [Decision::Duplicate]);
    assert_eq!(second.effects.len(), 2, "no rung is tried, and none is counted: {:?}", second.effects);
    first.responds(200, true);
    let third = Played::begin(&setup, &host);
    assert_eq!(third.duplicate_of(), Some(b"done".as_slice()));
    assert_eq!(third.decisions(), [Decision::Duplicate]);
}

#[test]
fn nothing_comes_of_a_duplicate_that_is_still_being_sent() {
    let (setup, host) = (Setup { bodiless: false, announced: Some(12), ..by_header() }, Fake::default());
    let _first = Played::begin(&setup, &host);
    let second = Played::begin(&setup, &host).sends(b"half", false).sends(b"the rest", true).responds(202, true).ends();
    assert_eq!(second.effects.len(), 2, "{:?}", second.effects);
    assert!(second.exchange.holds_request());
}

#[test]
fn whatever_is_no_good_answer_of_a_region_leaves_the_way_free_for_a_retry() {
    let cases: [(&str, Then); 9] = [
        ("a client error", |it| it.responds(404, true)),
        ("a limit of both", |it| it.responds(429, true).calls_back("429")),
        ("a limit and then a failure", |it| it.responds(429, true).calls_back("500")),
        ("a static answer", |it| it.responds(500, true).calls_back("503")),
        ("a client error of the secondary region", |it| it.responds(500, true).calls_back("422")),
        ("a client who leaves before the answer", |it| it.ends()),
        ("a client who leaves in the middle of it", |it| it.responds(200, false).ends()),
        ("a client who leaves while another region is asked", |it| it.responds(500, true).ends()),
        ("an answer that breaks off", |it| {
            it.responds(200, false).on(Event::End { details: b"upstream_reset_after_response_started{remote_reset}" })
        }),
    ];
    for (case, ends) in cases {
        let (setup, host) = (by_header(), Fake::default());
        let first = ends(Played::begin(&setup, &host));
        assert!(!first.exchange.is_open(), "{case}");
        assert_eq!(first.decisions(), ALLOWED, "{case}");
        assert!(Played::begin(&setup, &host).asks_primary(), "{case}");
    }
}

/// Where `fail_on` lets an invalid answer through, it is no better for that.
#[test]
fn an_invalid_answer_that_is_handed_on_leaves_the_way_free_for_a_retry() {
    let output = Some("{ schema: { type: object } }");
    let lenient = || Setup { output, fail_on: vec![Failure::ServerError], ..by_header() };
    let cases: [(Setup, Then); 2] = [
        (lenient(), |it| it.responds(500, true).calls_back("200")),
        (Setup { is_strict: true, ..lenient() }, |it| it.calls_back("200")),
    ];
    for (setup, ends) in cases {
        let host = Fake::default();
        let first = ends(Played::begin(&setup, &host));
        assert_eq!((first.exchange.is_open(), first.reply().map(|it| it.status)), (false, Some(200)));
        assert_eq!(Played::begin(&setup, &host).duplicate_of(), None, "strict: {}", setup.is_strict);
    }
}

#[test]
fn a_good_answer_of_any_region_is_the_end_of_a_message() {
    let cases: [(&str, Then); 4] = [
        ("without a body", |it| it.responds(204, true)),
        ("a redirection", |it| it.responds(304, true)),
        ("when the last byte has gone by", |it| {
            it.responds(200, false).on(Event::ResponseBody { chunk: b"", size: 4, end_of_stream: true })
        }),
        ("of the secondary region", |it| it.responds(500, true).calls_back("200")),
    ];
    for (case, ends) in cases {
        let (setup, host) = (by_header(), Fake::default());
        ends(Played::begin(&setup, &host));
        assert_eq!(Played::begin(&setup, &host).duplicate_of(), Some(b"done".as_slice()), "{case}");
    }
}

#[test]
fn a_message_that_every_breaker_rejects_may_come_again() {
    let setup = Setup { breaker: Some("{}"), open: vec![0, 1], has_static: false, ..by_header() };
    let host = setup.host();
    for _ in 0..2 {
        // The last resorts of both regions.
        Played::begin(&setup, &host).ends();
    }
    let refused = Played::begin(&setup, &host);
    assert_eq!(refused.reply().map(|it| it.status), Some(503));
    assert_eq!(refused.decisions(), ALLOWED);
    assert!(matches!(setup.fate(b"", &host), Some(Claim::First(_))));
}

#[test]
fn a_lease_lasts_as_long_as_the_ladder_and_an_answer_to_it() {
    let (setup, host) = (by_header(), Fake::default());
    let _lost = Played::begin(&setup, &host);
    let over = START.after(TOTAL).after(Duration::from_secs(30));
    host.now.set(Timestamp::from_nanos(over.nanos() - 1));
    assert!(!Played::begin(&setup, &host).asks_primary());
    host.now.set(over);
    assert!(Played::begin(&setup, &host).asks_primary(), "its worker has died");
}

#[test]
fn a_request_that_a_slow_client_still_sends_keeps_nobody_away() {
    let (setup, host) = (Setup { bodiless: false, announced: Some(4), ..by_header() }, Fake::default());
    let slow = Played::begin(&setup, &host);
    assert_eq!(slow.decisions(), []);
    let quick = Played::begin(&setup, &host).sends(b"xxxx", true);
    assert!(quick.asks_primary());
    assert_eq!(slow.sends(b"xxxx", true).duplicate_of(), Some(b"in_flight".as_slice()));
}

#[test]
fn a_client_who_leaves_before_anybody_is_asked_is_counted_as_let_in() {
    let (setup, host) = (by_body(), Fake::default());
    let left = Played::begin(&setup, &host).sends(b"xx", false).ends();
    assert_eq!(left.decisions(), ALLOWED);
    assert!(matches!(setup.fate(b"xxxx", &host), Some(Claim::First(_))));
}

#[test]
fn a_body_is_looked_at_when_it_is_whole_whatever_the_method_and_without_another_region() {
    for (method, secondaries) in [("POST", 1), ("PATCH", 1), ("PATCH", 0), ("POST", 0)] {
        let (setup, host) = (Setup { secondaries, method, ..by_body() }, Fake::default());
        let first = Played::begin(&setup, &host);
        assert!(first.exchange.holds_request() && !first.asks_primary(), "{method}");
        let first = first.sends(b"xxxx", true);
        assert!(first.asks_primary() && !first.exchange.holds_request(), "{method}");
        assert_eq!(first.decisions(), ALLOWED);
        assert_eq!(Played::begin(&setup, &host).sends(b"xxxx", true).duplicate_of(), Some(b"in_flight".as_slice()));
        assert!(Played::begin(&setup, &host).sends(b"yyyy", true).asks_primary(), "another body is another message");
    }
}

#[test]
fn a_body_that_cannot_be_waited_for_goes_on() {
    let long = "x".repeat(MAX_BODY + 1);
    let cases: [(&str, Option<usize>, Then); 4] = [
        ("longer than is kept", Some(MAX_BODY + 1), |it| it),
        ("of a length that nobody said, and more than one piece", None, |it| it.sends(b"xx", false)),
        ("longer than announced", Some(4), |it| it.sends(b"xxxxx", false)),
        ("whose first byte does not come", Some(4), |it| it.on(Event::Waited { impatient_for: ATTEMPT })),
    ];
    for (case, announced, goes) in cases {
        let (setup, host) = (Setup { announced, ..by_body() }, Fake::default());
        for _ in 0..2 {
            let goes_on = goes(Played::begin(&setup, &host));
            assert!(goes_on.asks_primary(), "{case}");
            assert_eq!(goes_on.decisions(), [Decision::Undecided], "{case}");
        }
        assert!(matches!(setup.fate(long.as_bytes(), &host), Some(Claim::First(_))), "{case}");
    }
}

#[test]
fn a_body_over_what_is_waited_for_is_not_known_though_it_is_kept() {
    for (setup, announced) in [(by_body(), None), (Setup { shadow: true, ..by_body() }, Some(5))] {
        let (setup, host) = (Setup { announced, hold: 4, ..setup }, Fake::default());
        let known = Played::begin(&setup, &host).sends(b"xxxx", true);
        let unknown = Played::begin(&setup, &host).sends(b"xxxxx", true);
        assert_eq!((known.decisions(), unknown.decisions()), (ALLOWED.into(), vec![Decision::Undecided]));
    }
}

#[test]
fn a_body_that_comes_at_once_is_known_though_nobody_said_its_length() {
    let (setup, host) = (Setup { announced: None, ..by_body() }, Fake::default());
    let _first = Played::begin(&setup, &host).sends(b"xxxx", true);
    assert_eq!(Played::begin(&setup, &host).sends(b"xxxx", true).duplicate_of(), Some(b"in_flight".as_slice()));
}

#[test]
fn without_a_body_nothing_is_a_duplicate() {
    let (setup, host) = (Setup { bodiless: true, announced: None, ..by_body() }, Fake::default());
    for _ in 0..2 {
        let goes_on = Played::begin(&setup, &host);
        assert!(goes_on.asks_primary());
        assert_eq!(goes_on.decisions(), ALLOWED);
    }
}

#[test]
fn trailers_hide_a_body() {
    let (setup, host) = (by_body(), Fake::default());
    for _ in 0..2 {
        let goes_on = Played::begin(&setup, &host).sends(b"xx", false).on(Event::RequestTrailers);
        assert!(goes_on.asks_primary());
        assert_eq!(goes_on.decisions(), [Decision::Undecided]);
    }
}

#[test]
fn shadow_mode_turns_nobody_away_and_counts_who_would_have_been() {
    for setup in [by_header(), by_body()] {
        let (setup, host) = (Setup { shadow: true, method: "PATCH", ..setup }, Fake::default());
        let first = Played::begin(&setup, &host).sends_all(&setup, &[b"xx", b"yy"]);
        let second = Played::begin(&setup, &host).sends_all(&setup, &[b"xx", b"yy"]).responds(200, true);
        assert_eq!(setup.fate(b"xxyy", &host), IN_FLIGHT, "a duplicate that goes on says nothing of the first");
        let first = first.responds(200, true);
        assert_eq!(setup.fate(b"xxyy", &host), DONE);
        assert_eq!((first.decisions(), second.decisions()), (ALLOWED.into(), vec![Decision::WouldDuplicate]));
        let all = first.effects.iter().chain(&second.effects);
        assert!(all.clone().all(|it| matches!(it, Effect::Record(_))), "{:?}", all.collect::<Vec<_>>());
    }
}

#[test]
fn whom_shadow_mode_would_have_turned_away_before_claims_nothing() {
    let host = Fake::default();
    for decided in [Decision::WouldLimited, Decision::WouldIsolated] {
        let setup = Setup { shadow: true, decided, ..by_header() };
        assert_eq!(Played::begin(&setup, &host).decisions(), [decided]);
    }
    let after_a_limit_that_could_not_be_counted = Setup { decided: Decision::Undecided, ..by_header() };
    let first = Played::begin(&after_a_limit_that_could_not_be_counted, &host);
    assert!(first.asks_primary());
    assert_eq!(first.decisions(), [Decision::Undecided]);
    assert_eq!(Played::begin(&by_header(), &host).duplicate_of(), Some(b"in_flight".as_slice()));
}

#[test]
fn shadow_mode_cannot_tell_about_a_body_that_enforcement_would_not_wait_for() {
    let announced = Some(MAX_BODY + 1);
    let (setup, host) = (Setup { shadow: true, announced, ..by_body() }, Fake::default());
    let goes_on = Played::begin(&setup, &host).sends(&[b'x'; MAX_BODY + 1], true).responds(200, true);
    assert_eq!(goes_on.decisions(), [Decision::Undecided]);
}

/// What the region said in all of the tests about its answer.
fn said() -> Headers {
    let own = [(":status", "201"), ("content-type", "text/plain"), ("content-length", "8"), ("x-model", "v7")];
    own.into_iter().chain([("x-helius-served-by", "primary"), ("connection", "close")]).collect()
}

fn replaying() -> Setup {
    Setup { dedupe: Some(REPLAYING), ..Setup::default() }
}

impl Played<'_> {
    /// The primary answers 201, with all that it says where it is of use.
    fn answers(self) -> Self {
        let (status, wants) = (Some(201), self.exchange.wants_response_headers(Some(201)));
        let headers = if wants { said() } else { Headers::new() };
        self.on(Event::ResponseHeaders {
            status,
            details: b"",
            length: None,
            retry_after: None,
            headers,
            end_of_stream: false,
        })
    }

    fn goes_on(self, chunk: &[u8], end_of_stream: bool) -> Self {
        let shown = if self.exchange.wants_response_body() { chunk } else { b"" };
        self.on(Event::ResponseBody { chunk: shown, size: chunk.len(), end_of_stream })
    }
}

#[test]
fn a_duplicate_gets_the_first_ones_answer_that_passed_by() {
    let (setup, host) = (replaying(), Fake::default());
    let first = Played::begin(&setup, &host).answers().goes_on(b"four", false);
    assert_eq!(Played::begin(&setup, &host).reply().unwrap().status, 202, "it is not there yet");
    first.goes_on(b"more", false).goes_on(b"", true);
    let expected = [("content-type", "text/plain"), ("x-model", "v7"), ("x-helius-duplicate", "done")];
    let expected = Response { status: 201, headers: expected.into_iter().collect(), body: b"fourmore".to_vec() };
    assert_eq!(Played::begin(&setup, &host).reply(), Some(&expected));
}

#[test]
fn a_duplicate_gets_the_first_ones_answer_of_another_region() {
    let (setup, host) = (replaying(), Fake::default());
    let first = Played::begin(&setup, &host).responds(500, true).calls_back("200");
    assert!(first.reply().unwrap().headers.first("x-helius-served-by").is_some());
    let headers = [("x-helius-duplicate", "done")].into_iter().collect();
    let expected = Response { status: 200, headers, body: b"west".to_vec() };
    assert_eq!(Played::begin(&setup, &host).reply(), Some(&expected), "and says nothing of how it was served");
}

#[test]
fn an_answer_that_is_not_kept_does_not_let_a_duplicate_through() {
    let cases: [(&str, Then); 3] = [
        ("too long", |it| it.goes_on(&[b'x'; MAX_ANSWER], false).goes_on(b"", true)),
        ("with trailers", |it| it.goes_on(b"xx", false).on(Event::ResponseTrailers)),
        ("that Envoy did not show", |it| it.on(Event::ResponseBody { chunk: b"", size: 2, end_of_stream: true })),
    ];
    for (case, ends) in cases {
        let (setup, host) = (replaying(), Fake::default());
        ends(Played::begin(&setup, &host).answers());
        let second = Played::begin(&setup, &host);
        assert_eq!(second.reply().map(|it| (it.status, it.body.len())), Some((202, 0)), "{case}");
        assert_eq!(second.duplicate_of(), Some(b"done".as_slice()), "{case}");
    }
}

#[test]
fn an_answer_is_looked_at_only_where_it_may_be_kept() {
    let wants = |setup: &Setup, status| Played::begin(setup, &Fake::default()).exchange.wants_response_headers(status);
    assert!(wants(&replaying(), Some(200)) && wants(&replaying(), Some(304)));
    for status in [None, Some(400), Some(429), Some(500)] {
        assert!(!wants(&replaying(), status), "{status:?}");
    }
    for setup in [Setup::default(), by_header(), Setup { shadow: true, ..replaying() }] {
        assert!(!wants(&setup, Some(200)), "{setup:?}");
        let host = Fake::default();
        let passing = Played::begin(&setup, &host).answers();
        assert!(!passing.exchange.wants_response_body(), "{setup:?}");
    }
}

#[test]
fn a_route_that_says_nothing_of_its_regions_goes_envoys_way_and_knows_duplicates() {
    for setup in [by_header(), by_body()] {
        let (setup, host) = (Setup { is_route_alone: true, ..setup }, Fake::default());
        let failed = Played::begin(&setup, &host).sends_all(&setup, &[b"xxxx"]).responds(503, true);
        let is_limit = |effect: &Effect| matches!(effect, Effect::LimitPrimary(_));
        assert!(!failed.effects.iter().any(is_limit), "{:?}", failed.effects);
        let mark = [("x-helius-served-by", "primary"), ("x-helius-region", "primary")];
        let mark: Headers =
            mark.into_iter().chain([("x-helius-degraded", "5xx"), ("x-helius-attempts", "1")]).collect();
        assert!(failed.effects.contains(&Effect::Answer(Answer::Release(mark))), "{:?}", failed.effects);
        let first = Played::begin(&setup, &host).sends_all(&setup, &[b"xxxx"]).responds(200, true);
        let answered = Record::Response { served_by: ServedBy::Primary, degraded: None };
        assert!(first.effects.contains(&Effect::Record(answered)));
        assert_eq!(Played::begin(&setup, &host).sends_all(&setup, &[b"xxxx"]).duplicate_of(), Some(b"done".as_slice()));
    }
}
