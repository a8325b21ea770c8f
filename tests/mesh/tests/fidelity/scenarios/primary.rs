//! The primary fails, the secondary answers; and the failures of the primary that cannot be covered.

use helius_mesh::{Behaviour, Ending};

use super::{Case, answer, empty, get, serve, slow, status};

pub(super) fn cases() -> Vec<Case> {
    let stalling = |body, pieces| {
        answer(500, |answer| (answer.body, answer.pieces, answer.ending) = (Some(body), pieces, Ending::Stall))
    };
    let dripping = |pieces, interval| {
        answer(500, |answer| {
            (answer.body, answer.pieces, answer.interval) = (Some(4000), pieces, interval);
            answer.announces_length = false;
        })
    };
    let breaking =
        |status| answer(status, |answer| (answer.body, answer.pieces, answer.ending) = (Some(4000), 2, Ending::Break));
    vec![
        Case::new("primary-serves", [serve(), serve()]),
        Case::new("primary-refuses", [Behaviour::Refuse, serve()]),
        Case::new("primary-refuses-get", [Behaviour::Refuse, serve()]).asking(get()),
        Case::new("primary-unreachable", [Behaviour::Unreachable, serve()]),
        Case::new("primary-hangs", [Behaviour::Hang, serve()]),
        Case::new("primary-late", [slow(900), serve()]),
        Case::new("primary-breaks", [Behaviour::Break(2), serve()]),
        Case::new("primary-no-hosts", [Behaviour::NoHosts, serve()]),
        Case::new("primary-overflow", [Behaviour::Overflow, serve()]),
        Case::new("primary-overflow-late", [Behaviour::OverflowLate, serve()]),
        Case::new("primary-overflow-get", [Behaviour::Overflow, serve()]).asking(get()),
        Case::new("primary-5xx", [status(500), serve()]),
        Case::new("primary-5xx-get", [status(503), serve()]).asking(get()),
        Case::new("primary-5xx-empty", [empty(500), serve()]),
        Case::new("primary-5xx-early", [answer(502, |answer| answer.is_early = true), serve()]),
        Case::new("primary-5xx-unannounced", [answer(500, |answer| answer.announces_length = false), slow(200)]),
        Case::new("primary-5xx-dripping", [dripping(4, 20), slow(300)]),
        Case::new("primary-5xx-dripping-on", [dripping(5, 150), slow(200)]),
        Case::new("primary-5xx-stalling", [stalling(4000, 2), serve()]),
        Case::new("primary-5xx-stalling-at-once", [stalling(4000, 1), slow(100)]),
        Case::new("primary-5xx-breaking", [breaking(500), serve()]),
        Case::new("primary-5xx-breaking-first", [breaking(500), slow(300)]),
        Case::new(
            "primary-5xx-breaking-unannounced",
            [
                answer(500, |answer| {
                    (answer.body, answer.pieces, answer.ending) = (Some(4000), 2, Ending::Break);
                    answer.announces_length = false;
                }),
                slow(300),
            ],
        ),
        Case::new("primary-200-breaking", [breaking(200), serve()]),
        Case::new(
            "primary-200-breaking-at-once",
            [answer(200, |answer| (answer.body, answer.ending) = (Some(4000), Ending::Break)), serve()],
        ),
        Case::new("primary-back", [Behaviour::Refuse, serve()]).then(1000, [serve(), serve()]),
    ]
}
