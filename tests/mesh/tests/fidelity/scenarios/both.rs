//! Several regions fail, or are not to be asked: the last rungs, deadlines, and the failures that lead on.

use helius_mesh::{Behaviour, Route};

use super::{Case, empty, post, serve, slow, status};

fn with_regions(count: usize) -> impl FnOnce(&mut Route) {
    move |route| *route = Route::new("assist", count)
}

pub(super) fn cases() -> Vec<Case> {
    let gone = || [Behaviour::Refuse, Behaviour::Refuse];
    vec![
        Case::new("both-gone", gone()),
        Case::new("both-gone-back", gone()).then(2000, [serve(), serve()]),
        Case::new("both-without-hosts", [Behaviour::NoHosts, Behaviour::NoHosts]),
        Case::new("both-hang", [Behaviour::Hang, Behaviour::Hang]),
        Case::new("no-static-5xx", [status(500), status(502)]).without_static(),
        Case::new("no-static-5xx-empty", [empty(500), status(502)]).without_static(),
        Case::new("no-static-gone", gone()).without_static(),
        Case::new("no-static-hang", [Behaviour::Hang, status(502)]).without_static(),
        Case::new("no-static-no-hosts", [Behaviour::NoHosts, Behaviour::Refuse]).without_static(),
        Case::new("no-static-unknown", [status(500), Behaviour::UnknownCluster]).without_static(),
        Case::new("one-region-5xx", [status(500)]).route(with_regions(1)),
        Case::new("one-region-5xx-empty", [empty(500)]).route(with_regions(1)),
        Case::new("one-region-refuses", [Behaviour::Refuse]).route(with_regions(1)),
        Case::new("one-region-hangs", [Behaviour::Hang]).route(with_regions(1)),
        Case::new("three-regions-last", [status(500), Behaviour::Refuse, serve()]).route(with_regions(3)),
        Case::new("three-regions-unknown", [empty(500), Behaviour::UnknownCluster, serve()]).route(with_regions(3)),
        Case::new("three-regions-overflow", [empty(500), Behaviour::Overflow, serve()]).route(with_regions(3)),
        Case::new("three-regions-gone", [Behaviour::Refuse, empty(500), Behaviour::Break(2)]).route(with_regions(3)),
        Case::new("deadline-shared", [Behaviour::Hang, Behaviour::Hang]).route(|route| route.timeout = 700),
        Case::new("deadline-over", [Behaviour::Hang, serve()]).route(|route| {
            route.timeout = 300;
            route.regions.iter_mut().for_each(|region| region.timeout = 300);
        }),
        Case::new("deadline-own", [slow(400), serve()]).route(|route| route.regions[0].timeout = 100),
        Case::new("fail-on-others", [status(500), serve()]).route(|route| route.fail_on = vec!["connect"]),
        Case::new("fail-on-connect", [Behaviour::Refuse, serve()]).route(|route| route.fail_on = vec!["connect"]),
        Case::new("fail-on-5xx-hangs", [Behaviour::Hang, serve()]).route(|route| route.fail_on = vec!["5xx"]),
        Case::new("fail-on-secondary", [status(500), Behaviour::Refuse]).route(|route| route.fail_on = vec!["5xx"]),
        Case::new("static-status", gone()).asking(post(0)).route(|route| {
            if let Some(fixed) = &mut route.fixed {
                fixed.status = 503;
                fixed.body.clear();
            }
        }),
    ]
}
