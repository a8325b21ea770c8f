//! The scenarios, by what they are about.
//!
//! What they leave to chance must not be seen from outside: whatever has to come before something else does so by
//! many milliseconds, because the real Envoy is not alone on its machine.

mod answers;
mod both;
mod breakers;
mod clients;
mod drills;
mod judged;
mod last_rungs;
mod limits;
mod operators;
mod overrides;
mod primary;
mod replay;
mod secondary;
mod shadow;
mod streams;
mod strict;

use helius_mesh::{AgentEvent, Answer, Behaviour, Document, Envoy, Exchange, Millis, Request, Route, Scenario};

/// A scenario with a name.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) scenario: Scenario,
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    let groups = [
        primary::cases(),
        secondary::cases(),
        both::cases(),
        answers::cases(),
        breakers::cases(),
        judged::cases(),
        replay::cases(),
        last_rungs::cases(),
        limits::cases(),
        clients::cases(),
        drills::cases(),
        operators::cases(),
        overrides::cases(),
        shadow::cases(),
        streams::cases(),
        strict::cases(),
    ];
    groups.into_iter().flatten().collect()
}

impl Case {
    /// One POST with a short body to a route with two regions and a static answer.
    fn new(name: &'static str, regions: impl IntoIterator<Item = Behaviour>) -> Self {
        let mut scenario = Scenario::new(Document::new(vec![Route::new("assist", 2)])).with(exchange(regions));
        // Nothing here depends on how many there are, and each costs time at the start.
        scenario.envoy.workers = 1;
        Self { name, scenario }
    }

    /// Asks something else.
    fn asking(mut self, request: Request) -> Self {
        if let Some(exchange) = self.scenario.exchanges.last_mut() {
            exchange.request = request;
        }
        self
    }

    fn envoy(mut self, edit: impl FnOnce(&mut Envoy)) -> Self {
        edit(&mut self.scenario.envoy);
        self
    }

    fn document(mut self, edit: impl FnOnce(&mut Document)) -> Self {
        edit(&mut self.scenario.document);
        self
    }

    fn route(self, edit: impl FnOnce(&mut Route)) -> Self {
        self.document(|document| edit(&mut document.routes[0]))
    }

    fn without_static(self) -> Self {
        self.route(|route| route.fixed = None)
    }

    fn shadow(self) -> Self {
        self.document(|document| document.is_shadow = true)
    }

    fn leaving_after(mut self, after: Millis) -> Self {
        if let Some(exchange) = self.scenario.exchanges.last_mut() {
            exchange.leaves_after = Some(after);
        }
        self
    }

    /// Another exchange, long after the others.
    fn then(mut self, at: Millis, regions: impl IntoIterator<Item = Behaviour>) -> Self {
        self.scenario = self.scenario.with(Exchange { at, ..exchange(regions) });
        self
    }

    fn when(mut self, at: Millis, event: AgentEvent) -> Self {
        self.scenario = self.scenario.when(at, event);
        self
    }

    fn pushing(mut self, at: Millis, edit: impl FnOnce(&mut Document)) -> Self {
        let mut document = self.scenario.document.clone();
        edit(&mut document);
        self.scenario.pushes.push((at, document));
        self
    }
}

fn exchange(regions: impl IntoIterator<Item = Behaviour>) -> Exchange {
    Exchange::new(post(50)).regions(regions)
}

fn post(body: usize) -> Request {
    Request::post("/assist", body)
}

fn get() -> Request {
    Request::new("GET", "/assist")
}

/// A working region.
fn serve() -> Behaviour {
    Behaviour::default()
}

/// An answer with a short body.
fn status(status: u16) -> Behaviour {
    answer(status, |_| ())
}

/// An answer without a body.
fn empty(status: u16) -> Behaviour {
    Behaviour::Answer(Answer::empty(status))
}

fn answer(status: u16, edit: impl FnOnce(&mut Answer)) -> Behaviour {
    let mut answer = Answer::status(status);
    edit(&mut answer);
    Behaviour::Answer(answer)
}

/// A working region that takes its time.
fn slow(after: Millis) -> Behaviour {
    answer(200, |answer| answer.after = after)
}
