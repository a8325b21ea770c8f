//! Regions that are left alone. What is open here stays so for a minute, and what comes back has done so long before.

use helius_mesh::{Answer, Behaviour, Breaker, Millis, Mode, Request};

use super::{Case, answer, get, post, serve, status};

/// Two failures open it.
fn guarded(case: Case, edit: impl FnOnce(&mut Breaker)) -> Case {
    let mut breaker = Breaker { consecutive_failures: 2, open: (60_000, 60_000, 0), ..Breaker::default() };
    edit(&mut breaker);
    case.route(|route| route.breaker = Some(breaker))
}

/// The primary's is open after two exchanges; a third comes.
fn open(name: &'static str, regions: impl IntoIterator<Item = Behaviour>) -> Case {
    let refused = || [Behaviour::Refuse, serve()];
    guarded(Case::new(name, refused()).then(300, refused()).then(600, regions), |_| ())
}

/// Both are open after two exchanges; a third comes.
fn all_open(name: &'static str, regions: impl IntoIterator<Item = Behaviour>) -> Case {
    let gone = || [Behaviour::Refuse, Behaviour::Refuse];
    guarded(Case::new(name, gone()).then(300, gone()).then(600, regions), |_| ())
}

fn forced(name: &'static str, mode: Mode) -> Case {
    guarded(Case::new(name, [serve(), serve()]), |breaker| breaker.mode = mode)
}

pub(super) fn cases() -> Vec<Case> {
    let in_pieces = |pieces, interval| Request { pieces, interval, ..post(5000) };
    let chunked =
        |pieces, interval| Request { announces_length: false, ends_separately: true, ..in_pieces(pieces, interval) };
    let method = |method: &str| Request { method: method.to_owned(), ..post(50) };
    let both = || [serve(), serve()];
    let limited = || answer(429, |answer| answer.headers = vec![("retry-after".to_owned(), b"60".to_vec())]);
    let slow_to_open = |case: Case, base: Millis| {
        guarded(case, |breaker| {
            (breaker.open, breaker.successes, breaker.ramp) = ((base, base, 0), 1, (100, 1000));
        })
    };
    vec![
        guarded(Case::new("breaker-serves", both()), |_| ()),
        guarded(Case::new("breaker-one-failure", [status(500), serve()]), |_| ()),
        open("breaker-open", both()),
        open("breaker-open-get", both()).asking(get()),
        open("breaker-open-head", both()).asking(Request::new("HEAD", "/assist")),
        open("breaker-open-patch", both()).asking(method("PATCH")),
        open("breaker-open-patch-5xx", [serve(), status(500)]).asking(method("PATCH")),
        open("breaker-open-in-pieces", both()).asking(in_pieces(4, 20)),
        open("breaker-open-chunked", both()).asking(chunked(4, 20)),
        open("breaker-open-long", both()).asking(post(60_000)).envoy(|envoy| envoy.buffer_limit = 32 << 10),
        open("breaker-open-too-long", both()).asking(post(70_000)),
        open("breaker-open-trailers", both()).asking(Request { trailers: true, ..post(50) }),
        open("breaker-open-5xx", [serve(), status(500)]),
        open("breaker-open-404", [serve(), status(404)]),
        open("breaker-open-429", [serve(), limited()]),
        open("breaker-open-100k", [serve(), answer(200, |answer| answer.body = Some(100 << 10))]),
        open("breaker-open-5xx-refusal", [serve(), status(500)]).without_static(),
        open("breaker-open-left", [serve(), Behaviour::Hang]).leaving_after(200),
        open("breaker-open-outer", both()).envoy(|envoy| envoy.outer_filter = true),
        open("breaker-open-not-stopping", both())
            .asking(get())
            .envoy(|envoy| envoy.allow_on_headers_stop_iteration = false),
        open("breaker-open-pushed", both()).pushing(450, |document| document.routes[0].timeout = 1900),
        open("breaker-watched", both()).shadow(),
        all_open("breaker-last-resort", both()),
        all_open("breaker-last-resort-in-pieces", both()).asking(in_pieces(4, 20)),
        all_open("breaker-last-resort-chunked", both()).asking(chunked(3, 20)),
        all_open("breaker-last-resort-fails", [status(500), serve()]),
        all_open("breaker-last-resort-too-long", [Behaviour::Refuse, serve()]).asking(post(70_000)),
        forced("breaker-forced-open", Mode::ForcedOpen),
        forced("breaker-forced-open-head", Mode::ForcedOpen).asking(Request::new("HEAD", "/assist")),
        forced("breaker-forced-open-in-pieces", Mode::ForcedOpen).asking(in_pieces(4, 20)),
        forced("breaker-forced-open-refusal", Mode::ForcedOpen).without_static(),
        forced("breaker-forced-open-refusal-head", Mode::ForcedOpen)
            .asking(Request::new("HEAD", "/assist"))
            .without_static(),
        open("breaker-forced-closed", [Behaviour::Refuse, serve()]).route(|route| {
            if let Some(breaker) = &mut route.breaker {
                breaker.mode = Mode::ForcedClosed;
            }
        }),
        guarded(Case::new("breaker-429", [limited(), serve()]).then(300, both()), |_| ()),
        slow_to_open(
            Case::new("breaker-back", [Behaviour::Refuse, serve()])
                .then(300, [Behaviour::Refuse, serve()])
                .then(1500, both())
                .then(1800, both()),
            200,
        ),
        slow_to_open(
            Case::new("breaker-not-back", [Behaviour::Refuse, serve()])
                .then(300, [Behaviour::Refuse, serve()])
                .then(1500, [Behaviour::Refuse, serve()]),
            200,
        ),
        guarded(
            Case::new("breaker-slow", [Behaviour::Answer(Answer { after: 300, ..Answer::status(200) }), serve()])
                .then(600, both()),
            |breaker| (breaker.slow_duration, breaker.min_requests) = (Some(100), 1),
        ),
    ]
}
