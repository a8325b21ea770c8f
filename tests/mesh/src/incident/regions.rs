//! What regions do.

use fastrand::Rng;

use super::{one_in, output, pick};
use crate::document::Document;
use crate::scenario::{Answer, Behaviour, Ending};

/// How bad the day is for each of the regions: of ten requests, so many go wrong.
#[derive(Debug)]
pub(super) struct Mood {
    bad: [u32; 4],
    /// Where a route judges what they say: lengths of answers that are just not too long, and just so.
    edges: Vec<usize>,
}

impl Mood {
    pub(super) fn any(random: &mut Rng, document: &Document) -> Self {
        let longest = document.routes.iter().filter_map(|route| Some(route.output?.max_body));
        let edges = longest.flat_map(|most| [most, most + 1]).collect();
        Self { bad: std::array::from_fn(|_| *pick(random, &[0, 3, 5, 8, 10])), edges }
    }

    pub(super) fn behaviours(&self, random: &mut Rng) -> Vec<Behaviour> {
        let mut of_region = |(index, bad): (usize, &u32)| {
            let is_bad = random.u32(0..10) < *bad;
            let mut behaviour = behaviour(random, is_bad, index);
            if let Behaviour::Answer(answer) = &mut behaviour
                && !self.edges.is_empty()
            {
                answer.says = output::says(random);
                if one_in(random, 12) {
                    answer.body = Some(*pick(random, &self.edges));
                }
                answer.headers.extend(output::header(random));
            }
            behaviour
        };
        self.bad.iter().enumerate().map(&mut of_region).collect()
    }
}

fn behaviour(random: &mut Rng, is_bad: bool, region: usize) -> Behaviour {
    if !is_bad {
        let status = *pick(random, &[200, 200, 200, 201, 204, 302, 404, 422]);
        return Behaviour::Answer(answer(random, status));
    }
    match random.u32(0..12) {
        0 => Behaviour::Refuse,
        1 => Behaviour::Unreachable,
        2 => Behaviour::NoHosts,
        3 if random.bool() => Behaviour::Overflow,
        3 => Behaviour::OverflowLate,
        4 if region > 0 => Behaviour::UnknownCluster,
        4 | 5 => Behaviour::Break(random.u64(0..300)),
        6 => Behaviour::Hang,
        7 => {
            let mut limited = answer(random, 429);
            if random.bool() {
                limited.headers.push(("retry-after".to_owned(), b"7".to_vec()));
            }
            Behaviour::Answer(limited)
        }
        _ => {
            let status = *pick(random, &[500, 500, 502, 503, 504, 599]);
            Behaviour::Answer(answer(random, status))
        }
    }
}

fn answer(random: &mut Rng, status: u16) -> Answer {
    let mut answer = Answer::status(status);
    answer.after = match random.u32(0..10) {
        0 => random.u64(0..3000),
        1..3 => random.u64(0..400),
        _ => random.u64(0..30),
    };
    answer.is_early = one_in(random, 10);
    answer.body = match random.u32(0..12) {
        0..2 => None,
        2 => Some(random.usize(10_000..50_000)),
        3 => Some(random.usize(50_000..300_000)),
        _ => Some(random.usize(0..500)),
    };
    answer.announces_length = random.bool();
    answer.pieces = *pick(random, &[1, 1, 1, 2, 5, 20]);
    answer.interval = *pick(random, &[0, 0, 1, 5, 50]);
    answer.ending = match random.u32(0..16) {
        0 => Ending::Break,
        1 => Ending::Stall,
        2 => Ending::Trailers,
        _ => Ending::Complete,
    };
    if answer.ending == Ending::Trailers || (answer.body.is_none() && answer.ending != Ending::Complete) {
        answer.announces_length = false;
    }
    if one_in(random, 8) {
        answer.headers.push(("x-odd".to_owned(), any_bytes(random)));
    }
    if one_in(random, 20) {
        answer.headers.extend((0..60).map(|index| (format!("x-many-{index}"), b"answered".to_vec())));
    }
    answer
}

/// A header's value of any bytes that HTTP allows.
pub(super) fn any_bytes(random: &mut Rng) -> Vec<u8> {
    let count = random.usize(0..20);
    (0..count).map(|_| random.u8(0x21..=0xff)).filter(|byte| *byte != 0x7f).collect()
}
