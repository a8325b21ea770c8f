//! Rate limits: how many requests of whom are admitted, counted once for all workers of a sidecar.
//!
//! * `quota` decides about one request, given when the next one is due.
//! * `key` says whom a limit counts together.
//! * `slots` remembers when the next request of each key is due, in a fixed number of records.
//!
//! Choices:
//!
//! * The limits of a route are asked in order, and the first that denies gives the answer. Those before it have counted
//!   the request: a limit says how often somebody may come, not how often somebody is served.
//! * A key for which there is no place shares one quota with all others for which there is none. So an attacker with a
//!   million keys gets what a single one gets, besides those that had a place.
//! * A record that cannot be changed because others change it all the time admits: a limit protects from too much, and
//!   must not itself be an outage.

mod key;
mod quota;
mod slots;

use std::time::Duration;

use crate::shared::{Contended, LAYOUT, SharedStore, update};
use crate::time::Timestamp;
use slots::{Place, Slots};

pub use key::{KeyPart, Subject};
pub use quota::{Arrival, Decision, Quota, Rate};

/// One limit of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Where its records lie.
    prefix: String,
    key: Vec<KeyPart>,
    quota: Quota,
    records: u64,
    tells_all: bool,
}

/// A limit has been reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    /// How long until a request is admitted again, if no other one comes before.
    pub retry_after: Duration,
}

/// What a limit says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It may go on.
    Admitted,
    /// It may not.
    Limited(Limited),
    /// Nobody can tell, so it may go on.
    Unknown,
}

impl RateLimit {
    /// A limit. `name` tells it from all others of the filter; `max_keys` keys are remembered at a time, rounded up to
    /// whole records.
    pub fn new(name: &str, key: Vec<KeyPart>, quota: Quota, max_keys: u32) -> Self {
        let most = if key.is_empty() { 1 } else { u64::from(max_keys) };
        let records = most.div_ceil(slots::WAYS as u64).max(1);
        Self { prefix: format!("{LAYOUT}/limit/{name}"), key, quota, records, tells_all: false }
    }

    /// The same limit, whose refusals say more than when to come again.
    #[must_use]
    pub fn telling_all(self) -> Self {
        Self { tells_all: true, ..self }
    }

    /// Whether a refusal says more than when to come again.
    pub const fn tells_all(&self) -> bool {
        self.tells_all
    }

    /// The rate that is in force, in whole requests.
    pub const fn rate(&self) -> Rate {
        self.quota.rate()
    }

    /// The same limit with `factor` times its rate and burst, more than 0 and at most 1. What it has counted stays counted.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self { quota: self.quota.scaled(factor.min(1.0)), ..self }
    }

    /// Judges a request that comes `now`.
    pub fn admit(&self, subject: &impl Subject, store: &impl SharedStore, salt: u64, now: Timestamp) -> Outcome {
        let quota = &self.quota;
        let hash = key::hash(&self.key, subject, salt);
        let record = hash.checked_rem(self.records).unwrap_or_default();
        let decision = match place(store, &format!("{}/{record}", self.prefix), hash, quota, now) {
            Ok(Place::Taken) => place(store, &format!("{}/rest", self.prefix), 0, quota, now),
            found => found,
        };
        match decision {
            Ok(Place::Found(Decision::Allow)) => Outcome::Admitted,
            Ok(Place::Found(Decision::Deny { retry_after })) => Outcome::Limited(Limited { retry_after }),
            Ok(Place::Taken) | Err(Contended) => Outcome::Unknown,
        }
    }
}

fn place(store: &impl SharedStore, record: &str, hash: u64, quota: &Quota, now: Timestamp) -> Result<Place, Contended> {
    update(store, record, |bytes| {
        let before = Slots::decode(bytes);
        let mut slots = before;
        let place = slots.admit(hash, quota, now);
        (place, (slots != before).then(|| slots.encode()))
    })
}
