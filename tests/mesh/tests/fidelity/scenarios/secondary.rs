//! Both fail, the static answer comes; and what a secondary region may answer.

use helius_mesh::{Behaviour, Ending};

use super::{Case, answer, empty, serve, slow, status};

pub(super) fn cases() -> Vec<Case> {
    let ending = |ending| answer(200, |answer| (answer.body, answer.pieces, answer.ending) = (Some(4000), 2, ending));
    let large = |size| answer(200, |answer| answer.body = Some(size));
    vec![
        Case::new("secondary-refuses", [status(500), Behaviour::Refuse]),
        Case::new("secondary-unreachable", [status(500), Behaviour::Unreachable]),
        Case::new("secondary-hangs", [status(500), Behaviour::Hang]),
        Case::new("secondary-late", [empty(500), slow(900)]),
        Case::new("secondary-breaks", [status(500), Behaviour::Break(2)]),
        Case::new("secondary-no-hosts", [status(500), Behaviour::NoHosts]),
        Case::new("secondary-no-hosts-empty", [empty(500), Behaviour::NoHosts]),
        Case::new("secondary-overflow", [status(500), Behaviour::Overflow]),
        Case::new("secondary-overflow-late", [status(500), Behaviour::OverflowLate]),
        Case::new("secondary-overflow-empty", [empty(500), Behaviour::Overflow]),
        Case::new("secondary-unknown", [status(500), Behaviour::UnknownCluster]),
        Case::new("secondary-unknown-refused", [Behaviour::Refuse, Behaviour::UnknownCluster]),
        Case::new("secondary-5xx", [status(500), status(503)]),
        Case::new("secondary-5xx-empty", [empty(500), empty(503)]),
        Case::new("secondary-breaking", [status(500), ending(Ending::Break)]),
        Case::new("secondary-stalling", [status(500), ending(Ending::Stall)]),
        Case::new("secondary-404", [status(500), status(404)]),
        Case::new("secondary-429", [status(500), status(429)]),
        Case::new("secondary-204", [status(500), answer(204, |answer| answer.body = None)]),
        Case::new("secondary-empty", [status(500), empty(200)]),
        Case::new("secondary-empty-empty", [empty(500), empty(200)]),
        Case::new("secondary-100k", [status(500), large(100 << 10)]),
        Case::new("secondary-100k-empty", [empty(500), large(100 << 10)]),
        Case::new("secondary-30k", [status(500), large(30 << 10)]),
        Case::new("secondary-2m", [Behaviour::Refuse, large(2 << 20)]),
        Case::new(
            "secondary-headers",
            [
                answer(500, |answer| answer.headers = vec![("x-own".to_owned(), b"primary".to_vec())]),
                answer(200, |answer| answer.headers = vec![("content-type".to_owned(), b"text/html".to_vec())]),
            ],
        ),
        Case::new("secondary-serves-unlisted", [Behaviour::Hang, serve()])
            .route(|route| route.regions[1].timeout = 900),
    ]
}
