//! What operators switch for a while, and what becomes of the agent that tells it.

use fastrand::Rng;

use super::regions::Mood;
use super::{breakers, clients, last_rungs, one_in, pick};
use crate::document::{Agent, Change, Forced, ISOLATED, Limit, NEAR, ORIGIN, Override, region_name};
use crate::says::Says;
use crate::scenario::{AgentEvent, Answer, Behaviour, Exchange, Lie, Millis, Request, Scenario};

/// When the last of it begins.
const LATEST: Millis = 4000;

/// Gives an incident an agent, and clients who come while it tells of something.
pub(super) fn overrides(random: &mut Rng, scenario: &mut Scenario, mood: &Mood) {
    let agent = Agent { poll_interval: *pick(random, &[None, None, Some(1000), Some(500), Some(100)]) };
    scenario.document.agent = Some(agent);
    for (_, document) in &mut scenario.pushes {
        document.agent = (!one_in(random, 8)).then_some(agent);
    }
    let workers = random.usize(1..5);
    scenario.envoy.workers = scenario.envoy.workers.max(workers);
    scenario.agent = events(random);
    // Something that can be switched.
    let route = &mut scenario.document.routes[0];
    route.isolates |= one_in(random, 3);
    if one_in(random, 3) {
        route.limit = Some(Limit { per_second: *pick(random, &[1, 10]), burst: *pick(random, &[1, 2, 5, 20]) });
    }
    if one_in(random, 3) {
        route.breaker = Some(breakers::quick(random));
    }
    if one_in(random, 3) {
        route.last_good = Some(last_rungs::last_good(random));
    }
    if one_in(random, 2) {
        (scenario.pushes, scenario.clock_steps, scenario.deaths) = (Vec::new(), Vec::new(), Vec::new());
    }
    if one_in(random, 8) {
        outlive(random, scenario);
    }
    for _ in 0..random.usize(5..25) {
        let mut exchange = clients::exchange(random, &scenario.document, scenario.envoy.workers, mood);
        exchange.at = random.u64(0..LATEST + 2000);
        if one_in(random, 4) {
            exchange.request.headers.push((ORIGIN.to_owned(), NEAR.into()));
        }
        scenario.exchanges.push(exchange);
    }
}

/// A document is pushed while each worker has a stream that keeps the filter of the one before alive for long.
fn outlive(random: &mut Rng, scenario: &mut Scenario) {
    let mut next = scenario.document.clone();
    next.routes[1].timeout += 1;
    let (begin, pushed) = (random.u64(0..300), random.u64(400..1000));
    scenario.pushes = vec![(pushed, next)];
    let drips = Answer { body: Some(1000), pieces: 100, interval: 70, ..Answer::saying(Says::Good) };
    for worker in 0..scenario.envoy.workers {
        let request = Request::new("GET", "/elsewhere");
        let exchange = Exchange { at: begin, worker, ..Exchange::new(request) };
        scenario.exchanges.push(exchange.regions([Behaviour::Answer(drips.clone())]));
    }
}

fn events(random: &mut Rng) -> Vec<(Millis, AgentEvent)> {
    let mut events: Vec<(Millis, AgentEvent)> = Vec::new();
    for _ in 0..random.usize(1..6) {
        let at = random.u64(0..LATEST);
        events.push((at, AgentEvent::Set(any(random))));
        if one_in(random, 3) {
            events.push((at + random.u64(0..2000), AgentEvent::Clear(events.len() - 1)));
        }
    }
    if one_in(random, 3) {
        let (at, lasts) = (random.u64(0..LATEST), *pick(random, &[200, 1000, 3000]));
        let lie = *pick(random, &[Lie::Error, Lie::Garbage, Lie::Mistake, Lie::Hurry]);
        let is_gone = random.bool();
        events.push((at, if is_gone { AgentEvent::Dies } else { AgentEvent::Lies(lie) }));
        let back = if is_gone { AgentEvent::Returns { remembers: random.bool() } } else { AgentEvent::Recovers };
        if !one_in(random, 4) {
            events.push((at + random.u64(1..lasts), back));
        }
    }
    events
}

fn any(random: &mut Rng) -> Override {
    // Now and then one that no route has.
    let region = |random: &mut Rng| region_name(*pick(random, &[0, 0, 1, 1, 2, 5]));
    let change = match random.u32(0..12) {
        0..2 => Change::Static,
        2..5 => {
            let region = random.bool().then(|| region(random));
            Change::Breaker(region, *pick(random, &[Forced::Open, Forced::Closed, Forced::Off]))
        }
        5..7 => Change::RateLimit(*pick(random, &[500, 250, 100, 1, 1000])),
        7..9 => Change::Isolate((*pick(random, &[NEAR, NEAR, ISOLATED])).to_owned()),
        9..11 => Change::Drain(region(random)),
        _ => Change::Shadow,
    };
    let route = pick(random, &[None, None, Some("assist"), Some("assist"), Some("predict")]);
    let service = pick(random, &[None, None, None, Some("mesh"), Some("other")]);
    Override {
        change,
        service: service.map(str::to_owned),
        route: route.map(str::to_owned),
        lasts: *pick(random, &[300, 1000, 2000, 4000, 60_000]),
    }
}
