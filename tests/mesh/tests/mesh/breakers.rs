//! A region that is left alone and comes back, one scenario for each promise.

use helius_mesh::{
    Answer, Behaviour, Breaker, Death, Document, Exchange, Millis, Mode, Outcome, Record, Request, Route, Scenario,
    judge, label, play,
};

/// Two failures open it, for 500 ms; two good probes close it.
const QUICK: Breaker = Breaker {
    mode: Mode::Enforce,
    window: 1000,
    min_requests: 20,
    failure_rate: 50,
    consecutive_failures: 2,
    slow_duration: Some(100),
    slow_rate: 80,
    open: (500, 2000, 0),
    permits: 1,
    successes: 2,
    max_wait: 1000,
    ramp: (100, 100),
    retry_after_max: 1000,
};

fn guarded(breaker: Breaker) -> Scenario {
    let route = Route { breaker: Some(breaker), ..Route::new("assist", 2) };
    Scenario::new(Document::new(vec![route]))
}

/// A POST at this time, to these regions.
fn post(at: Millis, regions: impl IntoIterator<Item = Behaviour>) -> Exchange {
    Exchange { at, ..Exchange::new(Request::post("/assist", 50)).regions(regions) }
}

fn failed() -> [Behaviour; 1] {
    [Behaviour::Answer(Answer::status(500))]
}

fn with(scenario: Scenario, exchanges: impl IntoIterator<Item = Exchange>) -> Scenario {
    exchanges.into_iter().fold(scenario, Scenario::with)
}

fn played(scenario: &Scenario) -> Outcome {
    let outcome = play(scenario, 0, true);
    assert_eq!(judge(&outcome), [], "{}", outcome.trace.join("\n"));
    outcome
}

/// Which regions each was sent to.
fn asked(outcome: &Outcome) -> Vec<Vec<usize>> {
    let regions = |record: &Record| record.asked.iter().map(|asked| asked.region).collect();
    outcome.records.iter().map(regions).collect()
}

/// Where the primary's breaker went and why, in order.
fn changes(outcome: &Outcome) -> Vec<(String, String)> {
    let counted = outcome.records.iter().flat_map(|record| &record.counted);
    let changes = counted.filter(|name| name.ends_with("helius_breaker_transitions_total"));
    let primarys = changes.filter(|name| label(name, "region") == "primary");
    primarys.map(|name| (label(name, "to").to_owned(), label(name, "reason").to_owned())).collect()
}

fn words(changes: &[(&str, &str)]) -> Vec<(String, String)> {
    changes.iter().map(|(to, reason)| ((*to).to_owned(), (*reason).to_owned())).collect()
}

/// What the answer to a record says of who gave it, why, and after how many attempts.
fn seen(record: &Record) -> (u16, Option<&str>, Option<&str>, Option<&str>) {
    let answer = record.answer.as_ref().expect("there is an answer");
    (answer.status(), answer.mark("served-by"), answer.mark("degraded"), answer.mark("attempts"))
}

#[test]
fn a_region_that_fails_is_left_alone_and_found_back() {
    let exchanges =
        [post(0, failed()), post(100, failed()), post(200, []), post(700, []), post(710, []), post(720, [])];
    let outcome = played(&with(guarded(QUICK), exchanges));
    assert_eq!(asked(&outcome), [vec![0, 1], vec![0, 1], vec![1], vec![0], vec![0], vec![0]]);
    let expected = [("open", "consecutive_failures"), ("half_open", "backoff_elapsed"), ("closed", "probes_succeeded")];
    assert_eq!(changes(&outcome), words(&expected));
    assert_eq!(seen(&outcome.records[2]), (200, Some("secondary"), Some("skipped_breaker_open"), Some("1")));
}

#[test]
fn all_workers_leave_it_alone_together() {
    let on = |worker, exchange: Exchange| Exchange { worker, ..exchange };
    let exchanges = [on(0, post(0, failed())), on(1, post(100, failed())), on(0, post(200, [])), on(1, post(201, []))];
    assert_eq!(asked(&played(&with(guarded(QUICK), exchanges))), [vec![0, 1], vec![0, 1], vec![1], vec![1]]);
}

#[test]
fn a_region_that_hangs_is_left_alone_before_the_first_timeout_is_over() {
    // The primary has 500 ms, and 100 ms are slow.
    let exchanges = (0..30).map(|index| post(index * 10, [Behaviour::Hang]));
    let outcome = played(&with(guarded(QUICK), exchanges));
    assert_eq!(changes(&outcome)[0], ("open".to_owned(), "unanswered".to_owned()));
    let waited = outcome.records.iter().filter(|record| record.primary().is_some()).count();
    assert!((10..=11).contains(&waited), "{waited} waited, and not those of the first 100 ms");
    let last = outcome.records.last().and_then(|record| Some(record.answer.as_ref()?.at - record.began?.0));
    assert!(last.is_some_and(|took| took < 10_000), "{last:?} µs");
}

#[test]
fn the_first_to_join_again_are_a_share() {
    let breaker = Breaker { ramp: (10, 500), successes: 1, ..QUICK };
    let failures = [post(0, failed()), post(10, failed())];
    // Closes at 600 ms, and then a tenth, a fifth, two fifths and four fifths come back, each for half a second.
    let others = (0..600).map(|index| post(600 + index * 5, []));
    let outcome = played(&with(guarded(breaker), failures.into_iter().chain(others)));
    let shares: Vec<_> = outcome.records[2..602]
        .chunks(100)
        .map(|step| step.iter().filter(|record| record.primary().is_some()).count())
        .collect();
    println!("of 100 in each half second, so many were sent to the region that had come back: {shares:?}");
    let expected = [10, 20, 40, 80, 100, 100_usize];
    assert!(shares.iter().zip(expected).all(|(share, expected)| share.abs_diff(expected) <= 12), "{shares:?}");
}

#[test]
fn an_operator_can_force_it_either_way_or_switch_it_off() {
    let failures = || (0..6).map(|index| post(index * 100, failed()));
    for (mode, first, last) in [
        (Mode::Enforce, vec![0, 1], vec![1]),
        // All of its regions.
        (Mode::ForcedOpen, vec![], vec![]),
        (Mode::ForcedClosed, vec![0, 1], vec![0, 1]),
        (Mode::Shadow, vec![0, 1], vec![0, 1]),
        (Mode::Off, vec![0, 1], vec![0, 1]),
    ] {
        let outcome = played(&with(guarded(Breaker { mode, ..QUICK }), failures()));
        let asked = asked(&outcome);
        // The last comes when an open one may already ask for probes.
        assert_eq!((&asked[0], &asked[4]), (&first, &last), "{mode:?}");
    }
}

#[test]
fn a_probe_whose_client_leaves_makes_room_for_another() {
    let hangs = |at| post(at, [Behaviour::Hang]);
    let leaving = Exchange { leaves_after: Some(50), ..hangs(700) };
    let exchanges = [post(0, failed()), post(100, failed()), leaving, post(710, []), post(800, [])];
    let outcome = played(&with(guarded(QUICK), exchanges));
    assert_eq!(asked(&outcome)[2..], [vec![0], vec![1], vec![0]]);
}

#[test]
fn what_is_known_outlives_a_pushed_document() {
    let mut scenario = with(guarded(QUICK), [post(0, failed()), post(100, failed()), post(300, []), post(700, [])]);
    scenario.pushes.push((200, scenario.document.clone()));
    assert_eq!(asked(&played(&scenario))[2..], [vec![1], vec![0]]);
}

#[test]
fn what_is_known_outlives_a_vm() {
    let long = Breaker { open: (5000, 5000, 0), ..QUICK };
    let slow = post(900, [Behaviour::Hang, Behaviour::Hang]);
    let exchanges = [post(0, failed()), post(100, failed()), post(200, []), slow, post(1200, []), post(1300, [])];
    let mut scenario = with(guarded(long), exchanges);
    scenario.deaths.push(Death { at: 1000, worker: 0, after: 0 });
    let outcome = played(&scenario);
    assert!(outcome.records[3].lost_its_vm && !outcome.records[4].lost_its_vm);
    assert_eq!(asked(&outcome)[4..], [vec![1], vec![1]]);
}

#[test]
fn when_all_are_left_alone_one_a_second_finds_out_and_the_others_get_the_static_answer() {
    let gone = || [Behaviour::Refuse, Behaviour::Refuse];
    let long = Breaker { open: (5000, 5000, 0), ..QUICK };
    let exchanges = (0..40).map(|index| post(index * 100, gone()));
    let outcome = played(&with(guarded(long), exchanges));
    let fixed = outcome.records.iter().filter(|it| seen(it).1 == Some("static")).count();
    assert_eq!(fixed, 40);
    // After the two that opened both, one for each region in a second.
    let after: Vec<_> = asked(&outcome)[2..].iter().filter(|regions| !regions.is_empty()).cloned().collect();
    assert_eq!(after, [vec![0], vec![1], vec![0], vec![1], vec![0], vec![1], vec![0], vec![1]]);
}

#[test]
fn where_nothing_stands_ready_the_client_is_told_when_to_come_again() {
    let gone = || [Behaviour::Refuse, Behaviour::Refuse];
    let mut scenario = guarded(Breaker { open: (5000, 5000, 0), ..QUICK });
    scenario.document.routes[0].fixed = None;
    let outcome = played(&with(scenario, (0..6).map(|index| post(index * 100, gone()))));
    let refused = &outcome.records[5];
    assert_eq!(seen(refused), (503, Some("refusal"), Some("skipped_breaker_open"), Some("0")));
    let wait = refused.answer.as_ref().map(|answer| answer.headers.text("retry-after"));
    assert_eq!(wait, Some("1"), "that of the next last resort");
}

#[test]
fn a_request_in_pieces_goes_whole_to_whoever_gets_it() {
    let in_pieces = |at, regions: [Behaviour; 2]| {
        let mut exchange = post(at, regions);
        (exchange.request.body, exchange.request.pieces, exchange.request.interval) = (Some(50_000), 7, 5);
        exchange.request.announces_length = false;
        exchange
    };
    let serve = Behaviour::default;
    // Both are open from 100 ms on, for long.
    let gone = || [Behaviour::Refuse, Behaviour::Refuse];
    let mut scenario = guarded(Breaker { open: (5000, 5000, 0), ..QUICK });
    scenario.envoy.buffer_limit = 32 << 10;
    scenario.document.routes[0].max_body = 64 << 10;
    let failures = [post(0, gone()), post(100, gone())];
    let exchanges =
        failures.into_iter().chain([in_pieces(200, [serve(), serve()]), in_pieces(210, [serve(), serve()])]);
    let outcome = played(&with(scenario, exchanges));
    for record in &outcome.records[2..] {
        assert!(record.asked.iter().all(|asked| asked.is_whole && asked.body == record.body));
        assert_eq!(seen(record).0, 200);
    }
}

#[test]
fn a_call_that_envoy_refuses_does_not_send_a_held_request_to_its_primary() {
    let regions = |primary, second| [primary, second, Behaviour::default()];
    let mut scenario = guarded(Breaker { open: (5000, 5000, 0), ..QUICK });
    scenario.document.routes[0].regions = Route::new("assist", 3).regions;
    let failures = (0..2).map(|index| post(index * 100, regions(Behaviour::Refuse, Behaviour::default())));
    let refused = post(200, regions(Behaviour::default(), Behaviour::NoHosts));
    let outcome = played(&with(scenario, failures.chain([refused])));
    assert_eq!(outcome.records[2].refused, [(1, "no_healthy_upstream")]);
    assert_eq!(asked(&outcome)[2], [2]);
}

#[test]
fn a_region_that_says_when_to_come_back_is_left_alone_until_then() {
    let headers = vec![("retry-after".to_owned(), b"1".to_vec())];
    let limited = || [Behaviour::Answer(Answer { headers: headers.clone(), ..Answer::status(429) })];
    let outcome = played(&with(guarded(QUICK), [post(0, limited()), post(900, []), post(1010, [])]));
    assert_eq!(asked(&outcome), [vec![0, 1], vec![1], vec![0]]);
    assert_eq!(changes(&outcome)[0], ("open".to_owned(), "retry_after".to_owned()));
}
