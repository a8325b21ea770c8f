//! A VM that dies takes with it what it has in flight, and nothing else.

use helius_mesh::{
    Answer, Behaviour, Death, Document, End, Exchange, Outcome, Record, Request, Route, Scenario, judge, play,
};

/// One worker, whose VM dies at its first instruction after these times.
fn dying(deaths: &[u64]) -> Scenario {
    let mut scenario = Scenario::new(Document::new(vec![Route::new("assist", 2)]));
    scenario.deaths = deaths.iter().map(|at| Death { at: *at, worker: 0, after: 0 }).collect();
    scenario
}

/// A POST whose primary fails, so that it shows by its answer whether it is protected.
fn failed(at: u64) -> Exchange {
    let exchange = Exchange::new(Request::post("/assist", 50));
    Exchange { at, ..exchange.regions([Behaviour::Answer(Answer::status(500))]) }
}

/// The same with a secondary region that takes its time.
fn slow(at: u64, after: u64) -> Exchange {
    let slow = Behaviour::Answer(Answer { after, ..Answer::status(200) });
    failed(at).regions([Behaviour::Answer(Answer::status(500)), slow])
}

fn played(scenario: &Scenario) -> Outcome {
    let outcome = play(scenario, 0, true);
    assert_eq!(judge(&outcome), [], "{}", outcome.trace.join("\n"));
    outcome
}

/// Status, who served it, and whether it had lost its VM.
fn seen(record: &Record) -> (u16, Option<&str>, bool) {
    let answer = record.answer.as_ref().expect("there is an answer");
    (answer.status(), answer.mark("served-by"), record.lost_its_vm)
}

const PROTECTED: (u16, Option<&str>, bool) = (200, Some("secondary"), false);
const LOST: (u16, Option<&str>, bool) = (503, None, true);

#[test]
fn what_is_in_flight_when_a_vm_dies_gets_503_and_what_comes_next_is_protected_again() {
    let scenario = dying(&[1000]).with(failed(500)).with(slow(900, 400)).with(failed(1150));
    let outcome = played(&scenario);
    assert_eq!(seen(&outcome.records[0]), PROTECTED);
    assert_eq!(seen(&outcome.records[1]), LOST, "its callout is lost");
    assert_eq!(seen(&outcome.records[2]), PROTECTED, "a VM that lived longer than the backoff is replaced at once");
}

#[test]
fn a_vm_that_dies_young_is_not_replaced_before_the_backoff_is_over() {
    let outcome = played(&dying(&[10]).with(slow(5, 400)).with(failed(50)).with(failed(99)).with(failed(151)));
    let seen: Vec<_> = outcome.records.iter().map(seen).collect();
    assert_eq!(seen, [LOST, LOST, LOST, PROTECTED]);
    assert_eq!(outcome.records[1].asked.len(), 0, "Envoy answers by itself");
}

#[test]
fn a_fresh_vm_knows_the_last_good_document_also_where_a_bad_one_was_pushed_last() {
    let mut scenario = dying(&[1000]).with(failed(500)).with(slow(990, 100)).with(failed(1200));
    let mut bad = scenario.document.clone();
    bad.mistake = Some("mood".to_owned());
    scenario.pushes.push((200, bad));
    let outcome = played(&scenario);
    let seen: Vec<_> = outcome.records.iter().map(seen).collect();
    assert_eq!(seen, [PROTECTED, LOST, PROTECTED]);
    let rejected = outcome.stats.iter().find(|(name, _)| name.ends_with("helius_filter_config_rejected"));
    assert_eq!(rejected.map(|(_, value)| *value), Some(1), "and still says that the newest is bad");
}

#[test]
fn a_pushed_document_brings_a_fresh_vm_without_a_wait() {
    let mut scenario = dying(&[10]).with(slow(5, 400)).with(failed(50)).with(failed(80));
    scenario.pushes.push((60, scenario.document.clone()));
    let outcome = played(&scenario);
    let seen: Vec<_> = outcome.records.iter().map(seen).collect();
    assert_eq!(seen, [LOST, LOST, PROTECTED]);
}

#[test]
fn a_death_on_one_worker_harms_nobody_on_another() {
    let other = |exchange: Exchange| Exchange { worker: 1, ..exchange };
    let outcome = played(&dying(&[1000]).with(slow(900, 400)).with(other(slow(900, 400))));
    assert_eq!(seen(&outcome.records[0]), LOST);
    assert_eq!(seen(&outcome.records[1]), PROTECTED);
}

#[test]
fn an_answer_on_its_way_breaks_off_when_the_vm_dies() {
    let answer = Answer { body: Some(100), pieces: 10, interval: 50, ..Answer::status(200) };
    let exchange = failed(900).regions([Behaviour::Answer(answer)]);
    let outcome = played(&dying(&[1000]).with(exchange));
    assert_eq!((outcome.records[0].end, outcome.records[0].lost_its_vm), (Some(End::Truncated), true));
}
