//! An incident from a seed.

mod breakers;
mod clients;
mod last_rungs;
mod operators;
mod outage;
mod output;
mod overrides;
mod regions;

use fastrand::Rng;

use crate::scenario::{Envoy, Scenario};

/// The incident of this seed: the same one each time.
pub fn incident(seed: u64) -> Scenario {
    let random = &mut Rng::with_seed(seed);
    let document = operators::document(random);
    let envoy = Envoy {
        workers: random.usize(1..4),
        // Hardly anybody forgets it, but who does must not lose requests.
        allow_on_headers_stop_iteration: !one_in(random, 12),
        buffer_limit: *pick(random, &[1 << 20, 1 << 20, 1 << 20, 32 << 10, 64 << 10]),
        route_timeout: *pick(random, &[15_000, 15_000, 15_000, 15_000, 700]),
        connect_timeout: *pick(random, &[250, 250, 50]),
        outer_filter: one_in(random, 3),
    };
    let count = random.usize(1..14);
    let mood = regions::Mood::any(random, &document);
    let mut exchanges: Vec<_> =
        (0..count).map(|_| clients::exchange(random, &document, envoy.workers, &mood)).collect();
    exchanges.sort_by_key(|exchange| exchange.at);
    let pushes = operators::pushes(random, &document);
    let clock_steps = operators::clock_steps(random);
    let deaths = operators::deaths(random, envoy.workers);
    let mut scenario = Scenario { envoy, document, exchanges, pushes, clock_steps, deaths, agent: Vec::new() };
    if one_in(random, 50) {
        clients::crowd(random, &mut scenario);
    } else if one_in(random, 10) {
        outage::outage(random, &mut scenario);
    }
    if one_in(random, 3) {
        overrides::overrides(random, &mut scenario, &mood);
    }
    scenario
}

fn one_in(random: &mut Rng, count: u32) -> bool {
    random.u32(0..count) == 0
}

fn pick<'a, T>(random: &mut Rng, among: &'a [T]) -> &'a T {
    &among[random.usize(0..among.len())]
}
