//! Which messages have been seen, reckoned from what was counted: the first of each that went on, and what became of it.

use std::collections::BTreeMap;

use crate::document::{Dedupe, MESSAGE, Route};
use crate::invariants::ONCE_ONLY;
use crate::record::{End, Record};
use crate::scenario::Scenario;
use crate::world::{Micros, World};

/// How much longer than its ladder may take a message is in flight at most.
const LEASE: Micros = 30_000_000;

/// By route and message.
#[derive(Debug, Default)]
pub(crate) struct Messages(BTreeMap<(String, Vec<u8>), Message>);

#[derive(Debug)]
struct Message {
    /// The exchange that went on with it.
    first: usize,
    is_done: bool,
    /// Until when it is in flight, or remembered, by the wall clock.
    until: Micros,
}

impl World {
    /// It has been decided whether an exchange goes on.
    pub(crate) fn decided(&self, record: &Record, decision: &str) {
        let Some((route, dedupe)) = record.message_of() else { return };
        let key = (route.name.clone(), record.message());
        let (mut messages, wall) = (self.messages.borrow_mut(), self.wall());
        let known = messages.0.get(&key).filter(|message| wall < message.until);
        let is_duplicate = decision.ends_with("duplicate");
        // Who is gone, or was answered by Envoy, before he could go on has not asked.
        let has_asked = record.end != Some(End::Left) && !record.request_too_large;
        if has_asked && is_judged(&self.scenario, route, dedupe) && is_duplicate != known.is_some() {
            self.wrong(&ONCE_ONLY, format!("{} is {decision}, and known is {known:?}", record.id));
        }
        if has_asked && !is_duplicate {
            let until = wall + route.timeout * 1000 + LEASE;
            messages.0.insert(key, Message { first: record.index, is_done: false, until });
        }
    }

    /// An exchange has been answered, or its client has left.
    pub(crate) fn finished(&self, record: &Record, served_by: &str) {
        let Some((route, dedupe)) = record.message_of() else { return };
        let key = (route.name.clone(), record.message());
        let mut messages = self.messages.borrow_mut();
        let is_its = |message: &&mut Message| message.first == record.index && !message.is_done;
        let Some(message) = messages.0.get_mut(&key).filter(is_its) else { return };
        let last = record.asked.last().and_then(|asked| asked.outcome);
        let is_done = match served_by {
            "primary" => record.ended_well,
            "secondary" => last == Some("ok"),
            _ => false,
        };
        (message.is_done, message.until) = (is_done, if is_done { self.wall() + dedupe.window * 1000 } else { 0 });
    }
}

/// Whether all is known that decides.
fn is_judged(scenario: &Scenario, route: &Route, dedupe: Dedupe) -> bool {
    let pushed = scenario.pushes.iter().map(|(_, document)| document);
    let mut routes = pushed.chain([&scenario.document]).flat_map(|document| &document.routes);
    let is_same = |it: &Route| it.name != route.name || it.dedupe == Some(dedupe);
    scenario.clock_steps.is_empty() && scenario.deaths.is_empty() && routes.all(is_same)
}

impl Record {
    /// What its route does with the message that it is, if it is one.
    pub(crate) fn message_of(&self) -> Option<(&Route, Dedupe)> {
        let route = self.route().filter(|_| !self.is_live() && !self.message().is_empty())?;
        // Whom a limit would have turned away would have claimed nothing.
        let is_let_in = !self.decisions().any(|it| ["would_limited", "would_isolated"].contains(&it));
        Some((route, route.dedupe.filter(|_| is_let_in && !self.is_refused())?))
    }

    fn message(&self) -> Vec<u8> {
        self.headers.first(MESSAGE).map(<[u8]>::to_vec).unwrap_or_default()
    }
}
