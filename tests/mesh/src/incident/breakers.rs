//! How regions are left alone, and how much is sent again.

use fastrand::Rng;

use super::{one_in, pick};
use crate::document::{Breaker, Budget, Mode};

/// Of three routes one has breakers.
pub(super) fn breaker(random: &mut Rng) -> Option<Breaker> {
    one_in(random, 3).then(|| {
        let modes = [Mode::Shadow, Mode::ForcedOpen, Mode::ForcedClosed, Mode::Off];
        Breaker { mode: if one_in(random, 4) { *pick(random, &modes) } else { Mode::Enforce }, ..quick(random) }
    })
}

/// One that acts, and goes through all its states within seconds.
pub(super) fn quick(random: &mut Rng) -> Breaker {
    let base = *pick(random, &[50, 200, 500]);
    Breaker {
        mode: Mode::Enforce,
        window: *pick(random, &[1000, 1000, 3000, 30_000]),
        min_requests: *pick(random, &[2, 5, 20]),
        failure_rate: *pick(random, &[50, 50, 100, 10]),
        consecutive_failures: *pick(random, &[1, 2, 3, 7, 0]),
        slow_duration: *pick(random, &[None, Some(50), Some(200)]),
        slow_rate: *pick(random, &[80, 80, 30]),
        open: (base, base * *pick(random, &[1, 4]), *pick(random, &[20, 0, 100])),
        permits: *pick(random, &[1, 2, 3, 8]),
        successes: *pick(random, &[1, 2, 3]),
        max_wait: *pick(random, &[100, 500, 30_000]),
        ramp: (*pick(random, &[10, 50, 100]), *pick(random, &[20, 200])),
        retry_after_max: *pick(random, &[0, 300, 1500]),
    }
}

pub(super) fn budget(random: &mut Rng) -> Option<Budget> {
    one_in(random, 4)
        .then(|| Budget { ratio: *pick(random, &[20, 20, 0, 100]), min_concurrent: *pick(random, &[3, 1, 0]) })
}
