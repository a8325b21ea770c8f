//! What is said where no region answers.

use fastrand::Rng;

use super::{one_in, pick};
use crate::document::{Fixed, Grpc, LastGood, MaxShare, Route};

/// Gives a route its last rungs: of four routes one has no static response, of three one keeps good answers.
pub(super) fn furnish(random: &mut Rng, route: &mut Route) {
    route.fixed = fixed(random);
    route.fixed_for_gold = one_in(random, 3).then(|| Fixed { status: 200, body: "for gold".to_owned() });
    route.last_good = one_in(random, 3).then(|| last_good(random));
    route.grpc = one_in(random, 3).then(|| *pick(random, &[Grpc::Internal, Grpc::Unavailable]));
    route.max_share = one_in(random, 5).then(|| max_share(random));
}

fn fixed(random: &mut Rng) -> Option<Fixed> {
    if one_in(random, 4) {
        return None;
    }
    let status = *pick(random, &[200, 200, 200, 203, 503]);
    let body = pick(random, &["static answer", "static answer", ""]);
    let body = if one_in(random, 20) { "s".repeat(40 << 10) } else { (*body).to_owned() };
    Some(Fixed { status, body })
}

pub(super) fn last_good(random: &mut Rng) -> LastGood {
    let fresh = *pick(random, &[0, 100, 1000, 300_000]);
    LastGood {
        by_segment: random.bool(),
        by_body: random.bool(),
        fresh,
        max_stale: fresh + *pick(random, &[0, 200, 2000, 3_600_000]),
        max_body: *pick(random, &[64 << 10, 64 << 10, 100, 20_000, 256 << 10]),
    }
}

fn max_share(random: &mut Rng) -> MaxShare {
    MaxShare {
        share: *pick(random, &[50, 50, 0, 20, 100]),
        window: *pick(random, &[1000, 1000, 60_000]),
        min_requests: *pick(random, &[1, 2, 5, 20]),
    }
}
