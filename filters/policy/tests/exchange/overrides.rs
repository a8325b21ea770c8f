//! The ladder around what an operator has switched.

use helius_policy::exchange::{Answer, Effect, Event, Record};
use helius_policy::http::{Headers, Response};
use helius_policy::time::Timestamp;
use helius_policy::verdict::{Degraded, ServedBy, Skip, Verdict};

use crate::setup::{ATTEMPT, BY_PATH, GRPC, Setup};
use crate::watch::Watched;

const NOW: Timestamp = Timestamp::from_millis(1_000_003);

fn answered(status: &str) -> Event<'static> {
    Event::CallAnswered { headers: Headers::from_iter([(":status", status)]), body: b"west".to_vec() }
}

fn passed_over(region: usize) -> Effect {
    Effect::Record(Record::Attempt { region, verdict: Verdict::Skipped(Skip::Override) })
}

fn response(served_by: ServedBy) -> Effect {
    Effect::Record(Record::Response { served_by, degraded: Some(Degraded::Override) })
}

fn reply(watched: &Watched) -> &Response {
    match watched.answer() {
        Some(Answer::Reply(response)) => response,
        other => panic!("{other:?}"),
    }
}

/// What the answer says of itself: who served it, why it is degraded, and how many regions were asked.
fn marks(watched: &Watched) -> [Option<&str>; 3] {
    let mark = |name| reply(watched).headers.first(name).map(|value| std::str::from_utf8(value).unwrap());
    ["x-helius-served-by", "x-helius-degraded", "x-helius-attempts"].map(mark)
}

fn without_answer(watched: &Watched) -> Vec<&Effect> {
    watched.effects.iter().filter(|it| !matches!(it, Effect::Answer(_))).collect()
}

#[test]
fn a_drained_primary_is_passed_over_at_once() {
    let mut watched = Watched::begin(Setup { drained: vec![0], ..Setup::default() });
    watched.on(answered("200"), NOW);
    assert_eq!(marks(&watched), [Some("secondary"), Some("skipped_override"), Some("1")]);
    let call = Effect::Call { region: 1, timeout: ATTEMPT };
    let ok = Effect::Record(Record::Attempt { region: 1, verdict: Verdict::Ok });
    assert_eq!(without_answer(&watched), [&passed_over(0), &call, &ok, &response(ServedBy::Secondary)]);
}

#[test]
fn so_is_a_drained_secondary_when_the_primary_fails() {
    let mut watched = Watched::begin(Setup { secondaries: 2, drained: vec![1], ..Setup::default() });
    let failed = Event::ResponseHeaders {
        status: Some(503),
        details: b"no_healthy_upstream",
        length: Some(0),
        retry_after: None,
        headers: Headers::new(),
        end_of_stream: true,
    };
    watched.on(failed, NOW);
    assert!(watched.effects.contains(&passed_over(1)), "{:?}", watched.effects);
    assert_eq!(watched.in_flight, Some(2));
}

#[test]
fn forced_static_asks_nobody_whatever_the_breakers_say() {
    for (breaker, is_strict) in [(None, false), (Some("{}"), false), (Some("{}"), true)] {
        let watched = Watched::begin(Setup { is_forced: true, breaker, is_strict, ..Setup::default() });
        assert_eq!(marks(&watched), [Some("static"), Some("skipped_override"), Some("0")]);
        assert_eq!(reply(&watched).status, 200);
        assert_eq!(without_answer(&watched), [&passed_over(0), &passed_over(1), &response(ServedBy::Static)]);
    }
}

#[test]
fn it_means_the_static_answer_and_neither_a_kept_one_nor_a_bound() {
    let setup = Setup {
        is_forced: true,
        last_good: Some(BY_PATH),
        max_share: Some("{ share: 0, min_requests: 1 }"),
        ..Setup::default()
    };
    for _ in 0..3 {
        let watched = Watched::begin(setup.clone());
        assert_eq!(marks(&watched), [Some("static"), Some("skipped_override"), Some("0")]);
    }
}

#[test]
fn without_a_static_answer_it_changes_nothing() {
    let watched = Watched::begin(Setup { is_forced: true, has_static: false, ..Setup::default() });
    assert!(watched.asks_primary);
}

#[test]
fn where_only_grpc_has_a_configured_answer_only_grpc_gets_it() {
    let setup = |extra| Setup { is_forced: true, has_static: false, covers_grpc: true, extra, ..Setup::default() };
    let plain = Watched::begin(setup(None));
    assert!(plain.asks_primary, "a 503 would be worse than an answer");
    let grpc = Watched::begin(setup(Some(GRPC)));
    assert_eq!(reply(&grpc).headers.first("grpc-status"), Some(&b"14"[..]));
}

#[test]
fn where_all_regions_are_drained_the_last_rungs_answer() {
    let all = |has_static| Setup { drained: vec![0, 1], has_static, breaker: Some("{}"), ..Setup::default() };
    assert_eq!(marks(&Watched::begin(all(true))), [Some("static"), Some("skipped_override"), Some("0")]);
    let watched = Watched::begin(all(false));
    assert_eq!(reply(&watched).status, 503);
    assert_eq!(marks(&watched), [Some("refusal"), Some("skipped_override"), Some("0")]);
}
