//! What operators switch. Everybody knows it within a second, and each scenario waits for longer than that.

use helius_mesh::{Agent, AgentEvent, Behaviour, Breaker, Change, Forced, Lie, Limit, Millis, Override, region_name};

use super::{Case, serve, status};

/// An exchange before anything is switched, and one while something is.
fn switched(name: &'static str, change: Change, regions: impl Fn() -> [Behaviour; 2]) -> Case {
    let case = Case::new(name, regions()).document(|document| document.agent = Some(Agent::default()));
    case.when(300, set(change, 60_000)).then(2000, regions())
}

fn set(change: Change, lasts: Millis) -> AgentEvent {
    AgentEvent::Set(Override::new(change, lasts))
}

fn guarded(case: Case) -> Case {
    case.route(|route| route.breaker = Some(Breaker::default()))
}

fn from(case: Case, origin: &str) -> Case {
    let mut case = case.route(|route| route.isolates = true);
    for exchange in &mut case.scenario.exchanges {
        exchange.request.headers.push(("x-origin".to_owned(), origin.into()));
    }
    case
}

pub(super) fn cases() -> Vec<Case> {
    let both = || [serve(), serve()];
    let failing = || [status(500), serve()];
    let gone = || [Behaviour::Refuse, Behaviour::Refuse];
    let drain = |region| Change::Drain(region_name(region));
    let ends = |name, event| {
        let case = Case::new(name, both()).document(|document| document.agent = Some(Agent::default()));
        case.when(300, set(Change::Static, 4000)).when(2000, event).then(3000, both()).then(5500, both())
    };
    vec![
        switched("override-static", Change::Static, both),
        switched("override-static-none", Change::Static, both).without_static(),
        switched("override-static-strict", Change::Static, both).route(|route| route.is_strict = true),
        switched("override-drain-primary", drain(0), both),
        switched("override-drain-secondary", drain(1), failing),
        switched("override-drain-then-gone", drain(0), gone),
        switched("override-shadow", Change::Shadow, failing),
        guarded(switched("override-open", Change::Breaker(None, Forced::Open), both)),
        guarded(switched("override-open-primary", Change::Breaker(Some(region_name(0)), Forced::Open), both)),
        guarded(switched("override-closed", Change::Breaker(None, Forced::Closed), failing)),
        guarded(switched("override-off", Change::Breaker(None, Forced::Off), failing)),
        from(switched("override-isolate", Change::Isolate("near".to_owned()), both), "near"),
        from(switched("override-isolate-other", Change::Isolate("there".to_owned()), both), "near"),
        switched("override-scale", Change::RateLimit(100), both)
            .route(|route| route.limit = Some(Limit { per_second: 1, burst: 10 }))
            .then(3500, both()),
        ends("override-ends-without-agent", AgentEvent::Dies),
        ends("override-ends-when-undone", AgentEvent::Clear(0)),
        ends("override-outlives-500", AgentEvent::Lies(Lie::Error)),
        ends("override-outlives-nonsense", AgentEvent::Lies(Lie::Garbage)),
        switched("override-pushed", Change::Static, both)
            .pushing(2500, |document| document.routes[0].timeout = 1500)
            .then(4500, both()),
    ]
}
