//! What operators switch for a while, one scenario for each promise.

use helius_mesh::{
    Agent, AgentEvent, Answer, Behaviour, Breaker, Change, Death, Document, Exchange, Forced, Lie, Limit, Millis,
    Outcome, Override, Record, Request, Route, Scenario, judge, play, region_name,
};

/// Two failures open it, for a minute.
const TOUCHY: Breaker = Breaker {
    mode: helius_mesh::Mode::Enforce,
    window: 1000,
    min_requests: 20,
    failure_rate: 50,
    consecutive_failures: 2,
    slow_duration: None,
    slow_rate: 80,
    open: (60_000, 60_000, 0),
    permits: 1,
    successes: 2,
    max_wait: 1000,
    ramp: (100, 100),
    retry_after_max: 1000,
};

/// Two regions behind a breaker, requests that say where they come from, and an agent.
fn scenario(workers: usize) -> Scenario {
    let route = Route { isolates: true, breaker: Some(TOUCHY), ..Route::new("assist", 2) };
    let mut scenario = Scenario::new(Document::new(vec![route]));
    scenario.document.agent = Some(Agent::default());
    scenario.envoy.workers = workers;
    scenario
}

/// A POST to each worker at this time.
fn on_each(scenario: Scenario, at: Millis, regions: &[Behaviour]) -> Scenario {
    let workers = scenario.envoy.workers;
    let post = |worker| {
        let mut exchange =
            Exchange { at, worker, ..Exchange::new(Request::post("/assist", 50)).regions(regions.to_vec()) };
        exchange.request.headers.push(("x-origin".to_owned(), b"near".to_vec()));
        exchange
    };
    (0..workers).fold(scenario, |scenario, worker| scenario.with(post(worker)))
}

fn set(change: Change, lasts: Millis) -> AgentEvent {
    AgentEvent::Set(Override::new(change, lasts))
}

fn failed() -> [Behaviour; 1] {
    [Behaviour::Answer(Answer::status(500))]
}

fn played(scenario: &Scenario) -> Outcome {
    let outcome = play(scenario, 0, true);
    assert_eq!(judge(&outcome), [], "{}", outcome.trace.join("\n"));
    outcome
}

/// Status, who served it, and why it is degraded.
type Seen<'a> = (u16, Option<&'a str>, Option<&'a str>);

fn seen(record: &Record) -> Seen<'_> {
    let answer = record.answer.as_ref().expect("there is an answer");
    (answer.status(), answer.mark("served-by"), answer.mark("degraded"))
}

/// What those saw who came at this time.
fn at(outcome: &Outcome, at: Millis) -> Vec<Seen<'_>> {
    let came = outcome.records.iter().filter(|record| outcome.scenario.exchanges[record.index].at == at);
    came.map(seen).collect()
}

const HEALTHY: Seen<'static> = (200, None, None);
const STATIC: Seen<'static> = (200, Some("static"), Some("skipped_override"));
const DRAINED: Seen<'static> = (200, Some("secondary"), Some("skipped_override"));
const LEFT_ALONE: Seen<'static> = (200, Some("secondary"), Some("skipped_breaker_open"));
const FAILED_OVER: Seen<'static> = (200, Some("secondary"), Some("5xx"));

/// Plays a change that is switched at 1 s for 3 s, in 2 and in 4 workers: what everybody sees at 0.9, 2 and 4.1 s, whose
/// primary answers in this way.
fn with(change: &Change, regions: &[Behaviour], expected: [Seen<'_>; 3]) {
    for workers in [2, 4] {
        let times = [900, 2000, 4100];
        let scenario = scenario(workers).when(1000, set(change.clone(), 3000));
        let outcome = played(&times.into_iter().fold(scenario, |it, at| on_each(it, at, regions)));
        for (time, expected) in times.into_iter().zip(expected) {
            assert_eq!(at(&outcome, time), vec![expected; workers], "{change:?} at {time} ms in {workers} workers");
        }
        let gauge = outcome.stats.iter().find(|(name, _)| name.ends_with("helius_override_active"));
        assert_eq!(gauge.map(|(_, value)| *value), Some(0), "{change:?}");
    }
}

#[test]
fn the_static_answer_is_forced_in_every_worker() {
    with(&Change::Static, &[], [HEALTHY, STATIC, HEALTHY]);
}

#[test]
fn a_region_is_drained_in_every_worker() {
    with(&Change::Drain(region_name(0)), &[], [HEALTHY, DRAINED, HEALTHY]);
    // The last one finds no other region either.
    let gone = [Behaviour::Refuse];
    let nobody = (200, Some("static"), Some("connect"));
    let failed_over = (200, Some("secondary"), Some("connect"));
    for workers in [2, 4] {
        let mut scenario = scenario(workers).when(1000, set(Change::Drain(region_name(1)), 3000));
        scenario.document.routes[0].breaker = None;
        let outcome = played(&[900, 2000, 4100].into_iter().fold(scenario, |it, at| on_each(it, at, &gone)));
        let all: Vec<_> = [900, 2000, 4100].iter().map(|time| at(&outcome, *time)[0]).collect();
        assert_eq!(all, [failed_over, nobody, failed_over]);
    }
}

#[test]
fn a_breaker_is_forced_open_in_every_worker() {
    for workers in [2, 4] {
        let change = Change::Breaker(Some(region_name(0)), Forced::Open);
        let times = [900, 2000, 4100, 4200, 5000];
        let scenario = scenario(workers).when(1000, set(change, 3000));
        let outcome = played(&times.into_iter().fold(scenario, |it, at| on_each(it, at, &[])));
        let all = [900, 2000, 5000].map(|time| at(&outcome, time));
        assert_eq!(all, [HEALTHY, LEFT_ALONE, HEALTHY].map(|it| vec![it; workers]));
        // When it is over the region is found back, by probes.
        let probes = at(&outcome, 4100).into_iter().filter(|it| *it == HEALTHY).count();
        assert_eq!(probes, 1);
    }
}

#[test]
fn a_breaker_is_forced_closed_or_switched_off_in_every_worker() {
    for forced in [Forced::Closed, Forced::Off] {
        for workers in [2, 4] {
            let change = Change::Breaker(None, forced);
            let scenario = on_each(scenario(workers), 100, &failed()).when(1000, set(change, 3000));
            let times = [900, 2000, 4100];
            let outcome = played(&times.into_iter().fold(scenario, |it, at| on_each(it, at, &[])));
            // One that was off is where it stood; one that was closed is so still.
            let after = if forced == Forced::Off { LEFT_ALONE } else { HEALTHY };
            let all: Vec<_> = times.iter().map(|time| at(&outcome, *time)).collect();
            assert_eq!(all, [LEFT_ALONE, HEALTHY, after].map(|it| vec![it; workers]), "{forced:?}");
        }
    }
}

#[test]
fn requests_from_a_region_are_turned_away_in_every_worker() {
    with(&Change::Isolate("near".to_owned()), &[], [HEALTHY, (503, None, None), HEALTHY]);
}

#[test]
fn a_route_only_watches_in_every_worker() {
    for workers in [2, 4] {
        let mut scenario = scenario(workers).when(1000, set(Change::Shadow, 3000));
        scenario.document.routes[0].breaker = None;
        let times = [900, 2000, 4100];
        let outcome = played(&times.into_iter().fold(scenario, |it, at| on_each(it, at, &failed())));
        let all: Vec<_> = times.iter().map(|time| at(&outcome, *time)).collect();
        assert_eq!(all, [FAILED_OVER, (500, None, None), FAILED_OVER].map(|it| vec![it; workers]));
    }
}

#[test]
fn limits_are_scaled_for_all_workers_together_and_the_smaller_scale_counts() {
    for workers in [2, 4] {
        // Of 10 a second, 10 at once, a tenth is left.
        let mut scenario = scenario(workers)
            .when(1000, set(Change::RateLimit(500), 6000))
            .when(1010, set(Change::RateLimit(100), 6000));
        scenario.document.routes[0].limit = Some(Limit { per_second: 10, burst: 10 });
        let times = (0..20).map(|index| 3000 + index * 100);
        let outcome = played(&times.fold(scenario, |it, at| on_each(it, at, &[])));
        let let_in = outcome.records.iter().filter(|record| seen(record).0 == 200).count();
        assert!((2..=3).contains(&let_in), "{let_in} in two seconds");
    }
}

#[test]
fn it_ends_by_itself_where_the_agent_is_gone() {
    let scenario = scenario(2).when(500, set(Change::Static, 2000)).when(1500, AgentEvent::Dies);
    let outcome = played(&[2400, 2510].into_iter().fold(scenario, |it, at| on_each(it, at, &[])));
    assert_eq!((at(&outcome, 2400), at(&outcome, 2510)), (vec![STATIC; 2], vec![HEALTHY; 2]));
}

#[test]
fn it_ends_when_it_is_undone() {
    let scenario = scenario(2).when(500, set(Change::Static, 60_000)).when(2000, AgentEvent::Clear(0));
    let outcome = played(&[1900, 3000].into_iter().fold(scenario, |it, at| on_each(it, at, &[])));
    assert_eq!((at(&outcome, 1900), at(&outcome, 3000)), (vec![STATIC; 2], vec![HEALTHY; 2]));
}

#[test]
fn a_worker_whose_vm_dies_leaves_the_agent_to_another_one() {
    // One of them is the one that asks, or the main thread is.
    for worker in 0..4 {
        let mut scenario = on_each(scenario(4), 1000, &[]).when(1000, set(Change::Static, 60_000));
        scenario.deaths.push(Death { at: 999, worker, after: 0 });
        let outcome = played(&on_each(scenario, 3000, &[]));
        assert_eq!(at(&outcome, 3000), [STATIC; 4], "the VM of w{worker} dies");
    }
}

#[test]
fn a_pushed_document_begins_with_them() {
    let mut scenario = scenario(4).when(500, set(Change::Static, 60_000)).when(1600, AgentEvent::Dies);
    let mut next = scenario.document.clone();
    next.routes[0].timeout = 1000;
    scenario.pushes.push((2000, next));
    let times: Vec<_> = (1995..2015).collect();
    let outcome = played(&times.iter().fold(scenario, |it, at| on_each(it, *at, &[])));
    assert!(outcome.records.iter().all(|record| seen(record) == STATIC));
}

#[test]
fn a_fresh_vm_begins_with_them() {
    let mut scenario = scenario(2).when(500, set(Change::Static, 60_000)).when(1600, AgentEvent::Dies);
    scenario.deaths.push(Death { at: 2000, worker: 0, after: 0 });
    let outcome = played(&on_each(on_each(scenario, 2000, &[]), 2300, &[]));
    assert_eq!(at(&outcome, 2300), [STATIC; 2]);
}

#[test]
fn a_replaced_filter_leaves_the_agent_to_its_successor_however_long_its_streams_are() {
    let slow = Behaviour::Answer(Answer { body: Some(1000), pieces: 100, interval: 100, ..Answer::status(200) });
    let mut scenario = on_each(scenario(2), 500, &[slow]);
    scenario.document.routes[0].breaker = None;
    let mut next = scenario.document.clone();
    next.routes[0].timeout = 1000;
    scenario.pushes.push((1000, next));
    // The first one is the answer to the question that the replaced one still asks.
    let scenario = scenario.when(4000, set(Change::Shadow, 1)).when(6000, set(Change::Static, 60_000));
    assert_eq!(at(&played(&on_each(scenario, 7000, &[])), 7000), [STATIC; 2]);
}

#[test]
fn an_agent_that_lies_or_forgets_harms_nobody() {
    for lie in [Lie::Error, Lie::Garbage, Lie::Mistake] {
        let scenario = scenario(2)
            .when(500, set(Change::Static, 60_000))
            .when(1600, AgentEvent::Lies(lie))
            .when(1700, set(Change::Shadow, 60_000))
            .when(4000, AgentEvent::Recovers);
        let outcome = played(&[3900, 6000].into_iter().fold(scenario, |it, at| on_each(it, at, &[])));
        assert_eq!((at(&outcome, 3900), at(&outcome, 6000)), (vec![STATIC; 2], vec![HEALTHY; 2]), "{lie:?}");
    }
    let scenario = scenario(2)
        .when(500, set(Change::Static, 60_000))
        .when(1600, AgentEvent::Dies)
        .when(3000, AgentEvent::Returns { remembers: false });
    let outcome = played(&[2900, 5000].into_iter().fold(scenario, |it, at| on_each(it, at, &[])));
    assert_eq!((at(&outcome, 2900), at(&outcome, 5000)), (vec![STATIC; 2], vec![HEALTHY; 2]));
}

/// So many hours in which something is switched every five minutes, and a request comes meanwhile.
fn hours(count: u64) -> Outcome {
    let changes = [
        Change::Static,
        Change::Breaker(None, Forced::Open),
        Change::Isolate("near".to_owned()),
        Change::Breaker(Some(region_name(1)), Forced::Off),
        Change::Drain(region_name(0)),
        Change::Breaker(None, Forced::Closed),
        Change::RateLimit(100),
        Change::Shadow,
    ];
    let mut scenario = scenario(1);
    scenario.document.routes[0].limit = Some(Limit { per_second: 10, burst: 10 });
    let every = 5 * 60_000;
    for (index, change) in (0..count * 12).zip(changes.into_iter().cycle()) {
        let lasts = if index % 3 == 0 { 2 * every } else { every / 2 };
        scenario = scenario.when(index * every + 500, set(change, lasts));
        scenario = on_each(scenario, index * every + 2000, &[]);
    }
    let outcome = play(&scenario, 1, false);
    let violations = judge(&outcome);
    assert!(violations.is_empty(), "{} violations, such as {:?}", violations.len(), violations[0]);
    outcome
}

#[test]
fn nothing_grows_in_a_day_of_overrides() {
    let [few, many] = [hours(2), hours(24)];
    assert_eq!(many.memory, few.memory);
    assert_eq!(many.shared.0, few.shared.0, "keys in shared data");
    // The length of a document varies with what is in it.
    assert!(many.shared.1 <= few.shared.1 + 1000, "{} and {} bytes in shared data", few.shared.1, many.shared.1);
    assert_eq!(many.stats.len(), few.stats.len());
    // One for each change and one for each 20 s without any.
    assert!(many.questions <= 24 * 180 + 2 * 24 * 12 + 10, "{} questions", many.questions);
}
