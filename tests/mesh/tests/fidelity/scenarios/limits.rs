//! Envoy's buffers and its route's timeout.
//!
//! Not here: a failed answer of far more than Envoy may hold, all at once. Envoy reads it in pieces of its limit, which
//! the filter throws away one by one; but sooner or later the kernel gives a little less, Envoy reads on, the piece is
//! over the limit, and the answer is Envoy's own 500. When that happens nobody can say.

use helius_mesh::{Answer, Behaviour};

use super::{Case, answer, empty, post, serve, slow, status};

const SMALL: usize = 32 << 10;

fn small(case: Case) -> Case {
    case.envoy(|envoy| envoy.buffer_limit = SMALL)
}

pub(super) fn cases() -> Vec<Case> {
    let failed = |size| answer(500, |answer| answer.body = Some(size));
    let dripped = |size: usize| {
        Behaviour::Answer(Answer {
            body: Some(size),
            pieces: size.div_ceil(8 << 10),
            interval: 20,
            announces_length: false,
            ..Answer::status(500)
        })
    };
    let slowly_failed = || answer(500, |answer| (answer.body, answer.pieces, answer.interval) = (Some(900), 3, 300));
    vec![
        small(Case::new("buffer-failed-30k", [failed(30 << 10), slow(200)])),
        small(Case::new("buffer-failed-32k", [failed(SMALL), slow(200)])),
        small(Case::new("buffer-failed-dripping", [dripped(96 << 10), slow(400)])),
        small(Case::new("buffer-secondary-100k", [status(500), answer(200, |answer| answer.body = Some(100 << 10))])),
        small(Case::new("buffer-secondary-30k", [status(500), answer(200, |answer| answer.body = Some(30 << 10))])),
        small(Case::new("buffer-own-30k", [failed(30 << 10), empty(502)])).without_static(),
        small(Case::new("buffer-200-3m", [answer(200, |answer| answer.body = Some(3 << 20))])),
        small(Case::new("buffer-request-300k", [serve()])).asking(post(300 << 10)),
        small(Case::new("buffer-request-held", [serve()])).asking(post(48 << 10)).route(|route| route.hold = 64 << 10),
        Case::new("buffer-failed-900k", [failed(900 << 10), slow(300)]),
        Case::new("route-timeout-held", [slowly_failed(), slow(400)]).envoy(|envoy| envoy.route_timeout = 200),
        Case::new("route-timeout-hangs", [Behaviour::Hang, serve()]).envoy(|envoy| envoy.route_timeout = 200),
        Case::new(
            "route-timeout-streamed",
            [answer(200, |answer| {
                (answer.body, answer.pieces, answer.interval) = (Some(900), 3, 400);
            })],
        )
        .envoy(|envoy| envoy.route_timeout = 600),
        Case::new("connect-timeout-long", [Behaviour::Unreachable, serve()]).envoy(|envoy| envoy.connect_timeout = 900),
    ]
}
