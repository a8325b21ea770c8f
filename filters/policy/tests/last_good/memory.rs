//! Envoy's shared data, and what all tests agree on.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use helius_policy::http::{Headers, Response};
use helius_policy::last_good::{KeyPart, LastGood, Limits};
use helius_policy::shared::{SharedStore, Stored};
use helius_policy::time::Timestamp;

pub(crate) const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
pub(crate) const FRESH: Duration = Duration::from_secs(300);
pub(crate) const MAX_STALE: Duration = Duration::from_secs(3_600);
pub(crate) const MAX_BODY: usize = 1_000;
pub(crate) const SALT: u64 = 7;
/// Bytes of request that are read at most.
pub(crate) const MOST: usize = 64;

#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    pub(crate) records: RefCell<BTreeMap<String, Stored>>,
    next: Cell<u32>,
}

impl Memory {
    pub(crate) fn bytes(&self) -> usize {
        self.records.borrow().values().map(|stored| stored.record.len()).sum()
    }

    /// Whether any record holds these bytes anywhere.
    pub(crate) fn holds(&self, bytes: &[u8]) -> bool {
        self.records.borrow().values().any(|stored| stored.record.windows(bytes.len()).any(|it| it == bytes))
    }
}

impl SharedStore for Memory {
    fn read(&self, key: &str) -> Option<Stored> {
        self.records.borrow().get(key).cloned()
    }

    fn write(&self, key: &str, record: &[u8], version: Option<u32>) -> bool {
        let is_as_read = self.records.borrow().get(key).map(|stored| stored.version) == version;
        if is_as_read {
            self.put(key, record);
        }
        is_as_read
    }

    fn put(&self, key: &str, record: &[u8]) {
        self.next.set(self.next.get() + 1);
        let stored = Stored { record: record.to_vec(), version: self.next.get() };
        self.records.borrow_mut().insert(key.to_owned(), stored);
    }
}

pub(crate) fn path_and_body() -> Vec<KeyPart> {
    vec![KeyPart::Path, KeyPart::Body]
}

pub(crate) fn header(name: &str) -> KeyPart {
    KeyPart::Header(name.to_owned())
}

pub(crate) fn last_good(parts: Vec<KeyPart>, max_entries: u32) -> LastGood {
    let limits = Limits { fresh: FRESH, max_stale: MAX_STALE };
    LastGood::new("router/assist", parts, limits, max_entries, MAX_BODY)
}

/// A request: its headers, and its body in one piece.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Question {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Question {
    pub(crate) fn new(headers: &[(&str, &str)], body: &str) -> Self {
        let plain = [(":method", "POST"), (":authority", "a"), (":path", "/assist?u=1")];
        let is_plain = |name: &str| !headers.iter().any(|(it, _)| *it == name);
        let fields = plain.into_iter().filter(|(name, _)| is_plain(name)).chain(headers.iter().copied());
        let headers = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { headers, body: body.into() }
    }

    fn headers(&self) -> Headers {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    pub(crate) fn key(&self, last_good: &LastGood) -> Option<Vec<u8>> {
        let mut key = last_good.key(&self.headers(), false, SALT, MOST)?;
        key.extend(&self.body, self.body.len(), true);
        key.whole()
    }

    pub(crate) fn keep(&self, last_good: &LastGood, answer: &Response, memory: &Memory, now: Timestamp) {
        if let Some(key) = self.key(last_good) {
            last_good.keep(&key, SALT, answer, memory, now);
        }
    }

    pub(crate) fn find(&self, last_good: &LastGood, memory: &Memory, now: Timestamp) -> Option<Response> {
        last_good.find(&self.key(last_good)?, SALT, memory, now)
    }
}

pub(crate) fn answer(headers: &[(&str, &str)], body: &[u8]) -> Response {
    Response { status: 200, headers: headers.iter().copied().collect(), body: body.to_vec() }
}

pub(crate) fn at(after: Duration) -> Timestamp {
    START.after(after)
}
