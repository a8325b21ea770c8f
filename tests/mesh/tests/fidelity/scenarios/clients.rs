//! Requests that are not protected, and clients that leave.

use helius_mesh::{Behaviour, Request};

use super::{Case, empty, get, post, serve, status};

pub(super) fn cases() -> Vec<Case> {
    let failing = || [status(500), serve()];
    let with = |name: &str, value: &str, request| Request {
        headers: vec![(name.to_owned(), value.as_bytes().to_vec())],
        ..request
    };
    vec![
        Case::new("untouched-path", failing()).asking(Request::post("/other", 50)),
        Case::new("untouched-path-gone", [Behaviour::Refuse]).asking(Request::post("/other", 50)),
        Case::new("matched-query", failing()).asking(Request::post("/assist?q=1", 50)),
        Case::new("untouched-grpc", failing()).asking(with("content-type", "application/grpc", post(50))),
        Case::new("untouched-events", failing()).asking(with("accept", "text/event-stream", get())),
        Case::new("left-primary", [Behaviour::Hang, serve()]).leaving_after(200),
        Case::new("left-callout", [status(500), Behaviour::Hang]).leaving_after(250),
        Case::new("left-callout-empty", [empty(500), Behaviour::Hang]).leaving_after(250),
        Case::new("left-sending", [serve()])
            .asking(Request { pieces: 2, interval: 400, ..post(50) })
            .leaving_after(600),
        Case::new("left-holding", [serve()]).asking(Request { pieces: 3, interval: 1, ..post(50) }).leaving_after(600),
    ]
}
