//! What all threads of the simulated Envoy share.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

use crate::agent::Agent;
use crate::breakers::Breakers;
use crate::document::Document;
use crate::flights::Flights;
use crate::host::{Metrics, SharedData};
use crate::invariants::Noticed;
use crate::kept::Keeper;
use crate::made_up::MadeUp;
use crate::messages::Messages;
use crate::record::Record;
use crate::scenario::{Behaviour, Scenario};

/// Microseconds of simulated time.
pub type Micros = u64;

/// Where the simulated wall clock stands when a scenario begins: some day in 2026.
const EPOCH: Micros = 1_780_000_000_000_000;

/// Time, shared data, stats, and what was seen so far.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) scenario: Rc<Scenario>,
    pub(crate) now: Cell<Micros>,
    /// By how much the wall clock differs from what it should be.
    pub(crate) wall_offset: Cell<i64>,
    pub(crate) shared: RefCell<SharedData>,
    pub(crate) metrics: RefCell<Metrics>,
    pub(crate) records: RefCell<Vec<Record>>,
    pub(crate) breakers: RefCell<Breakers>,
    pub(crate) agent: RefCell<Agent>,
    pub(crate) flights: RefCell<Flights>,
    pub(crate) keeper: RefCell<Keeper>,
    pub(crate) made_up: RefCell<MadeUp>,
    pub(crate) messages: RefCell<Messages>,
    /// Which of them the event under way has touched.
    touched: RefCell<BTreeSet<usize>>,
    /// Whose answers the filter has to give up in the tick under way.
    pub(crate) overdue: RefCell<BTreeSet<usize>>,
    /// What the event under way should not have done.
    wrong: RefCell<Vec<(&'static Noticed, String)>>,
    /// The last good document that any VM was given.
    pub(crate) last_good: RefCell<Option<Rc<Document>>>,
    /// When a document was pushed last.
    pub(crate) pushed: Cell<Micros>,
    pub(crate) host_calls: Cell<u64>,
    trace: RefCell<Option<Vec<String>>>,
}

impl World {
    pub(crate) fn new(scenario: Rc<Scenario>, is_traced: bool) -> Self {
        let breakers = RefCell::new(Breakers::new(&scenario));
        Self {
            scenario,
            now: Cell::new(0),
            wall_offset: Cell::new(0),
            shared: RefCell::default(),
            metrics: RefCell::default(),
            records: RefCell::default(),
            breakers,
            agent: RefCell::default(),
            flights: RefCell::default(),
            keeper: RefCell::default(),
            made_up: RefCell::default(),
            messages: RefCell::default(),
            touched: RefCell::default(),
            overdue: RefCell::default(),
            wrong: RefCell::default(),
            last_good: RefCell::default(),
            pushed: Cell::default(),
            host_calls: Cell::default(),
            trace: RefCell::new(is_traced.then(Vec::new)),
        }
    }

    /// What a worker's `get_current_time` says.
    pub(crate) fn wall(&self) -> Micros {
        (EPOCH + self.now.get()).saturating_add_signed(self.wall_offset.get())
    }

    /// Notes something that must not happen, at the moment when it does.
    pub(crate) fn wrong(&self, rule: &'static Noticed, what: impl Into<String>) {
        let what = what.into();
        self.trace("WRONG", || what.clone());
        self.wrong.borrow_mut().push((rule, what));
    }

    /// What has gone wrong since this was last asked.
    pub(crate) fn take_wrong(&self) -> Vec<(&'static Noticed, String)> {
        self.wrong.take()
    }

    /// The exchanges that something has happened to since this was last asked.
    pub(crate) fn take_touched(&self) -> BTreeSet<usize> {
        self.touched.take()
    }

    /// Writes a line of the trace, if one is wanted.
    pub(crate) fn trace(&self, who: impl fmt::Display, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut *self.trace.borrow_mut() {
            let now = self.now.get();
            lines.push(format!("{:>8}.{:03} ms  {who:<16}  {}", now / 1000, now % 1000, line()));
        }
    }

    /// The trace so far.
    pub(crate) fn take_trace(&self) -> Vec<String> {
        self.trace.borrow_mut().take().unwrap_or_default()
    }

    /// Changes the record of an exchange.
    pub(crate) fn record<T>(&self, exchange: usize, change: impl FnOnce(&mut Record) -> T) -> T {
        self.touched.borrow_mut().insert(exchange);
        change(&mut self.records.borrow_mut()[exchange])
    }

    /// What a region does with the request of an exchange.
    pub(crate) fn behaviour(&self, exchange: usize, region: usize) -> Behaviour {
        self.scenario.exchanges[exchange].regions.get(region).cloned().unwrap_or_default()
    }
}
