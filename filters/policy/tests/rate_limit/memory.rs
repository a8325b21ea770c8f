//! Envoy's shared data, and a request, as a limit sees them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use helius_policy::http::Headers;
use helius_policy::rate_limit::Subject;
use helius_policy::shared::{SharedStore, Stored};

#[derive(Debug, Default)]
pub(crate) struct Memory {
    records: RefCell<BTreeMap<String, Stored>>,
    next: Cell<u32>,
    /// Every so many reads, somebody else writes between the read and the write.
    pub(crate) disturbed_every: Cell<u32>,
    reads: Cell<u32>,
}

impl Memory {
    pub(crate) fn count(&self) -> usize {
        self.records.borrow().len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.records.borrow().values().map(|stored| stored.record.len()).sum()
    }

    pub(crate) fn fill_with(&self, record: &[u8]) {
        for stored in self.records.borrow_mut().values_mut() {
            record.clone_into(&mut stored.record);
        }
    }

    fn version(&self) -> u32 {
        self.next.set(self.next.get() + 1);
        self.next.get()
    }
}

impl SharedStore for Memory {
    fn read(&self, key: &str) -> Option<Stored> {
        let stored = self.records.borrow().get(key).cloned();
        self.reads.set(self.reads.get() + 1);
        let every = self.disturbed_every.get();
        if every > 0 && self.reads.get().is_multiple_of(every) {
            let version = self.version();
            if let Some(stored) = self.records.borrow_mut().get_mut(key) {
                stored.version = version;
            }
        }
        stored
    }

    fn write(&self, key: &str, record: &[u8], version: Option<u32>) -> bool {
        if self.records.borrow().get(key).map(|stored| stored.version) != version {
            return false;
        }
        self.put(key, record);
        true
    }

    fn put(&self, key: &str, record: &[u8]) {
        let stored = Stored { record: record.to_vec(), version: self.version() };
        self.records.borrow_mut().insert(key.to_owned(), stored);
    }
}

/// A request from an address.
#[derive(Debug)]
pub(crate) struct From {
    headers: Headers,
    source: String,
}

impl From {
    pub(crate) fn new(headers: &[(&str, &str)], source: &str) -> Self {
        Self { headers: headers.iter().copied().collect(), source: source.to_owned() }
    }

    pub(crate) fn client(name: &str) -> Self {
        Self::new(&[(":method", "POST"), (":path", "/assist?q=1"), ("x-client", name)], "10.0.0.1:4711")
    }
}

impl Subject for From {
    fn headers(&self) -> &Headers {
        &self.headers
    }

    fn source(&self) -> Vec<u8> {
        self.source.clone().into_bytes()
    }
}
