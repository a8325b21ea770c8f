//! Drills that are under way in one worker.
//!
//! They are walked from the tick: the stream is gone by then, and the answer of a call that a stream has made would be
//! dropped with it.

use std::cell::RefCell;

use helius_policy::drill::Rehearsal;
use helius_policy::exchange::{Event, Record};
use helius_policy::time::Clock;

use crate::host;
use crate::root::Plugin;

/// Who is under way.
#[derive(Debug, Default)]
pub(crate) struct Drills(RefCell<Vec<Drill>>);

#[derive(Debug)]
struct Drill {
    /// The route's place in the configuration.
    route: usize,
    rehearsal: Rehearsal,
    /// Envoy's number for the call in flight; none before the first.
    token: Option<u32>,
}

impl Drills {
    /// Takes a drill that begins at the next tick.
    pub(crate) fn add(&self, route: usize, rehearsal: Rehearsal) {
        if let Ok(mut drills) = self.0.try_borrow_mut() {
            drills.push(Drill { route, rehearsal, token: None });
        }
    }

    /// Begins those that have not begun.
    pub(crate) fn tick(&self, plugin: &Plugin) {
        let Ok(mut drills) = self.0.try_borrow_mut() else { return };
        drills.retain_mut(|drill| drill.token.is_some() || drill.go_on(plugin));
    }

    /// A call of the root has been answered. Says whether it was one of a drill.
    pub(crate) fn on_answered(&self, plugin: &Plugin, token: u32, event: &Event<'_>) -> bool {
        let Ok(mut drills) = self.0.try_borrow_mut() else { return false };
        let Some(index) = drills.iter().position(|drill| drill.token == Some(token)) else { return false };
        let mut drill = drills.swap_remove(index);
        drill.hear(plugin, event);
        if drill.go_on(plugin) {
            drills.push(drill);
        }
        true
    }
}

impl Drill {
    /// Calls the next region. Says whether there is one.
    fn go_on(&mut self, plugin: &Plugin) -> bool {
        loop {
            let mut records = Vec::new();
            let step = self.rehearsal.step(&plugin.envoy, &mut records);
            self.count(plugin, records);
            let Some((secondary, timeout)) = step else { return false };
            self.token = self.rehearsal.call(secondary).and_then(|(region, request)| {
                host::call(region.cluster(), &request.headers, region.authority(), &request.body, timeout)
            });
            if self.token.is_some() {
                return true;
            }
            self.hear(plugin, &Event::CallRefused);
        }
    }

    fn hear(&mut self, plugin: &Plugin, event: &Event<'_>) {
        let mut records = Vec::new();
        self.rehearsal.on(event, plugin.envoy.now(), &mut records);
        self.count(plugin, records);
    }

    fn count(&self, plugin: &Plugin, records: Vec<Record>) {
        for record in records {
            plugin.metrics.record(self.route, self.rehearsal.route(), record);
        }
    }
}
