//! A region that fails under load, and comes back.

use fastrand::Rng;

use super::{breakers, clients, last_rungs, one_in, operators, output, pick};
use crate::document::{GOLD, MESSAGE, Output, SEGMENT};
use crate::events::EVENT_STREAM;
use crate::grpc;
use crate::says::Says;
use crate::scenario::{Answer, Behaviour, Exchange, Millis, Request, Scenario};

/// Some dozens of requests within seconds, so that breakers open, find out and close.
pub(super) fn outage(random: &mut Rng, scenario: &mut Scenario) {
    let route = &mut scenario.document.routes[0];
    let breaker = breakers::quick(random);
    route.breaker = Some(breaker);
    route.retry_budget = breakers::budget(random);
    route.output = output::output(random).map(|it| Output { eject: Some(*pick(random, &[(1, 1), (2, 3)])), ..it });
    route.covers_events = random.bool();
    if one_in(random, 4) {
        route.drill = Some(100);
    }
    if one_in(random, 2) {
        route.last_good = Some(last_rungs::last_good(random));
    }
    if one_in(random, 2) {
        scenario.pushes.clear();
        scenario.clock_steps.clear();
        scenario.deaths.clear();
    }
    if random.bool() {
        // Somebody to turn to when Envoy refuses to call the first one.
        route.regions.truncate(2);
        route.regions.extend((route.regions.len()..3).map(|index| operators::region(random, index, route.timeout)));
    }
    let regions = route.regions.len();
    let (count, lasts) = (random.u64(30..100), *pick(random, &[1000, 2000, 4000]));
    // Of three outages one is everybody's.
    let is_total = one_in(random, 3);
    let outages: Vec<_> = (0..regions).map(|region| Outage::any(random, region == 0 || is_total, lasts)).collect();
    for index in 0..count {
        let at = index * lasts / count + random.u64(0..20);
        let request = request(random);
        let mut regions: Vec<_> = outages.iter().map(|outage| outage.behaviour(random, at)).collect();
        clients::suit(random, &request, &mut regions);
        let leaves_after = one_in(random, 8).then(|| random.u64(0..400));
        let worker = random.usize(0..scenario.envoy.workers);
        scenario.exchanges.push(Exchange { at, worker, leaves_after, ..Exchange::new(request).regions(regions) });
    }
}

/// One in three comes in pieces.
fn request(random: &mut Rng) -> Request {
    let mut request = asked(random);
    let kind = match random.u32(0..8) {
        0 => Some(("accept", EVENT_STREAM)),
        1 => Some(("content-type", grpc::TYPE)),
        2 | 3 => Some((SEGMENT, GOLD)),
        _ => None,
    };
    request.headers.extend(kind.map(|(name, value)| (name.to_owned(), value.into())));
    // As if by a client who repeats what fails.
    let message = random.u32(0..12).to_string();
    request.headers.push((MESSAGE.to_owned(), message.into_bytes()));
    request
}

fn asked(random: &mut Rng) -> Request {
    let mut request = match random.u32(0..4) {
        0 => return Request::new("GET", "/assist"),
        1 => Request { method: "PUT".to_owned(), ..Request::post("/assist", random.usize(0..300)) },
        _ => Request::post("/assist", random.usize(0..300)),
    };
    if one_in(random, 3) {
        (request.pieces, request.interval) = (random.usize(2..5), *pick(random, &[0, 1, 10]));
        request.announces_length = random.bool();
        request.ends_separately = random.bool();
    }
    request
}

/// From when until when a region is out of order, and how.
struct Outage {
    from: Millis,
    until: Millis,
    how: Behaviour,
}

impl Outage {
    /// One that `comes` for sure, or perhaps.
    fn any(random: &mut Rng, comes: bool, lasts: Millis) -> Self {
        let from = if comes || one_in(random, 3) { random.u64(0..lasts) } else { lasts };
        let limited = |wait: u32| {
            let headers = vec![("retry-after".to_owned(), wait.to_string().into_bytes())];
            Behaviour::Answer(Answer { headers, ..Answer::status(429) })
        };
        let how = match random.u32(0..12) {
            0 => Behaviour::Refuse,
            1 | 7 => Behaviour::NoHosts,
            2 => Behaviour::Answer(Answer { after: random.u64(30..400), ..Answer::saying(Says::Good) }),
            3 => limited(*pick(random, &[0, 1, 60])),
            4 => Behaviour::Answer(Answer::status(503)),
            8..11 => Behaviour::Answer(Answer { after: random.u64(1..20), ..Answer::saying(output::says(random)) }),
            11 => Behaviour::Answer(Answer {
                body: Some(2000),
                pieces: 20,
                interval: *pick(random, &[5, 20, 60]),
                ..Answer::saying(Says::Good)
            }),
            _ => Behaviour::Hang,
        };
        Self { from, until: from + random.u64(100..lasts), how }
    }

    fn behaviour(&self, random: &mut Rng, at: Millis) -> Behaviour {
        if (self.from..self.until).contains(&at) && !one_in(random, 20) {
            match &self.how {
                // Nonsense of one kind after the other.
                Behaviour::Answer(answer) if answer.says != Says::Noise && answer.pieces == 1 => {
                    Behaviour::Answer(Answer { says: output::says(random), ..answer.clone() })
                }
                how => how.clone(),
            }
        } else {
            let headers = output::header(random).into_iter().collect();
            Behaviour::Answer(Answer { after: random.u64(1..20), headers, ..Answer::saying(Says::Good) })
        }
    }
}
