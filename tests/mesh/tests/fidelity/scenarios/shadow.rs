//! Shadow mode, which decides and counts, and changes nothing.

use helius_mesh::{Behaviour, Ending, Request};

use super::{Case, answer, empty, get, post, serve, status};

pub(super) fn cases() -> Vec<Case> {
    let broken = answer(200, |answer| (answer.body, answer.pieces, answer.ending) = (Some(4000), 2, Ending::Break));
    vec![
        Case::new("shadow-serves", [serve()]).shadow(),
        Case::new("shadow-5xx", [status(500), serve()]).shadow(),
        Case::new("shadow-5xx-empty", [empty(500), serve()]).shadow(),
        Case::new("shadow-refuses", [Behaviour::Refuse, serve()]).shadow(),
        Case::new("shadow-no-hosts", [Behaviour::NoHosts, serve()]).shadow(),
        Case::new("shadow-overflow", [Behaviour::Overflow, serve()]).shadow().asking(get()),
        Case::new("shadow-breaks", [Behaviour::Break(2), serve()]).shadow(),
        Case::new("shadow-hangs", [Behaviour::Hang, serve()]).shadow().envoy(|envoy| envoy.route_timeout = 300),
        Case::new("shadow-404", [status(404), serve()]).shadow(),
        Case::new("shadow-429", [status(429), serve()]).shadow(),
        Case::new("shadow-200-breaking", [broken, serve()]).shadow(),
        Case::new("shadow-not-replayable", [status(500), serve()])
            .shadow()
            .asking(Request { method: "PATCH".to_owned(), ..post(50) }),
        Case::new("shadow-left", [Behaviour::Hang, serve()]).shadow().leaving_after(200),
    ]
}
