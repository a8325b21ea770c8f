//! The pod's agent, which tells what operators have switched, and what the filter has read of it in each worker.
//!
//! What the filter has read is seen at the border: a root context that reads another version of the agent's document in
//! shared data knows it from then on. So there are two questions that can be answered exactly: whether each worker knows in
//! time what the agent tells, and whether what it knows is in force to the microsecond.

mod known;
mod told;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::document::{Document, Override};
use crate::fields::Fields;
use crate::scenario::{AgentEvent, Lie, Millis};
use crate::world::Micros;

pub(crate) use known::Roots;
pub use told::document_of;
pub(crate) use told::{Told, is_for_overrides, made_up, timed_out};

/// How long it may take until every worker knows what has been switched.
const KNOWN_WITHIN: Micros = 1_000_000;

/// How long at the least where the worker that asks is gone, or the agent was: a lease has to lapse, and a tick to come.
const DISTURBED: Micros = 2_000_000;

/// What comes on top of the time between two questions.
const TAKES_OVER: Micros = 1_000_000;

/// An override with its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The event that has set it.
    pub(crate) event: usize,
    pub(crate) what: Override,
    /// When it ends, by the wall clock.
    pub(crate) until: Micros,
}

/// How the agent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    Dead,
    Lying(Lie),
}

/// The agent.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) mood: Mood,
    /// Whether it has ever been anything else than well.
    pub(crate) was_unwell: bool,
    entries: Vec<Entry>,
    /// Changes with each change.
    version: u64,
    /// Every good document that it has given, by its text.
    given: BTreeMap<Vec<u8>, Rc<[Entry]>>,
    /// The text of the last one.
    newest: Vec<u8>,
    /// When something was switched last, and when something happened last that makes the filter slower to hear of it.
    pub(crate) switched: Option<Micros>,
    pub(crate) disturbed: Option<Micros>,
    /// Questions for overrides that it was asked, or would have been.
    asked: u64,
    /// How often something happened that may lead to one more.
    happened: u64,
    pub(crate) roots: Roots,
    /// What lies in shared data.
    pub(crate) shared: Rc<[Entry]>,
}

impl Default for Agent {
    fn default() -> Self {
        Self {
            mood: Mood::Well,
            was_unwell: false,
            entries: Vec::new(),
            version: 0,
            given: BTreeMap::new(),
            newest: Vec::new(),
            switched: None,
            disturbed: None,
            asked: 0,
            happened: 0,
            roots: Roots::default(),
            shared: Rc::default(),
        }
    }
}

impl Agent {
    /// Something happens to it. Says whether those who wait for something new are to be told.
    pub(crate) fn on(&mut self, index: usize, event: &AgentEvent, now: (Micros, Micros)) -> bool {
        match event {
            AgentEvent::Set(what) => {
                self.entries.retain(|it| it.until > now.1);
                // In whole milliseconds, as it is written.
                let until = (now.1 / 1000 + what.lasts) * 1000;
                self.entries.push(Entry { event: index, what: what.clone(), until });
                self.switched = Some(now.0);
            }
            AgentEvent::Clear(event) => {
                self.entries.retain(|it| it.until > now.1 && it.event != *event);
                self.switched = Some(now.0);
            }
            AgentEvent::Dies => self.mood = Mood::Dead,
            AgentEvent::Returns { remembers } => {
                self.mood = Mood::Well;
                if !remembers {
                    self.entries.clear();
                }
            }
            AgentEvent::Lies(lie) => self.mood = Mood::Lying(*lie),
            AgentEvent::Recovers => self.mood = Mood::Well,
        }
        let is_change = matches!(event, AgentEvent::Set(_) | AgentEvent::Clear(_) | AgentEvent::Returns { .. });
        if !matches!(event, AgentEvent::Set(_) | AgentEvent::Clear(_)) {
            self.disturb(now.0);
        }
        self.happened += 1;
        self.version += u64::from(is_change);
        self.was_unwell |= self.mood != Mood::Well;
        is_change && self.mood != Mood::Dead
    }

    /// Something happens that makes the filter slower to hear of anything.
    pub(crate) fn disturb(&mut self, now: Micros) {
        self.disturbed = Some(now);
        self.happened += 1;
    }

    /// It is asked once more. Says how often it has been, where that is too often.
    pub(crate) fn ask(&mut self, now: Micros, interval: Millis) -> Result<(), String> {
        self.asked += 1;
        let most = 3 + now / (interval * 1000) + 2 * self.happened;
        let asked = self.asked;
        if asked <= most { Ok(()) } else { Err(format!("it was asked {asked} times within {} ms", now / 1000)) }
    }

    /// How often it was asked.
    pub(crate) const fn asked(&self) -> u64 {
        self.asked
    }

    /// Whether every worker should know by now what it tells.
    pub(crate) fn is_due(&self, now: Micros, interval: Millis) -> bool {
        let slow = DISTURBED.max(interval * 1000 + TAKES_OVER);
        let is_long_ago = |at: Option<Micros>, within| at.is_none_or(|at| now > at + within);
        self.mood == Mood::Well
            && now > KNOWN_WITHIN
            && is_long_ago(self.switched, KNOWN_WITHIN)
            && is_long_ago(self.disturbed, slow)
    }

    /// What it tells, of which an end may be over.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The document that it gave last, if it has this text.
    pub(crate) fn newest(&self, text: &[u8]) -> Option<Rc<[Entry]>> {
        self.given(text).filter(|_| self.newest == text)
    }

    /// The document that it gave with this text.
    pub(crate) fn given(&self, text: &[u8]) -> Option<Rc<[Entry]>> {
        self.given.get(text).cloned()
    }
}

/// The document as it holds for a request on this path while `entries` are in force.
pub(crate) fn switched(document: &Rc<Document>, headers: &Fields, entries: &[Entry]) -> Rc<Document> {
    if entries.is_empty() {
        return document.clone();
    }
    let overrides: Vec<_> = entries.iter().map(|it| it.what.clone()).collect();
    Rc::new(document.switched(headers, &overrides))
}
