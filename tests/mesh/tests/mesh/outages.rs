//! What an outage costs: who waits in vain, and what the regions that are left get to carry.

use helius_mesh::{
    Answer, Behaviour, Breaker, Document, Exchange, Micros, Millis, Outcome, Record, Request, Route, Scenario, judge,
    play,
};

const SECOND: Micros = 1_000_000;

/// When the primary dies, and when it is back.
const DIES: Millis = 1500;
const BACK: Millis = 3500;

/// How long a region takes that is well.
const WELL: Millis = 20;

/// So many requests a second for so long, while the primary does `how` for a while.
fn outage(rate: u64, lasts: Millis, breaker: Option<Breaker>, how: &Behaviour) -> Outcome {
    let route = Route { breaker, ..Route::new("assist", 2) };
    let mut scenario = Scenario::new(Document::new(vec![route]));
    let well = || Behaviour::Answer(Answer { after: WELL, ..Answer::status(200) });
    for index in 0..rate * lasts / 1000 {
        let at = index * 1000 / rate;
        let primary = if (DIES..BACK).contains(&at) { how.clone() } else { well() };
        let worker = usize::try_from(index % 2).unwrap_or(0);
        let exchange = Exchange { at, worker, ..Exchange::new(Request::post("/assist", 50)) };
        scenario = scenario.with(exchange.regions([primary, well()]));
    }
    let outcome = play(&scenario, 0, false);
    let violations = judge(&outcome);
    assert!(violations.is_empty(), "{} violations, such as {:?}", violations.len(), violations[0]);
    outcome
}

/// The most of these that fall into any second.
fn most_in_a_second(mut moments: Vec<Micros>) -> usize {
    moments.sort_unstable();
    let in_the_second_to = |last: usize| last + 1 - moments.partition_point(|at| *at + SECOND <= moments[last]);
    (0..moments.len()).map(in_the_second_to).max().unwrap_or(0)
}

/// Requests that were sent to the secondary region, in the worst second.
fn carried(outcome: &Outcome) -> usize {
    let asked = outcome.records.iter().flat_map(Record::secondaries);
    most_in_a_second(asked.filter(|asked| asked.has_reached).map(|asked| asked.at.0).collect())
}

/// Requests that waited for the primary while it was gone.
fn waited(outcome: &Outcome) -> usize {
    let is_bad = |record: &&Record| record.primary().is_some_and(|asked| asked.outcome == Some("timeout"));
    outcome.records.iter().filter(is_bad).count()
}

/// Slow is what takes longer than this.
fn quick(slow: Millis) -> Breaker {
    Breaker { slow_duration: Some(slow), ..Breaker::default() }
}

/// In hundredths of what the clients send.
fn share(carried: usize, rate: u64) -> u64 {
    u64::try_from(carried).unwrap_or(u64::MAX) * 100 / rate
}

#[test]
fn those_who_are_left_never_carry_a_fifth_more_than_the_clients_send() {
    let rate = 300;
    let slow = quick(150);
    for (how, breaker) in [(Behaviour::Hang, slow), (Behaviour::Refuse, Breaker::default())] {
        let outcome = outage(rate, 5000, Some(breaker), &how);
        let (carried, waited) = (carried(&outcome), waited(&outcome));
        println!(
            "{rate}/s, primary does {how:?}: the secondary carries {carried} in the worst second, {waited} waited"
        );
        assert!(share(carried, rate) <= 120, "{carried} of {rate}");
        assert!(carried >= 280, "it carries all of them");
    }
}

#[test]
fn how_long_a_call_may_take_says_how_many_wait_and_come_again() {
    let rate = 300;
    let mut before = 0;
    for slow in [50, 150, 400] {
        let outcome = outage(rate, 4000, Some(quick(slow)), &Behaviour::Hang);
        let (carried, waited) = (carried(&outcome), waited(&outcome));
        println!(
            "{rate}/s, slow after {slow} ms: the secondary carries {carried} in the worst second, {waited} waited"
        );
        assert!(waited > before, "{waited} after {before}");
        before = waited;
    }
    let without = waited(&outage(rate, 4000, None, &Behaviour::Hang));
    println!("{rate}/s without a breaker: {without} waited");
    assert!(without > 4 * before);
}

#[test]
fn of_two_thousand_a_second_only_those_wait_who_came_before_anybody_could_know() {
    let (rate, slow) = (2000, 100);
    let outcome = outage(rate, 2500, Some(quick(slow)), &Behaviour::Hang);
    let waited = u64::try_from(waited(&outcome)).unwrap_or(u64::MAX);
    // Until the answers from before its death have come nothing is amiss, and then the first one that waits may still be
    // answered; and those of the millisecond in which that is over.
    let detection = rate * (WELL + slow + 1) / 1000 + 2;
    println!("{rate}/s, slow after {slow} ms: {waited} waited for a dead region, of {detection} who could not know");
    assert!(waited <= detection && waited >= detection / 2, "{waited} of {detection}");
}
