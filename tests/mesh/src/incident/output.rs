//! What answers have to say, and what regions say.

use fastrand::Rng;

use super::{one_in, pick};
use crate::document::{Output, SEGMENT};
use crate::says::{FLAWS, Says};

/// Of two routes one judges its answers.
pub(super) fn output(random: &mut Rng) -> Option<Output> {
    random.bool().then(|| any(random))
}

fn any(random: &mut Rng) -> Output {
    let [min_confidence, non_empty, unique_ids] = std::array::from_fn(|_| one_in(random, 3));
    let finite_numbers = one_in(random, 3);
    let has_checks = min_confidence || finite_numbers || non_empty || unique_ids;
    Output {
        // It has to say something.
        schema: !has_checks || random.bool(),
        min_confidence,
        finite_numbers,
        non_empty,
        unique_ids,
        max_body: *pick(random, &[256 << 10, 256 << 10, 40_000, 20_000, 400]),
        eject: random.bool().then(|| *pick(random, &[(1, 1), (1, 2), (2, 3), (2, 20), (5, 20)])),
    }
}

/// Mostly what everybody can use.
pub(super) fn says(random: &mut Rng) -> Says {
    match random.u32(0..10) {
        0 | 1 => Says::Noise,
        2..5 => Says::Flawed(*pick(random, &FLAWS)),
        _ => Says::Good,
    }
}

/// Headers that decide whether a body can be judged at all.
pub(super) fn header(random: &mut Rng) -> Option<(String, Vec<u8>)> {
    let (name, value) = match random.u32(0..40) {
        0 | 1 => ("content-encoding", "gzip"),
        2 => ("content-encoding", "identity"),
        3 => ("content-type", "text/event-stream; charset=utf-8"),
        4..10 => ("content-type", "application/json"),
        10 | 12 => ("vary", SEGMENT),
        11 | 13 => ("cache-control", "private"),
        _ => return None,
    };
    Some((name.to_owned(), value.as_bytes().to_vec()))
}
