//! The last good answer: what a route said when it was last asked the same, for when no region says anything.
//!
//! * `key` says which requests have the same answer.
//! * `fitness` says which answers may be given again.
//! * `record` is a kept answer as bytes.
//! * `archive` hands answers to the agent, which keeps them while there is no Envoy.
//!
//! | age | what becomes of it |
//! |---|---|
//! | up to `fresh` | it is given as it is |
//! | up to `max_stale` | it is given, and says that it is stale |
//! | more | it is not given, and its record is emptied when it is found |
//!
//! The two limits are those of RFC 5861 (`stale-if-error`), counted from when the answer was made, as RFC 9111 counts.
//!
//! Choices:
//!
//! * **Never across keys.** The whole key lies in the record and is compared, so that those who share a place share no
//!   answer. Who shows credentials that the key does not have gets no kept answer and leaves none.
//! * **Places.** There are a fixed number, because clients choose their keys and Envoy's shared data forgets none. A
//!   newer answer takes the place of an older one, whoever's that was: nobody reads before he writes, so that it costs
//!   one host call while all is well.
//! * **The clock** is the host's wall clock. An answer that was kept in the future is as old as it was then, and its
//!   record is pulled near when it is found: it lives no longer than `max_stale` from that look on.

mod archive;
mod fitness;
mod key;
mod record;

use std::time::Duration;

use crate::http::{Headers, Response, decimal};
use crate::shared::{LAYOUT, SharedStore, Stored};
use crate::time::Timestamp;
use record::{Birth, MOST_BESIDES, Record};

pub use archive::{Archive, Question, SALT};
pub use key::{Key, KeyPart};

/// The header that says that an answer is older than it should be.
pub const STALE: &str = "x-helius-stale";

/// How old an answer is, in seconds (RFC 9111, 5.1).
const AGE: &str = "age";

/// The last good answers of one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastGood {
    /// Where its records lie.
    prefix: String,
    parts: Vec<KeyPart>,
    limits: Limits,
    /// Bytes.
    max_body: usize,
    places: u64,
    across_credentials: bool,
}

/// How old an answer may be, counted from when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Up to which age it is as good as any.
    pub fresh: Duration,
    /// Up to which age it is better than none. Not less than `fresh`.
    pub max_stale: Duration,
}

impl LastGood {
    /// The last good answers of the route with this name, which tells them from all others. At most `max_entries` are kept
    /// at a time, with bodies of at most `max_body` bytes.
    pub fn new(route: &str, parts: Vec<KeyPart>, limits: Limits, max_entries: u32, max_body: usize) -> Self {
        let prefix = format!("{LAYOUT}/good_answer/{route}");
        Self { prefix, parts, limits, max_body, places: u64::from(max_entries).max(1), across_credentials: false }
    }

    /// The same, where the answer to one who shows credentials may be given to another.
    #[must_use]
    pub fn across_credentials(self) -> Self {
        Self { across_credentials: true, ..self }
    }

    /// Whether a request's body has to be there, whole, before its key is known.
    pub fn reads_body(&self) -> bool {
        self.parts.contains(&KeyPart::Body)
    }

    /// The longest answer that can be kept, in bytes, headers and all.
    pub(crate) const fn most(&self) -> usize {
        self.max_body.saturating_add(MOST_BESIDES)
    }

    /// The key of a request with these headers; `None` where its answer is not to be kept, and no kept one to be given.
    ///
    /// `salt` is a number that clients do not know, the same for all workers; `most` is the longest body that is read.
    pub fn key(&self, headers: &Headers, end_of_stream: bool, salt: u64, most: usize) -> Option<Key> {
        let shows = |name: &&str| headers.first(name).is_some() && !self.has_header(name);
        let is_somebody = !self.across_credentials && fitness::CREDENTIALS.iter().any(shows);
        let is_head = headers.first(":method") == Some(b"HEAD");
        (!is_somebody && !is_head).then(|| Key::new(&self.parts, headers, end_of_stream, salt, most))
    }

    /// The key in a record, by which two records of one route are the same answer; `None` where it is no record.
    pub fn key_in(record: &[u8]) -> Option<&[u8]> {
        let record = Record::decode(record)?;
        record.response().map(|_| record.key)
    }

    /// When the answer in a record was kept.
    pub fn kept_at(record: &[u8]) -> Option<Timestamp> {
        Record::decode(record).map(|it| it.birth.at)
    }

    /// Keeps an answer under a whole key, if it is one that may be kept.
    pub fn keep(&self, key: &[u8], salt: u64, response: &Response, store: &impl SharedStore, now: Timestamp) {
        if !self.may_keep_whole(response) {
            return;
        }
        let age = response.headers.first(AGE).and_then(decimal::<u64>).unwrap_or_default();
        let birth = Birth { at: now, age: u32::try_from(age).unwrap_or(u32::MAX) };
        if let Some(record) = record::encode(birth, key, response) {
            store.put(&self.place(key, salt), &record);
        }
    }

    /// The answer under a whole key, if it is not too old, with the headers that say how old it is.
    pub fn find(&self, key: &[u8], salt: u64, store: &impl SharedStore, now: Timestamp) -> Option<Response> {
        let place = self.place(key, salt);
        let Stored { record, version } = store.read(&place)?;
        let record = Record::decode(&record)?;
        let age = record.birth.age(now);
        if age > self.limits.max_stale {
            // Where somebody was faster, a newer one lies there.
            store.write(&place, &[], Some(version));
            return None;
        }
        if now < record.birth.at {
            store.write(&place, &record.moved_to(now), Some(version));
        }
        if record.key != key {
            return None;
        }
        let mut response = record.response()?;
        response.headers.retain(|name| name != AGE);
        response.headers.push(AGE, age.as_secs().to_string());
        if age > self.limits.fresh {
            response.headers.push(STALE, "true");
        }
        Some(response)
    }

    /// How many answers can lie here.
    pub(crate) const fn places(&self) -> u64 {
        self.places
    }

    /// What lies at a place.
    pub(crate) fn record_at(&self, place: usize, store: &impl SharedStore) -> Option<Stored> {
        store.read(&format!("{}/{place}", self.prefix))
    }

    /// Puts an answer back that was kept elsewhere, if it is one that may still be given, and nothing newer lies there.
    pub(crate) fn put_back(&self, record: &[u8], salt: u64, store: &impl SharedStore, now: Timestamp) {
        let Some(it) = Record::decode(record) else { return };
        let is_fit = it.birth.age(now) <= self.limits.max_stale
            && record.len() <= self.most()
            && it.response().is_some_and(|response| self.may_keep_whole(&response));
        if is_fit {
            store.write(&self.place(it.key, salt), record, None);
        }
    }

    /// Where the answer under this key lies.
    fn place(&self, key: &[u8], salt: u64) -> String {
        format!("{}/{}", self.prefix, key::hash(key, salt).checked_rem(self.places).unwrap_or_default())
    }
}
