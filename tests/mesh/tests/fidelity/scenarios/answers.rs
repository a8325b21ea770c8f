//! Answers that are no failures of the mesh, and answers of unusual shape.

use helius_mesh::{Answer, Behaviour, Ending, Request};

use super::{Case, answer, empty, get, serve, slow, status};

pub(super) fn cases() -> Vec<Case> {
    let head = || Request::new("HEAD", "/assist");
    let limited = || answer(429, |answer| answer.headers = vec![("retry-after".to_owned(), b"7".to_vec())]);
    let trailing = |status| answer(status, |answer| answer.ending = Ending::Trailers);
    let late_trailing = |status| answer(status, |answer| (answer.ending, answer.after) = (Ending::Trailers, 200));
    let bare_trailing = |status| Behaviour::Answer(Answer { ending: Ending::Trailers, ..Answer::empty(status) });
    vec![
        Case::new("404", [status(404), serve()]),
        Case::new("404-empty", [empty(404), serve()]),
        Case::new("204", [empty(204), serve()]),
        Case::new("429-secondary", [limited(), serve()]),
        Case::new("429-secondary-5xx", [limited(), status(500)]),
        Case::new("429-secondary-gone", [limited(), Behaviour::Refuse]),
        Case::new("429-secondary-429", [limited(), limited()]),
        Case::new("429-empty", [empty(429), Behaviour::Hang]),
        Case::new("429-one-region", [limited()]).route(|route| {
            route.regions.truncate(1);
        }),
        Case::new("429-not-replayable", [limited(), serve()]).asking(Request::new("DELETE", "/assist")),
        Case::new("get", [serve(), serve()]).asking(get()),
        Case::new("head", [serve(), serve()]).asking(head()),
        Case::new("head-5xx", [status(500), serve()]).asking(head()),
        Case::new("head-gone", [Behaviour::Refuse, Behaviour::Refuse]).asking(head()),
        Case::new("head-no-static", [status(500), status(502)]).asking(head()).without_static(),
        Case::new(
            "200-dripping",
            [answer(200, |answer| {
                (answer.body, answer.pieces, answer.interval, answer.announces_length) = (Some(9000), 5, 30, false);
            })],
        ),
        Case::new("200-large", [answer(200, |answer| answer.body = Some(3 << 20))]),
        Case::new("trailers-200", [trailing(200)]),
        Case::new("trailers-5xx", [trailing(500), slow(200)]),
        Case::new("trailers-5xx-bare", [bare_trailing(500), slow(200)]),
        Case::new("trailers-5xx-static", [trailing(500), late_trailing(503)]),
        Case::new("trailers-5xx-no-static", [trailing(500), late_trailing(503)]).without_static(),
        Case::new("trailers-secondary", [trailing(500), late_trailing(200)]),
        Case::new("trailers-secondary-empty", [empty(500), trailing(200)]),
    ]
}
