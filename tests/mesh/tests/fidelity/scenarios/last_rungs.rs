//! What is said where no region answers: an answer that is given again, one for a segment, a status, or no more.

use helius_mesh::{Behaviour, Fixed, Grpc, LastGood, MaxShare, Request};

use super::{Case, answer, get, post, serve, status};

/// All POSTs to the route ask the same.
fn keeping(name: &'static str, regions: impl IntoIterator<Item = Behaviour>) -> Case {
    Case::new(name, regions)
        .route(|route| route.last_good = Some(LastGood { by_body: false, by_segment: true, ..LastGood::default() }))
}

fn with(mut request: Request, name: &str, value: &str) -> Request {
    request.headers.push((name.to_owned(), value.into()));
    request
}

fn of(segment: &str) -> Request {
    with(post(50), "x-segment", segment)
}

fn call() -> Request {
    with(post(50), "content-type", "application/grpc")
}

fn says(grpc_status: &str) -> Behaviour {
    let headers = [("content-type", "application/grpc"), ("grpc-status", grpc_status)];
    answer(200, |it| {
        it.headers = headers.map(|(name, value)| (name.to_owned(), value.into())).into();
        it.body = None;
    })
}

fn calling(name: &'static str, primary: Behaviour) -> Case {
    Case::new(name, [primary, serve()]).asking(call()).route(|route| route.grpc = Some(Grpc::Unavailable))
}

pub(super) fn cases() -> Vec<Case> {
    let gone = || [Behaviour::Refuse, Behaviour::Refuse];
    let failed = || [status(500), status(500)];
    let gold = |case: Case| {
        case.route(|route| route.fixed_for_gold = Some(Fixed { status: 200, body: "for gold".to_owned() }))
    };
    let private = || answer(200, |it| it.headers = vec![("cache-control".to_owned(), b"private".to_vec())]);
    let bounded = |name| {
        Case::new(name, failed()).route(|route| {
            route.max_share = Some(MaxShare { share: 0, window: 60_000, min_requests: 1 });
        })
    };
    vec![
        keeping("kept-primarys", [serve()]).then(300, failed()),
        keeping("kept-secondarys", [status(500), serve()]).then(300, failed()),
        keeping("kept-in-place", [serve()]).then(300, [answer(500, |it| it.body = Some(4000)), status(500)]),
        keeping("kept-for-others", [serve()]).asking(of("gold")).then(300, failed()),
        keeping("kept-not-private", [private()]).then(300, failed()),
        keeping("kept-too-long", [answer(200, |it| it.body = Some(70_000))]).then(300, failed()),
        keeping("kept-strict", [serve()]).route(|route| route.is_strict = true).then(300, failed()),
        keeping("kept-put", [serve()])
            .asking(Request { method: "PUT".to_owned(), ..post(50) })
            .then(300, failed())
            .asking(Request { method: "PUT".to_owned(), ..post(50) }),
        keeping("kept-429", [serve()]).then(300, [status(429), status(500)]),
        gold(Case::new("gold-is-gold", gone()).asking(of("gold"))),
        gold(Case::new("silver-is-not", gone()).asking(of("silver"))),
        gold(Case::new("nobody-is-not", gone()).asking(get())),
        bounded("bounded").then(300, failed()),
        bounded("bounded-in-place").then(300, [answer(500, |it| it.body = Some(4000)), status(500)]),
        bounded("bounded-429").then(300, [status(429), status(500)]),
        bounded("bounded-shadow").then(300, failed()).shadow(),
        calling("grpc-good", says("0")),
        calling("grpc-at-fault", says("3")),
        calling("grpc-limited", says("8")),
        calling("grpc-late", says("4")),
        calling("grpc-unavailable", says("14")),
        calling("grpc-503", status(503)),
        calling("grpc-500-bare", answer(500, |it| it.body = None)),
        calling("grpc-refuses", Behaviour::Refuse),
        calling("grpc-no-hosts", Behaviour::NoHosts),
        calling("grpc-hangs", Behaviour::Hang),
        calling("grpc-resets", Behaviour::Break(2)),
        calling("grpc-unlisted", Behaviour::Refuse).route(|route| route.fail_on = vec!["5xx"]),
        calling("grpc-one-region", Behaviour::Refuse).route(|route| {
            route.regions.truncate(1);
        }),
        calling("grpc-bounded", Behaviour::Refuse)
            .route(|route| route.max_share = Some(MaxShare { share: 0, window: 60_000, min_requests: 1 }))
            .then(300, failed())
            .asking(call())
            .then(600, [says("14")])
            .asking(call()),
        Case::new("grpc-uncovered", gone()).asking(call()),
    ]
}
