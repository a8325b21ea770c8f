//! A host whose clock stands where it was put, with a memory of its own.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use helius_policy::circuit_breaker::{Admitted, Attempt, Outcome, State};
use helius_policy::config::Route;
use helius_policy::degraded_share::DegradedShare;
use helius_policy::host::Host;
use helius_policy::shared::{SharedStore, Stored};
use helius_policy::time::{Clock, Timestamp};

use crate::setup::{ATTEMPT, START};

#[derive(Debug)]
pub(crate) struct Fake {
    pub(crate) now: Cell<Timestamp>,
    pub(crate) random: Cell<f64>,
    records: RefCell<BTreeMap<String, Stored>>,
    /// What the worker has answered.
    pub(crate) answers: Rc<DegradedShare>,
}

impl Default for Fake {
    fn default() -> Self {
        Self { now: Cell::new(START), random: Cell::new(0.5), records: RefCell::default(), answers: Rc::default() }
    }
}

impl Clock for Fake {
    fn now(&self) -> Timestamp {
        self.now.get()
    }
}

impl Host for Fake {
    fn random(&self) -> f64 {
        self.random.get()
    }
}

impl SharedStore for Fake {
    fn read(&self, key: &str) -> Option<Stored> {
        self.records.borrow().get(key).cloned()
    }

    fn write(&self, key: &str, record: &[u8], version: Option<u32>) -> bool {
        let mut records = self.records.borrow_mut();
        let current = records.get(key).map(|it| it.version);
        if current != version {
            return false;
        }
        let version = current.unwrap_or_default() + 1;
        records.insert(key.to_owned(), Stored { record: record.to_vec(), version });
        true
    }

    fn put(&self, key: &str, record: &[u8]) {
        let mut records = self.records.borrow_mut();
        let version = records.get(key).map(|it| it.version).unwrap_or_default() + 1;
        records.insert(key.to_owned(), Stored { record: record.to_vec(), version });
    }
}

impl Fake {
    /// Another one with the same memory.
    pub(crate) fn copy(&self) -> Self {
        let (now, random, records) = (self.now.clone(), self.random.clone(), self.records.clone());
        Self { now, random, records, answers: Rc::default() }
    }

    /// Loses its memory.
    pub(crate) fn forget(&self) {
        self.records.borrow_mut().clear();
    }

    /// Records of this kind.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.records.borrow().keys().filter(|key| key.contains(kind)).count()
    }

    /// Lets so many calls to a region fail that its breaker opens.
    pub(crate) fn open(&self, route: &Route, region: usize) {
        let breaker = route.upstream().regions().nth(region).and_then(|it| it.breaker()).unwrap();
        let attempt = Attempt { timeout: ATTEMPT, is_whole: true };
        while breaker.state(self) != State::Open {
            let Admitted::Allow { permit, .. } = breaker.admit(attempt, self.now(), self).admitted else { return };
            breaker.record(permit, Outcome::Failure, self);
        }
    }

    /// Where a region's breaker stands.
    pub(crate) fn state(&self, route: &Route, region: usize) -> State {
        route.upstream().regions().nth(region).and_then(|it| it.breaker()).map_or(State::Closed, |it| it.state(self))
    }
}
