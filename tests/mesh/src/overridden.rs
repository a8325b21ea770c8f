//! What the world makes of what workers know to be switched.

use crate::agent::switched;
use crate::document::{Document, KINDS, Override, Route};
use crate::invariants::{AS_GIVEN, HEARD_OF, OVERRIDE_GAUGE};
use crate::record::Record;
use crate::watch::SHOWN_WITHIN;
use crate::world::World;

impl World {
    /// A root context has been given this version of the agent's document.
    pub(crate) fn has_read(&self, root: (usize, u32), text: &[u8], version: u32) {
        let mut agent = self.agent.borrow_mut();
        let Some(entries) = agent.given(text) else {
            let text = String::from_utf8_lossy(text).into_owned();
            return self.wrong(&AS_GIVEN, format!("w{} #{} reads {text}", root.0, root.1));
        };
        if agent.roots.read(root, version, &entries, (self.now.get(), self.wall())) {
            // What others have forced on a breaker it alone knows.
            for it in entries.iter().filter(|it| it.what.change.is_about_breakers()) {
                self.breakers.borrow_mut().forget_models(it.what.route.as_deref());
            }
        }
    }

    /// Something is put where all workers read the agent's document.
    pub(crate) fn is_shared(&self, text: &[u8]) {
        let mut agent = self.agent.borrow_mut();
        match agent.newest(text) {
            Some(entries) => agent.shared = entries,
            None => self.wrong(&AS_GIVEN, format!("{} is handed on", String::from_utf8_lossy(text))),
        }
    }

    /// A root context has been configured with this document: it begins with what is known.
    pub(crate) fn begins(&self, root: (usize, u32), document: &Document) {
        let agent = self.agent.borrow();
        if document.agent.is_some() && !agent.roots.knows(root, &agent.shared, self.wall()) {
            self.wrong(&HEARD_OF, format!("w{} #{} begins without what is known", root.0, root.1));
        }
    }

    /// A request begins: what its root context knows to be switched holds for it.
    pub(crate) fn switch(&self, record: &mut Record) {
        let is_looked_at = record.route().is_some() || record.matched().is_some_and(Route::has_admission);
        let (Some(document), Some(root), true) = (&record.document, record.root, is_looked_at) else { return };
        let mut agent = self.agent.borrow_mut();
        let entries = agent.roots.look(root, (self.now.get(), self.wall()));
        let known: Vec<Override> = entries.iter().map(|it| it.what.clone()).collect();
        let in_force = record.matched().map_or_else(Vec::new, |route| document.in_force(route, &known));
        let kinds = in_force.iter().map(|it| it.change.kind()).collect();
        let document = switched(document, &record.headers, entries);
        (record.document, record.overrides) = (Some(document), kinds);
    }

    /// Looks whether the gauges say what `root` knows to be in force. Judged where one document holds for the whole run: one
    /// that makes an override useless leaves its gauge to nobody.
    pub(crate) fn look_at_overrides(&self, root: (usize, u32)) {
        let (document, agent, metrics) = (self.last_good.borrow(), self.agent.borrow(), self.metrics.borrow());
        let Some(document) = document.as_ref().filter(|it| it.agent.is_some() && self.scenario.pushes.is_empty())
        else {
            return;
        };
        if self.now.get() < agent.roots.changed + SHOWN_WITHIN {
            return;
        }
        let known: Vec<Override> = agent.roots.entries(root).iter().map(|it| it.what.clone()).collect();
        for route in &document.routes {
            let in_force = document.in_force(route, &known);
            for kind in KINDS {
                let expected = in_force.iter().filter(|it| it.change.kind() == kind).count();
                let (service, route) = (&document.service, &route.name);
                let name =
                    format!("service=.={service};.;route=.={route};.;override=.={kind};.;helius_override_active");
                let shown = metrics.value(&name).unwrap_or(0);
                if Ok(shown) != u64::try_from(expected) {
                    self.wrong(&OVERRIDE_GAUGE, format!("{expected} of {kind} on {route}, and the gauge says {shown}"));
                }
            }
        }
    }
}
