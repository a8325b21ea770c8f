//! How Envoy is set up: the setting that holding needs, other filters, and documents that come while it runs.

use helius_mesh::{Behaviour, Document};

use super::{Case, empty, get, serve, slow, status};

fn without_stopping(case: Case) -> Case {
    case.envoy(|envoy| envoy.allow_on_headers_stop_iteration = false)
}

fn watched(case: Case) -> Case {
    case.envoy(|envoy| envoy.outer_filter = true)
}

fn spoil(document: &mut Document) {
    document.mistake = Some("nonsense".to_owned());
}

pub(super) fn cases() -> Vec<Case> {
    let gone = || [Behaviour::Refuse, Behaviour::Refuse];
    vec![
        without_stopping(Case::new("not-stopping-serves", [serve(), serve()])),
        without_stopping(Case::new("not-stopping-get", [status(500), serve()])).asking(get()),
        without_stopping(Case::new("not-stopping-5xx", [status(500), serve()])),
        without_stopping(Case::new("not-stopping-5xx-empty", [empty(500), serve()])),
        without_stopping(Case::new("not-stopping-5xx-slow", [status(500), slow(300)])),
        without_stopping(Case::new("not-stopping-refuses", [Behaviour::Refuse, serve()])),
        without_stopping(Case::new("not-stopping-gone", gone())),
        without_stopping(Case::new("not-stopping-no-static", [status(500), status(502)])).without_static(),
        watched(Case::new("outer-serves", [serve(), serve()])),
        watched(Case::new("outer-5xx", [status(500), slow(100)])),
        watched(Case::new("outer-5xx-empty", [empty(500), serve()])),
        watched(Case::new("outer-gone", gone())),
        watched(Case::new("outer-refuses", [Behaviour::Refuse, serve()])),
        watched(Case::new("outer-no-static", [status(500), status(502)])).without_static(),
        watched(Case::new("outer-one-region-empty", [empty(500)])).route(|route| route.regions.truncate(1)),
        watched(Case::new("outer-404", [status(404)])),
        Case::new("pushed-shadow", [status(500), serve()])
            .pushing(500, |document| document.is_shadow = true)
            .then(1500, [status(500), serve()]),
        Case::new("pushed-mistake", [status(500), serve()]).pushing(500, spoil).then(1500, [status(500), serve()]),
        Case::new("pushed-mended", [status(500), serve()])
            .document(spoil)
            .pushing(500, |document| document.mistake = None)
            .then(1500, [status(500), serve()]),
        Case::new("mistaken", [status(500), serve()]).document(spoil),
    ]
}
