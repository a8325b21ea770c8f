//! The filter calls the primary itself.

use helius_mesh::{Behaviour, Ending, Request};

use super::{Case, answer, empty, get, post, serve, slow, status};

fn strict(name: &'static str, regions: impl IntoIterator<Item = Behaviour>) -> Case {
    Case::new(name, regions).route(|route| route.is_strict = true)
}

pub(super) fn cases() -> Vec<Case> {
    let ending = |status, ending| {
        answer(status, |it| (it.body, it.pieces, it.ending, it.announces_length) = (Some(4000), 2, ending, false))
    };
    let limited = || answer(429, |it| it.headers = vec![("retry-after".to_owned(), b"7".to_vec())]);
    let in_pieces = |body| Request { pieces: 3, interval: 20, announces_length: false, ..post(body) };
    let put = || Request { method: "PUT".to_owned(), ..post(50) };
    vec![
        strict("strict-serves", [serve(), serve()]),
        strict("strict-serves-get", [serve(), serve()]).asking(get()),
        strict("strict-serves-head", [serve(), serve()]).asking(Request::new("HEAD", "/assist")),
        strict("strict-204", [empty(204), serve()]),
        strict("strict-trailers", [answer(200, |it| it.ending = Ending::Trailers), serve()]),
        strict("strict-large", [answer(200, |it| it.body = Some(3 << 20)), serve()]),
        strict("strict-in-pieces", [serve(), serve()]).asking(in_pieces(300)),
        strict("strict-long", [serve(), serve()]).asking(in_pieces(40_000)),
        strict("strict-put", [status(500), serve()]).asking(put()),
        strict("strict-breaks-in-the-middle", [ending(200, Ending::Break), serve()]),
        strict("strict-stalls-in-the-middle", [ending(200, Ending::Stall), serve()]),
        strict("strict-5xx-breaks-in-the-middle", [ending(500, Ending::Break), serve()]),
        strict("strict-refuses", [Behaviour::Refuse, serve()]),
        strict("strict-hangs", [Behaviour::Hang, serve()]),
        strict("strict-resets", [Behaviour::Break(2), serve()]),
        strict("strict-no-hosts", [Behaviour::NoHosts, serve()]),
        strict("strict-overflow", [Behaviour::Overflow, serve()]),
        strict("strict-unreachable", [Behaviour::Unreachable, serve()]),
        strict("strict-5xx", [status(503), serve()]),
        strict("strict-4xx", [status(404), serve()]),
        strict("strict-429", [limited(), status(500)]),
        strict("strict-static", [status(500), Behaviour::Refuse]),
        strict("strict-own-failure", [status(500), Behaviour::Refuse]).without_static(),
        strict("strict-refusal", [ending(200, Ending::Break), status(500)]).without_static(),
        strict("strict-unlisted", [status(500), serve()]).route(|route| route.fail_on = vec!["connect"]),
        strict("strict-shadow", [status(500), serve()]).shadow(),
        strict("strict-leaving", [slow(400), serve()]).leaving_after(100),
    ]
}
