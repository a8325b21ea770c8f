//! What clients ask, and how.

use fastrand::Rng;

use super::regions::{Mood, any_bytes};
use super::{one_in, pick};
use crate::document::{DRILL, Document, GOLD, ISOLATED, MESSAGE, NEAR, ORIGIN, SEGMENT};
use crate::events::EVENT_STREAM;
use crate::grpc::{self, STATUS};
use crate::says::Says;
use crate::scenario::{Answer, Behaviour, Ending, Exchange, Request, Scenario};

/// The longest body that a route may let be sent again.
const LONGEST: usize = 1 << 20;

/// How many of these a worker has memory for, and how many more come.
const MANY: usize = 62;
const CROWD: usize = 78;
const WITNESSES: usize = 6;

pub(super) fn exchange(random: &mut Rng, document: &Document, workers: usize, mood: &Mood) -> Exchange {
    let (spread, patience) = (*pick(random, &[1, 100, 3000]), *pick(random, &[5, 300, 2000]));
    let request = request(random, document);
    let mut regions = mood.behaviours(random);
    suit(random, &request, &mut regions);
    Exchange {
        at: random.u64(0..spread),
        worker: random.usize(0..workers),
        request,
        regions,
        leaves_after: one_in(random, 8).then(|| random.u64(0..patience)),
    }
}

/// Regions mostly answer in the manner that they are asked in.
pub(super) fn suit(random: &mut Rng, request: &Request, regions: &mut [Behaviour]) {
    let asks = |name: &str, value: &[u8]| request.headers.iter().any(|it| it.0 == name && it.1 == value);
    let is_stream = asks("accept", EVENT_STREAM.as_bytes());
    let is_grpc = asks("content-type", grpc::TYPE.as_bytes());
    let answers =
        regions.iter_mut().filter_map(|it| if let Behaviour::Answer(answer) = it { Some(answer) } else { None });
    for answer in answers.filter(|answer| (200..300).contains(&answer.status)) {
        if is_stream && !one_in(random, 4) {
            answer.says = *pick(random, &[Says::Events, Says::Events, Says::Comments]);
            answer.headers.push(("content-type".to_owned(), EVENT_STREAM.into()));
            if one_in(random, 6) {
                (answer.ending, answer.pieces, answer.announces_length) = (Ending::Break, 2, false);
                answer.body = Some(random.usize(0..400));
            }
        } else if is_grpc {
            answer.status = 200;
            answer.headers.push(("content-type".to_owned(), grpc::TYPE.into()));
            if random.bool() {
                let status = pick(random, &["0", "3", "4", "8", "13", "14", "2", "16"]);
                answer.headers.push((STATUS.to_owned(), status.as_bytes().to_vec()));
            }
        }
    }
}

/// Many who announce long bodies to the same worker and send nothing: the copies of its requests reach their budget.
pub(super) fn crowd(random: &mut Rng, scenario: &mut Scenario) {
    // The memory for answers that are judged or kept is that of the copies, and nobody outside knows how much of it they take.
    let pushed = scenario.pushes.iter_mut().flat_map(|(_, document)| &mut document.routes);
    scenario.document.routes.iter_mut().chain(pushed).for_each(|route| {
        (route.output, route.last_good, route.drill, route.dedupe) = (None, None, None, None);
        route.is_strict = false;
    });
    let route = &mut scenario.document.routes[0];
    route.max_body = LONGEST;
    route.replay_methods = vec!["GET", "HEAD", "POST"];
    // Without the setting nobody could say when a body is shown, and so when its copy grows.
    scenario.envoy.allow_on_headers_stop_iteration = true;
    let (worker, begin, stay) = (random.usize(0..scenario.envoy.workers), random.u64(0..300), random.u64(100..2000));
    for index in 0..CROWD {
        // Nearly all of it is taken at once, and then bit by bit.
        let size = if index < MANY { LONGEST } else { random.usize(0..LONGEST / 4) };
        let request = Request { is_silent: true, ..Request::post("/assist", size) };
        let leaves_after = Some(stay + random.u64(0..20));
        scenario.exchanges.push(Exchange { at: begin, worker, leaves_after, ..Exchange::new(request) });
    }
    // Whose primary fails, while they are there and afterwards: their answers say whether there was room for a copy.
    for _ in 0..WITNESSES {
        let at = begin + random.u64(1..stay + 500);
        let request = Request::post("/assist", random.usize(0..LONGEST / 4));
        let failed = [Behaviour::Answer(Answer::status(500))];
        scenario.exchanges.push(Exchange { at, worker, ..Exchange::new(request).regions(failed) });
    }
}

fn request(random: &mut Rng, document: &Document) -> Request {
    let method = *pick(random, &["POST", "POST", "POST", "GET", "GET", "HEAD", "PUT", "DELETE"]);
    let path = *pick(random, &["/assist", "/assist", "/assist?model=7", "/predict", "/elsewhere"]);
    let mut request = Request::new(method, path);
    if matches!(method, "POST" | "PUT") {
        let sizes = document.routes.iter().flat_map(|route| [route.hold, route.max_body]);
        let edges: Vec<usize> = sizes.flat_map(|size| [size.saturating_sub(1), size, size + 1]).collect();
        request.body = Some(if one_in(random, 4) { *pick(random, &edges) } else { random.usize(0..400) });
        request.announces_length = !one_in(random, 3);
        request.pieces = *pick(random, &[1, 1, 1, 2, 7]);
        request.interval = *pick(random, &[0, 0, 0, 1, 20, 150]);
        request.ends_separately = one_in(random, 4);
        request.trailers = !request.announces_length && one_in(random, 8);
    }
    extra_headers(random, &mut request);
    request
}

fn extra_headers(random: &mut Rng, request: &mut Request) {
    let mut push = |name: &str, value: Vec<u8>| request.headers.push((name.to_owned(), value));
    if one_in(random, 8) {
        push("x-odd", any_bytes(random));
    }
    if one_in(random, 20) {
        push("accept", any_bytes(random));
    }
    if one_in(random, 12) {
        push("accept", EVENT_STREAM.into());
    }
    if one_in(random, 12) {
        push("content-type", grpc::TYPE.into());
    }
    if one_in(random, 25) {
        push("upgrade", b"websocket".to_vec());
    }
    if one_in(random, 8) {
        push("accept-encoding", b"gzip, br".to_vec());
    }
    if one_in(random, 10) {
        push("x-helius-served-by", b"static".to_vec());
    }
    if one_in(random, 3) {
        push(SEGMENT, pick(random, &[GOLD, "silver"]).as_bytes().to_vec());
    }
    if one_in(random, 3) {
        push(MESSAGE, vec![random.u8(b'a'..=b'd')]);
    }
    if one_in(random, 12) {
        push(ORIGIN, pick(random, &[ISOLATED, NEAR]).as_bytes().to_vec());
    }
    if one_in(random, 30) {
        push(DRILL, b"true".to_vec());
    }
    if one_in(random, 12) {
        push("authorization", b"Bearer somebody".to_vec());
    }
}
