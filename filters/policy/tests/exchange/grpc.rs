//! gRPC: no second region gets it, and instead of a failure comes the status that is configured.

use helius_policy::exchange::{Answer, Effect, Event, Flow, Record};
use helius_policy::http::{Headers, Response};
use helius_policy::time::{Clock, Timestamp};
use helius_policy::verdict::{Failure, ServedBy, Skip, Verdict};

use crate::setup::{GRPC, Setup};
use crate::watch::Watched;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + millis)
}

fn calling() -> Setup {
    Setup { covers_grpc: true, extra: Some(GRPC), ..Setup::default() }
}

fn answers(status: &'static str, details: &'static [u8], end_of_stream: bool) -> Event<'static> {
    let fields = [(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", status)];
    let headers = fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    Event::ResponseHeaders { status: Some(200), details, length: None, retry_after: None, headers, end_of_stream }
}

fn assert_fails_openly(response: &Response) {
    let seen = ["content-type", "grpc-status", "grpc-message"].map(|name| response.headers.first(name));
    assert_eq!(seen, [Some(b"application/grpc".as_slice()), Some(b"14"), Some(b"later")]);
    assert_eq!((response.status, response.body.as_slice(), response.headers.length()), (200, b"".as_slice(), None));
    assert_eq!(response.headers.first("x-helius-not-replayable"), Some(b"grpc".as_slice()));
}

#[test]
fn a_call_is_never_held_nor_sent_again() {
    let mut watched = Watched::begin(Setup { bodiless: false, announced: Some(4), ..calling() });
    assert!(watched.asks_primary && !watched.exchange.holds_request());
    assert!(!watched.exchange.wants_request_body(4, true));
    assert_eq!(watched.on(answers("14", b"via_upstream", true), at(5)), Flow::Continue);
    let skipped = Effect::Record(Record::Attempt { region: 1, verdict: Verdict::Skipped(Skip::NotReplayable) });
    assert!(watched.effects.contains(&skipped), "{:?}", watched.effects);
    let Some(Answer::Replace { response, .. }) = watched.answer() else { panic!("{:?}", watched.effects) };
    assert_fails_openly(response);
    assert_eq!(watched.response(), Some(ServedBy::Static));
}

#[test]
fn a_failure_with_a_body_is_answered_by_a_reply() {
    let mut watched = Watched::begin(calling());
    let headers = Headers::from_iter([(":status", "503"), ("content-type", "text/plain")]);
    let (status, details) = (Some(503), b"via_upstream".as_slice());
    watched.on(
        Event::ResponseHeaders { status, details, length: Some(4), retry_after: None, headers, end_of_stream: false },
        at(5),
    );
    watched.on(Event::ResponseBody { chunk: b"boom", size: 4, end_of_stream: true }, at(6));
    let Some(Answer::Reply(response)) = watched.answer() else { panic!("{:?}", watched.effects) };
    assert_fails_openly(response);
}

#[test]
fn beyond_the_share_of_made_up_answers_it_is_told_that_the_service_is_unavailable() {
    let setup = Setup { max_share: Some("{ share: 0.0, min_requests: 1 }"), ..calling() };
    let host = setup.host();
    let counted = host.answers.clone();
    // One is too few for a share to mean anything.
    counted.count(setup.route().max_share().unwrap(), false, host.now());
    let mut watched = Watched::begin_at(setup, host);
    watched.on(answers("14", b"via_upstream", true), at(5));
    let Some(Answer::Replace { response, .. }) = watched.answer() else { panic!("{:?}", watched.effects) };
    let seen = ["content-type", "grpc-status", "grpc-message", "x-helius-served-by"];
    let seen = seen.map(|name| response.headers.first(name).map(|value| str::from_utf8(value).unwrap()));
    let text = "no region gave an answer, and too many answers are made up already";
    assert_eq!(seen, [Some("application/grpc"), Some("14"), Some(text), Some("refusal")]);
    assert_eq!((response.status, response.body.as_slice(), response.headers.length()), (200, b"".as_slice(), None));
    assert_eq!(watched.response(), Some(ServedBy::Refusal));
}

#[test]
fn what_went_wrong_is_read_from_envoys_words() {
    let cases: [(&str, &[u8], Failure); 3] = [
        ("14", b"upstream_reset_before_response_started{remote_connection_failure|refused}", Failure::Connect),
        ("14", b"no_healthy_upstream", Failure::NoHealthyUpstream),
        ("4", b"via_upstream", Failure::Timeout),
    ];
    for (status, details, failure) in cases {
        let mut watched = Watched::begin(calling());
        watched.on(answers(status, details, true), at(5));
        let failed = Effect::Record(Record::Attempt { region: 0, verdict: Verdict::Failure(failure) });
        assert!(watched.effects.contains(&failed), "{:?}", watched.effects);
    }
}

#[test]
fn what_the_service_says_passes() {
    for status in ["", "0", "3", "7", "12"] {
        let mut watched = Watched::begin(calling());
        assert_eq!(watched.on(answers(status, b"via_upstream", true), at(5)), Flow::Continue, "{status}");
        assert!(watched.answer().is_none());
    }
    let mut watched = Watched::begin(calling());
    watched.on(answers("8", b"via_upstream", true), at(5));
    assert!(matches!(watched.answer(), Some(Answer::Release(_))), "{:?}", watched.effects);
}
