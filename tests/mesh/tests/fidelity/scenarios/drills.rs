//! What follows an exchange whose primary has answered well.

use helius_mesh::{Behaviour, LastGood, Output, Says};

use super::{Case, answer, get, serve, slow, status};

fn drilled(name: &'static str, regions: impl IntoIterator<Item = Behaviour>) -> Case {
    Case::new(name, regions).route(|route| route.drill = Some(100))
}

pub(super) fn cases() -> Vec<Case> {
    let mut drill = get();
    drill.headers.push(("x-helius-drill".to_owned(), b"true".to_vec()));
    let valid = || answer(200, |it| it.says = Says::Good);
    vec![
        drilled("drill", [serve(), serve()]),
        drilled("drill-5xx", [serve(), status(500)]),
        drilled("drill-gone", [serve(), Behaviour::Refuse]),
        drilled("drill-no-hosts", [serve(), Behaviour::NoHosts]),
        drilled("drill-hanging", [serve(), Behaviour::Hang]),
        drilled("drill-late", [serve(), slow(700)]),
        drilled("drill-invalid", [valid(), serve()]).route(|route| route.output = Some(Output::default())),
        drilled("drill-kept", [serve(), serve()])
            .route(|route| route.last_good = Some(LastGood { by_body: false, ..LastGood::default() }))
            .then(700, [serve(), serve()]),
        drilled("drill-strict", [serve(), serve()]).route(|route| route.is_strict = true),
        drilled("drill-not-replayable", [serve(), serve()]).route(|route| route.replay_methods = vec!["GET"]),
        drilled("drill-of-a-drill", [serve(), serve()]).asking(drill),
        drilled("drill-after-a-failure", [status(500), serve()]),
        drilled("drill-shadow", [serve(), serve()]).shadow(),
    ]
}
