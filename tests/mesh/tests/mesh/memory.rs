//! Nothing is left of an exchange that is over.

use helius_mesh::{Answer, Behaviour, Document, Exchange, Outcome, Request, Route, Scenario, judge, play};

/// The memory of an allocator that is given everything back stays where it is, but for a page of slack.
const SLACK: usize = 64 << 10;

/// So many exchanges of every kind, one after the other, on one worker.
fn batches(count: u64) -> Scenario {
    let mut document = Document::new(vec![Route::new("assist", 3)]);
    document.routes[0].regions[1].timeout = 20;
    let mut scenario = Scenario::new(document);
    scenario.envoy.workers = 1;
    let failed = || Behaviour::Answer(Answer { body: Some(5000), ..Answer::status(500) });
    let kinds = [
        vec![],
        vec![failed()],
        vec![failed(), Behaviour::Hang],
        vec![Behaviour::Refuse, failed(), Behaviour::NoHosts],
        vec![Behaviour::Answer(Answer::empty(503)), Behaviour::Overflow, Behaviour::UnknownCluster],
    ];
    for index in 0..count {
        let kind = kinds[usize::try_from(index).unwrap_or(0) % kinds.len()].clone();
        let mut exchange = Exchange::new(Request::post("/assist", 3000)).regions(kind);
        exchange.at = index * 5;
        exchange.leaves_after = (index % 11 == 0).then_some(3);
        exchange.request.interval = if index % 7 == 0 { 130 } else { 0 };
        scenario = scenario.with(exchange);
    }
    scenario
}

fn play_well(scenario: &Scenario) -> Outcome {
    let outcome = play(scenario, 1, false);
    let violations = judge(&outcome);
    assert!(violations.is_empty(), "{} violations, such as {:?}", violations.len(), violations[0]);
    outcome
}

#[test]
fn the_memory_of_a_vm_does_not_grow_with_the_number_of_exchanges() {
    let few = play_well(&batches(300)).memory[0];
    let many = play_well(&batches(3000)).memory[0];
    assert!(many <= few + SLACK, "{few} bytes after 300 exchanges, {many} after 3000");
}
