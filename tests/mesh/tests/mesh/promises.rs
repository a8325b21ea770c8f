//! What is promised, one scenario for each: small enough to be read, and to be played to a real Envoy.

use helius_mesh::{
    Answer, Behaviour, Document, Ending, Exchange, Given, Outcome, Record, Request, Route, Scenario, judge, play,
};

fn assist() -> Scenario {
    Scenario::new(Document::new(vec![Route::new("assist", 2)]))
}

fn played(scenario: &Scenario) -> Outcome {
    let outcome = play(scenario, 0, true);
    assert_eq!(judge(&outcome), [], "{}", outcome.trace.join("\n"));
    outcome
}

/// Plays one POST to regions that behave like this.
fn ask(scenario: Scenario, regions: impl IntoIterator<Item = Behaviour>) -> Record {
    let exchange = Exchange::new(Request::post("/assist", 50)).regions(regions);
    played(&scenario.with(exchange)).records.remove(0)
}

fn answer(record: &Record) -> &Given {
    record.answer.as_ref().expect("there is an answer")
}

/// Status, who served it, and why.
fn seen(record: &Record) -> (u16, Option<&str>, Option<&str>) {
    let answer = answer(record);
    (answer.status(), answer.mark("served-by"), answer.mark("degraded"))
}

fn status(status: u16) -> Behaviour {
    Behaviour::Answer(Answer::status(status))
}

#[test]
fn a_healthy_primary_answers_as_if_nobody_were_there() {
    let record = ask(assist(), []);
    assert_eq!(seen(&record), (200, None, None));
    assert_eq!(record.asked.len(), 1);
}

#[test]
fn whatever_the_primary_does_wrong_is_covered() {
    let failures = [
        (status(500), "5xx"),
        (Behaviour::Answer(Answer::empty(503)), "5xx"),
        (Behaviour::Answer(Answer { interval: 20, pieces: 3, ..Answer::status(500) }), "5xx"),
        (Behaviour::Answer(Answer { ending: Ending::Stall, ..Answer::status(500) }), "5xx"),
        (Behaviour::Refuse, "connect"),
        (Behaviour::Unreachable, "connect"),
        (Behaviour::Break(10), "reset"),
        (Behaviour::Hang, "timeout"),
        (Behaviour::Answer(Answer { after: 800, ..Answer::status(200) }), "timeout"),
        (Behaviour::Overflow, "overflow"),
        (Behaviour::OverflowLate, "overflow"),
        (Behaviour::NoHosts, "no_healthy_upstream"),
    ];
    for (failure, why) in failures {
        let record = ask(assist(), [failure.clone()]);
        assert_eq!(seen(&record), (200, Some("secondary"), Some(why)), "{failure:?}");
    }
}

#[test]
fn whatever_the_secondary_does_wrong_the_static_answer_comes() {
    let failures = [
        status(500),
        Behaviour::Refuse,
        Behaviour::Hang,
        Behaviour::Overflow,
        Behaviour::OverflowLate,
        Behaviour::NoHosts,
        Behaviour::UnknownCluster,
    ];
    for failure in failures {
        for primary in [status(500), Behaviour::Answer(Answer::empty(500))] {
            let record = ask(assist(), [primary, failure.clone()]);
            assert_eq!(seen(&record), (200, Some("static"), Some("5xx")), "{failure:?}");
            assert_eq!(answer(&record).body, b"static");
        }
    }
}

#[test]
fn a_client_error_is_never_masked() {
    let record = ask(assist(), [status(422)]);
    assert_eq!(seen(&record), (422, None, None));
}

#[test]
fn a_limit_passes_where_nobody_does_better() {
    assert_eq!(seen(&ask(assist(), [status(429), status(500)])), (429, Some("primary"), Some("rate_limited")));
    assert_eq!(seen(&ask(assist(), [status(429)])), (200, Some("secondary"), Some("rate_limited")));
    assert_eq!(seen(&ask(assist(), [status(500), status(429)])), (429, Some("secondary"), Some("5xx")));
}

#[test]
fn the_ladder_ends_at_its_deadline() {
    let mut scenario = assist();
    scenario.document.routes[0].timeout = 700;
    let record = ask(scenario, [Behaviour::Hang, Behaviour::Hang]);
    assert_eq!(seen(&record), (200, Some("static"), Some("timeout")));
    let (began, answered) = (record.began.expect("it began").0, answer(&record).at);
    assert!((690_000..710_000).contains(&(answered - began)), "{} µs", answered - began);
}

#[test]
fn shadow_mode_changes_nothing() {
    let mut scenario = assist();
    scenario.document.is_shadow = true;
    let record = ask(scenario, [status(500)]);
    assert_eq!(seen(&record), (500, None, None));
    assert!(record.counted.iter().any(|name| name.contains("would_secondary")), "{:?}", record.counted);
}

#[test]
fn an_answer_that_breaks_off_is_truncated_and_counted() {
    let broken = Answer { ending: Ending::Break, pieces: 2, body: Some(100), ..Answer::status(200) };
    let record = ask(assist(), [Behaviour::Answer(broken)]);
    assert_eq!(record.end, Some(helius_mesh::End::Truncated));
}

#[test]
fn a_failed_answer_that_breaks_off_while_it_is_held_is_not_covered() {
    let broken = Answer { ending: Ending::Break, pieces: 2, body: Some(100), ..Answer::status(500) };
    let slow = Answer { after: 100, ..Answer::status(200) };
    let record = ask(assist(), [Behaviour::Answer(broken), Behaviour::Answer(slow)]);
    assert_eq!(seen(&record), (502, None, None));
}

#[test]
fn a_bad_document_leaves_the_last_good_one_in_force() {
    let mut bad = assist().document;
    bad.mistake = Some("mood".to_owned());
    let mut scenario = assist();
    scenario.pushes.push((5, bad));
    let mut exchange = Exchange::new(Request::post("/assist", 50)).regions([status(500)]);
    exchange.at = 100;
    let outcome = played(&scenario.with(exchange));
    assert_eq!(seen(&outcome.records[0]), (200, Some("secondary"), Some("5xx")));
}

#[test]
fn an_outer_filter_sees_what_is_replaced_in_place() {
    let mut scenario = assist();
    scenario.envoy.outer_filter = true;
    let slow = || Behaviour::Answer(Answer { after: 50, ..Answer::status(200) });
    let outer = |record: &Record| answer(record).headers.first("x-outer").is_some();
    assert!(outer(&ask(scenario.clone(), [status(500), slow()])));
    assert!(!outer(&ask(scenario, [Behaviour::Answer(Answer::empty(500)), slow()])));
}

/// Envoy drops the rest of a request whose answer has ended, and without the setting the filter is not shown that end.
#[test]
fn without_the_setting_that_holding_needs_a_primary_without_hosts_is_still_covered() {
    let mut scenario = assist();
    scenario.envoy.allow_on_headers_stop_iteration = false;
    scenario.document.routes[0].hold = 0;
    let record = ask(scenario, [Behaviour::NoHosts]);
    assert_eq!(seen(&record).0, 200);
}
