//! De-duplication: a message that comes again while it is remembered is answered without being sent again, once for all
//! workers of a sidecar.
//!
//! * `key` says which requests are the same message.
//! * `seen` remembers messages in a fixed number of records, and the claims that are in flight.
//! * `answer` is a kept answer as a record.
//! * `expiry` keeps moments safe under a clock that steps.
//!
//! | message | event | message after | the request |
//! |---|---|---|---|
//! | unknown | claim | in flight, for a lease | goes on, with a ticket |
//! | in flight | claim | the same | is a duplicate |
//! | in flight | claim, lease over | in flight, for a new lease | goes on, with a ticket |
//! | in flight | finish, done | done, for a window | |
//! | in flight | finish, failed | unknown | |
//! | done | claim | the same: a duplicate does not lengthen the window | is a duplicate |
//! | done | claim, window over | in flight, for a lease | goes on, with a ticket |
//! | any | finish of an earlier claim | the same | |
//!
//! Choices:
//!
//! * **Rather twice than never.** Where nobody can tell (no key, a record whose places are all in flight, a record that
//!   others change all the time) the request goes on: a duplicate is a nuisance, a lost message is a loss. For the same
//!   reason a message counts as seen only while it is in flight and once it is done, so that what failed can be tried
//!   again, and a lease ends, so that a worker that died takes nothing with it.
//! * **A full record** forgets its oldest message that is done. Duplicates come soon after the first, so the oldest has
//!   the fewest left to come, and one that is forgotten too early only lets a late duplicate through; whereas keeping
//!   the old ones would let every duplicate of every new message through, just while there are many. Clients who send
//!   many messages can thus make others' be forgotten early, and never make one disappear. Who is in flight keeps its
//!   place: its duplicates are the ones on their way now.
//! * **A late finish** counts while nobody else has claimed the place since, although the lease is over.
//! * **Answers** lie in places by the message's hash, one each, and a newer one takes the place of an older one. What
//!   finds its answer gone gets the status that is configured.
//! * **The clock** is the host's wall clock. A step forth is believed. A step back finds stored times in the future and
//!   pulls each near at the next look at its record, to its own span from then: nobody is remembered for longer than a
//!   window, or in flight for longer than a lease, from that look on.

mod answer;
mod expiry;
mod key;
mod seen;

use std::time::Duration;

use crate::http::{Headers, Response};
use crate::shared::{LAYOUT, SharedStore, update};
use crate::time::Timestamp;
use answer::Answer;
use expiry::Expiry;
use seen::{Look, Seen, WAYS};

pub use answer::MAX_ANSWER;
pub use expiry::LONGEST;
pub use key::Key;

/// The header that says that an answer is one to a duplicate, and what has become of the first.
pub const DUPLICATE: &str = "x-helius-duplicate";

/// The de-duplication of one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dedupe {
    /// The route, which tells its records from those of all others.
    name: String,
    key: Key,
    window: Duration,
    status: u16,
    /// Records of the table.
    records: u64,
    /// Places for answers; 0 where none is kept.
    places: u64,
}

/// What becomes of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Claim {
    /// It goes on, and its outcome is awaited.
    First(Ticket),
    /// It has been seen.
    Duplicate {
        /// Whether the first is still on its way; otherwise it is done.
        is_in_flight: bool,
    },
    /// Nobody can tell, so it goes on; its outcome is not awaited.
    Undecided,
}

/// What the first of a message holds until its outcome is known, and gives back with [`Dedupe::finish`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a message whose ticket is lost is in flight until its lease is over"]
pub struct Ticket {
    hash: u64,
    /// The number of the claim in its record.
    claim: u32,
}

impl Dedupe {
    /// De-duplication on the route with this name. A message that is done is remembered for `window`; `max_keys` are at
    /// a time, rounded up to whole records. Duplicates are answered with `status`.
    pub fn new(route: &str, key: Key, window: Duration, status: u16, max_keys: u32) -> Self {
        let records = u64::from(max_keys).div_ceil(WAYS as u64).max(1);
        Self { name: route.to_owned(), key, window, status, records, places: 0 }
    }

    /// The same, which keeps as many answers for duplicates.
    #[must_use]
    pub fn keeping_answers(self, max_answers: u32) -> Self {
        Self { places: u64::from(max_answers), ..self }
    }

    /// Whether a request's body has to be there, whole, before its hash is known.
    pub fn reads_body(&self) -> bool {
        self.key == Key::Body
    }

    /// Whether the answer to the first is worth the memory until its end: [`Dedupe::keep_answer`] would keep it, unless
    /// it is too long.
    pub const fn keeps_answers(&self) -> bool {
        self.places > 0
    }

    /// The hash of a message, or `None` where nothing tells it apart: such a request is not de-duplicated. `body` is
    /// looked at only if [`Dedupe::reads_body`].
    ///
    /// `salt` is a number that clients do not know, the same for all workers.
    pub fn hash(&self, headers: &Headers, body: &[u8], salt: u64) -> Option<u64> {
        self.key.hash(headers, body, salt)
    }

    /// Claims a message that comes `now`. Of all claims at most one is the first at a time, for at most `lease`.
    pub fn claim(&self, hash: u64, store: &impl SharedStore, now: Timestamp, lease: Duration) -> Claim {
        match self.change(hash, store, now, |seen| seen.claim(hash, now, lease)) {
            Some(Look::Claimed(claim)) => Claim::First(Ticket { hash, claim }),
            Some(Look::InFlight) => Claim::Duplicate { is_in_flight: true },
            Some(Look::Done) => Claim::Duplicate { is_in_flight: false },
            Some(Look::Full) | None => Claim::Undecided,
        }
    }

    /// Says what has become of the first of a message: done, and it is remembered until a window after `now`; failed or
    /// abandoned, and it is forgotten, so that its retry goes on.
    ///
    /// A ticket whose claim lapsed, and whose message or place is somebody else's by now, changes nothing. Nor does one
    /// whose record others change all the time: its message then is in flight until the lease is over.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is given back, once")]
    pub fn finish(&self, ticket: Ticket, is_done: bool, store: &impl SharedStore, now: Timestamp) {
        let Ticket { hash, claim } = ticket;
        let window = is_done.then_some(self.window);
        self.change(hash, store, now, |seen| seen.finish(hash, claim, now, window));
    }

    /// Keeps the answer to the first of a message for its duplicates, where answers are kept. To be called before
    /// [`Dedupe::finish`], so that no duplicate finds the message done and its answer not there.
    ///
    /// One that is longer than [`MAX_ANSWER`] is not kept, and nor is then an earlier one to the same message.
    pub fn keep_answer(&self, ticket: &Ticket, response: &Response, store: &impl SharedStore, now: Timestamp) {
        let Some(place) = self.place(ticket.hash) else { return };
        let record = answer::encode(ticket.hash, Expiry::after(now, self.window), response);
        // Where others change the place all the time, theirs are as new as this one.
        let _ = update(store, &place, |before| match &record {
            Some(record) => ((), Some(record.clone())),
            None => ((), answer::decode(before).filter(|it| it.hash == ticket.hash).map(|_| Vec::new())),
        });
    }

    /// The answer that was kept for duplicates of the message with this hash.
    pub fn answer_of(&self, hash: u64, store: &impl SharedStore, now: Timestamp) -> Option<Response> {
        let look = |record: &[u8]| {
            let Some(mut answer) = answer::decode(record).filter(|it| it.hash == hash) else { return (None, None) };
            let before = answer.expiry;
            answer.expiry.settle(now, self.window);
            let Answer { expiry, response, .. } = answer;
            let settled = (expiry != before).then(|| answer::encode(hash, expiry, &response)).flatten();
            ((!expiry.is_over(now)).then_some(response), settled)
        };
        update(store, &self.place(hash)?, look).ok().flatten()
    }

    /// The answer to a duplicate of the message with this hash: that of the first where it is done and its answer was
    /// kept, else an empty one.
    pub fn duplicate(&self, hash: u64, is_in_flight: bool, store: &impl SharedStore, now: Timestamp) -> Response {
        let kept = if is_in_flight { None } else { self.answer_of(hash, store, now) };
        let mut response =
            kept.unwrap_or_else(|| Response { status: self.status, headers: Headers::new(), body: Vec::new() });
        response.headers.push(DUPLICATE, if is_in_flight { "in_flight" } else { "done" });
        response
    }

    /// Changes the record of the message with this hash. `None` where others change it all the time.
    fn change<T>(
        &self,
        hash: u64,
        store: &impl SharedStore,
        now: Timestamp,
        mut transition: impl FnMut(&mut Seen) -> T,
    ) -> Option<T> {
        let record = hash.checked_rem(self.records).unwrap_or_default();
        let changed = update(store, &format!("{LAYOUT}/seen/{}/{record}", self.name), |bytes| {
            let before = Seen::decode(bytes);
            let mut seen = before;
            seen.settle(now, self.window);
            let outcome = transition(&mut seen);
            (outcome, (seen != before).then(|| seen.encode()))
        });
        changed.ok()
    }

    /// Where the answer to the message with this hash lies, if answers are kept.
    fn place(&self, hash: u64) -> Option<String> {
        let place = hash.checked_rem(self.places)?;
        Some(format!("{LAYOUT}/answer/{}/{place}", self.name))
    }
}
