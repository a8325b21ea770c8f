//! Requests that may not be sent twice, and those of which not all had come.

use helius_mesh::{Behaviour, Request};

use super::{Case, get, post, serve, status};

pub(super) fn cases() -> Vec<Case> {
    let no_hosts = || [Behaviour::NoHosts, serve()];
    let failing = || [status(500), serve()];
    let in_pieces = |body, pieces, interval| Request { pieces, interval, ..post(body) };
    let chunked = |body, pieces, interval| Request {
        announces_length: false,
        ends_separately: true,
        ..in_pieces(body, pieces, interval)
    };
    let odd = || Request { headers: vec![("x-odd".to_owned(), b"caf\xe9".to_vec())], ..post(50) };
    vec![
        Case::new("replay-method", failing()).asking(Request { method: "PATCH".to_owned(), ..post(50) }),
        Case::new("replay-method-no-static", failing())
            .route(|route| route.replay_methods = vec!["GET"])
            .without_static(),
        Case::new("replay-body", failing()).asking(post((64 << 10) + 1)),
        Case::new("replay-body-chunked", failing()).asking(chunked((64 << 10) + 1, 3, 1)),
        Case::new("replay-body-limit", failing()).asking(post(64 << 10)),
        Case::new("replay-body-none", failing()).asking(post(50)).route(|route| (route.max_body, route.hold) = (0, 0)),
        Case::new("replay-headers", failing()).asking(odd()),
        Case::new("replay-headers-served", [serve(), serve()]).asking(odd()),
        Case::new("replay-trailers", failing()).asking(Request { trailers: true, ..post(50) }),
        Case::new("replay-trailers-bare", failing()).asking(Request { trailers: true, ..get() }),
        Case::new("replay-empty-body", failing()).asking(post(0)),
        Case::new("replay-empty-body-no-hosts", no_hosts()).asking(post(0)),
        Case::new("replay-chunked", failing()).asking(chunked(5000, 3, 10)),
        Case::new("replay-chunked-no-hosts", no_hosts()).asking(chunked(5000, 3, 10)),
        Case::new("replay-held", no_hosts()).asking(post(16 << 10)),
        Case::new("replay-held-in-pieces", no_hosts()).asking(in_pieces(5000, 4, 10)),
        Case::new("replay-over-the-hold", no_hosts()).asking(post((16 << 10) + 1)),
        Case::new("replay-held-too-long", no_hosts()).asking(in_pieces(5000, 2, 500)),
        Case::new("replay-slow", failing()).asking(in_pieces(5000, 3, 150)),
        Case::new("replay-slow-served", [serve(), serve()]).asking(in_pieces(5000, 2, 400)),
    ]
}
