//! What operators write, push, and do to clocks.

use fastrand::Rng;

use super::{breakers, last_rungs};
use super::{one_in, output, pick};
use crate::document::{Dedupe, Document, FAILURES, Limit, Region, Route, region_name};
use crate::scenario::{Death, Millis};

pub(super) fn document(random: &mut Rng) -> Document {
    let mut document = Document::new(vec![route(random, "assist"), route(random, "predict")]);
    document.is_shadow = one_in(random, 8);
    if one_in(random, 40) {
        document.mistake = Some("mood".to_owned());
    }
    document
}

fn route(random: &mut Rng, name: &str) -> Route {
    let count = *pick(random, &[2, 2, 2, 1, 3, 4]);
    let timeout = *pick(random, &[2000, 2000, 600, 300, 100, 5000]);
    let regions = (0..count).map(|index| region(random, index, timeout));
    let regions = regions.collect();
    let max_body = *pick(random, &[64 << 10, 64 << 10, 1000, 0, 300 << 10]);
    let mut route = Route {
        timeout,
        regions,
        fail_on: fail_on(random),
        replay_methods: pick(random, &[vec!["GET", "HEAD", "POST"], vec!["GET", "HEAD", "POST"], vec!["GET"]]).clone(),
        max_body,
        hold: max_body.min(*pick(random, &[16 << 10, 16 << 10, 0, 100])),
        covers_events: one_in(random, 3),
        is_strict: one_in(random, 3),
        isolates: one_in(random, 8),
        dedupe: dedupe(random),
        limit: limit(random),
        breaker: breakers::breaker(random),
        output: output::output(random),
        retry_budget: breakers::budget(random),
        ..Route::new(name, 0)
    };
    route.drill = one_in(random, 4).then(|| *pick(random, &[100, 100, 30, 0]));
    last_rungs::furnish(random, &mut route);
    route
}

fn dedupe(random: &mut Rng) -> Option<Dedupe> {
    one_in(random, 5).then(|| Dedupe {
        window: *pick(random, &[1000, 1000, 60_000]),
        status: *pick(random, &[202, 200, 409]),
        replays: random.bool(),
    })
}

fn limit(random: &mut Rng) -> Option<Limit> {
    one_in(random, 6).then(|| Limit { per_second: *pick(random, &[1, 10, 100]), burst: *pick(random, &[1, 2, 5]) })
}

pub(super) fn region(random: &mut Rng, index: usize, most: Millis) -> Region {
    let timeout = if one_in(random, 3) { most } else { (most / 4).max(1) };
    let authority = one_in(random, 4).then(|| format!("region-{index}.example"));
    Region { name: region_name(index), timeout, authority: authority.filter(|_| index > 0) }
}

fn fail_on(random: &mut Rng) -> Vec<&'static str> {
    if !one_in(random, 4) {
        return FAILURES.to_vec();
    }
    FAILURES.into_iter().filter(|_| random.bool()).collect()
}

pub(super) fn pushes(random: &mut Rng, first: &Document) -> Vec<(Millis, Document)> {
    let count = *pick(random, &[0, 0, 0, 1, 2]);
    let mut pushes: Vec<_> = (0..count)
        .map(|_| {
            let mut next = if random.bool() { document(random) } else { first.clone() };
            next.mistake = one_in(random, 3).then(|| "mood".to_owned());
            (random.u64(1..3000), next)
        })
        .collect();
    pushes.sort_by_key(|(at, _)| *at);
    pushes
}

pub(super) fn clock_steps(random: &mut Rng) -> Vec<(Millis, i64)> {
    let count = *pick(random, &[0, 0, 0, 1, 3]);
    let by = [-3_600_000, -500, 200, 10_000, 86_400_000];
    (0..count).map(|_| (random.u64(0..3000), *pick(random, &by))).collect()
}

/// Of some fifteen incidents one kills a VM: mostly in the middle of something, now and then soon after its start.
pub(super) fn deaths(random: &mut Rng, workers: usize) -> Vec<Death> {
    let count = if one_in(random, 15) { random.usize(1..4) } else { 0 };
    let mut death = || {
        let latest = *pick(random, &[150, 1500]);
        Death { at: random.u64(0..latest), worker: random.usize(0..workers), after: random.u64(0..40_000) }
    };
    (0..count).map(|_| death()).collect()
}
