//! Good answers that outlive Envoy: one worker hands them to the agent, and asks for them when Envoy is new.
//!
//! Nothing of it lies on the way of a request. The worker looks through the records a few at a time, hands on those that
//! have changed since it last looked (so an answer that changes with every request is a sample), and keeps one question
//! under way at a time.
//!
//! Where a key has a request's body, it holds a hash of it, salted with a number that the next Envoy does not know. So the
//! number goes to the agent as well, and a new Envoy adopts it.

use std::time::Duration;

use super::LastGood;
use crate::config::Config;
use crate::http::Headers;
use crate::salt::Salt;
use crate::shared::{LAYOUT, SharedStore};
use crate::time::Timestamp;

/// Records that are looked at at once: ten times a second that is every default route's within half a second.
const LOOKED_AT: usize = 32;

/// Least time between two looks where the first one found nothing. Under load ticks come every few milliseconds, and each
/// look copies records; it is less than a calm tick, of which one may come a little early.
const LOOK_EVERY: Duration = Duration::from_millis(80);

/// Least time between two records that are handed on: what is kept is a sample, and a disk is not a cache.
const HANDED_EVERY: Duration = Duration::from_secs(1);

/// How long an agent has for a question: it reads or writes one file.
const TIMEOUT: Duration = Duration::from_secs(2);

/// How long it is left alone where it cannot help, or does not want to.
const LEFT_ALONE: Duration = Duration::from_secs(30);

/// The header in which the salt goes to the agent and comes back, in hexadecimal.
pub const SALT: &str = "x-helius-salt";

/// Answers that are asked for at the most, over all routes.
const MOST: usize = 4_096;

/// A question to the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Of the request, with pseudo-headers.
    pub headers: Headers,
    /// A record, where one is handed on.
    pub body: Vec<u8>,
    /// When Envoy gives it up.
    pub timeout: Duration,
}

/// What one worker has told the agent, and asks of it.
#[derive(Debug)]
pub struct Archive {
    /// Where it is noted that this Envoy has got what the agent had.
    flag: String,
    service: String,
    /// One for each route whose answers are kept.
    shelves: Vec<Shelf>,
    phase: Phase,
    /// Envoy's number for the question under way, and what it is about.
    asked: Option<(Option<u32>, About)>,
    not_before: Timestamp,
}

/// The answers of one route.
#[derive(Debug)]
struct Shelf {
    name: String,
    last_good: LastGood,
    /// For each place the version of the record that was handed on last.
    versions: Vec<Option<u32>>,
    /// Where the next look begins.
    next: usize,
}

/// What there is to do.
#[derive(Debug)]
enum Phase {
    /// To ask what there is of this shelf and those after it.
    List(usize),
    /// To ask for these answers of a shelf, the last one first.
    Fetch(usize, Vec<String>),
    /// To look whether something has changed on this shelf, and then on the next one.
    Hand(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    List(usize),
    Fetch(usize),
    Hand(usize, usize),
}

impl Archive {
    /// The archive of the filter that `scope` tells from others; `None` where it keeps nothing.
    pub fn new(config: &Config, scope: &str) -> Option<Self> {
        let shelves = config.routes().iter().filter_map(|route| {
            let last_good = route.last_good()?.clone();
            let places = usize::try_from(last_good.places()).ok()?;
            Some(Shelf { name: route.name().to_owned(), last_good, versions: vec![None; places], next: 0 })
        });
        let shelves: Vec<Shelf> = shelves.collect();
        (!shelves.is_empty()).then(|| Self {
            flag: format!("{LAYOUT}/archive_read/{scope}"),
            service: config.service().to_owned(),
            shelves,
            phase: Phase::List(0),
            asked: None,
            not_before: Timestamp::default(),
        })
    }

    /// What to ask `now`, if anything; `bodies` is the salt that bodies in keys are hashed with.
    pub fn next(&mut self, bodies: u64, store: &impl SharedStore, now: Timestamp) -> Option<Question> {
        let wait = self.not_before.since(now);
        // A longer one was set before the clock stepped back.
        if self.asked.is_some() || (!wait.is_zero() && wait <= LEFT_ALONE) {
            return None;
        }
        if matches!(self.phase, Phase::List(0)) && store.read(&self.flag).is_some() {
            self.phase = Phase::Hand(0);
        }
        if let Phase::List(index) | Phase::Fetch(index, _) = &self.phase
            && *index >= self.shelves.len()
        {
            store.put(&self.flag, &[1]);
            self.phase = Phase::Hand(0);
        }
        let (about, method, rest, body) = match &mut self.phase {
            Phase::List(index) => (About::List(*index), "GET", String::new(), Vec::new()),
            Phase::Fetch(index, ids) => {
                let Some(id) = ids.pop() else {
                    self.phase = Phase::List(index.saturating_add(1));
                    return self.next(bodies, store, now);
                };
                (About::Fetch(*index), "GET", format!("/{id}"), Vec::new())
            }
            Phase::Hand(at) => {
                let index = *at;
                // The next shelf's turn, whatever there is: one that changes all the time must not keep the others away.
                *at = index.saturating_add(1).checked_rem(self.shelves.len()).unwrap_or_default();
                let Some((place, record)) = self.shelves.get_mut(index)?.look(store) else {
                    self.not_before = now.after(LOOK_EVERY);
                    return None;
                };
                (About::Hand(index, place), "PUT", String::new(), record)
            }
        };
        let (About::List(index) | About::Fetch(index) | About::Hand(index, _)) = about;
        let route = self.shelves.get(index).map_or("", |it| it.name.as_str());
        let path = format!("/v1/last-good/{}/{route}{rest}", self.service);
        let fields = [(":method", method), (":path", &path), (":authority", "helius-agent"), (":scheme", "http")];
        self.asked = Some((None, about));
        let mut headers: Headers = fields.into_iter().collect();
        if matches!(about, About::Hand(..)) {
            headers.push(SALT, format!("{bodies:016x}"));
        }
        Some(Question { headers, body, timeout: TIMEOUT })
    }

    /// The question has been asked; `token` is Envoy's number for it, none where Envoy refused.
    pub fn asked(&mut self, token: Option<u32>, now: Timestamp) {
        match (token, self.asked) {
            (Some(_), Some((_, about))) => self.asked = Some((token, about)),
            _ => self.fail(now),
        }
    }

    /// Whether Envoy's number is that of the question under way.
    pub fn is_asked(&self, token: u32) -> bool {
        self.asked.is_some_and(|(it, _)| it == Some(token))
    }

    /// The question under way has come to something; without headers nobody has answered. `bodies` is the salt that bodies in
    /// keys are hashed with, and may become the one that an earlier Envoy had; `salt` is that of the places.
    pub fn answered(
        &mut self,
        headers: &Headers,
        body: &[u8],
        bodies: &mut u64,
        salt: u64,
        store: &impl SharedStore,
        now: Timestamp,
    ) {
        let Some((_, about)) = self.asked else { return };
        let is_good = headers.status().is_some_and(|status| (200..300).contains(&status));
        let is_refused = headers.status().is_some_and(|status| (400..500).contains(&status));
        match about {
            // It is this one that is gone, or that the agent does not want.
            About::Fetch(_) | About::Hand(..) if is_refused => self.asked = None,
            _ if !is_good => self.fail(now),
            About::List(index) => {
                if let Some(kept_under) = headers.first(SALT).and_then(hexadecimal).filter(|it| it != bodies) {
                    *bodies = kept_under;
                    Salt::Bodies.adopt(kept_under, store);
                }
                let text = String::from_utf8_lossy(body);
                let ids = text.lines().filter(|id| is_id(id)).take(MOST).map(str::to_owned).collect();
                (self.asked, self.phase) = (None, Phase::Fetch(index, ids));
            }
            About::Fetch(index) => {
                self.asked = None;
                if let Some(shelf) = self.shelves.get(index) {
                    shelf.last_good.put_back(body, salt, store, now);
                }
            }
            About::Hand(..) => {
                self.asked = None;
                self.not_before = now.after(HANDED_EVERY);
            }
        }
    }

    /// The agent cannot help now, or does not want to.
    fn fail(&mut self, now: Timestamp) {
        if let Some((_, About::Hand(index, place))) = self.asked.take()
            && let Some(version) = self.shelves.get_mut(index).and_then(|it| it.versions.get_mut(place))
        {
            *version = None;
        }
        if !matches!(self.phase, Phase::Hand(_)) {
            self.phase = Phase::List(0);
        }
        self.not_before = now.after(LEFT_ALONE);
    }
}

impl Shelf {
    /// The next record that has changed, with its place, among the next few.
    fn look(&mut self, store: &impl SharedStore) -> Option<(usize, Vec<u8>)> {
        for _ in 0..LOOKED_AT.min(self.versions.len()) {
            let place = self.next;
            self.next = place.saturating_add(1).checked_rem(self.versions.len()).unwrap_or_default();
            let (stored, known) = (self.last_good.record_at(place, store), self.versions.get_mut(place)?);
            let Some(stored) = stored.filter(|it| !it.record.is_empty() && *known != Some(it.version)) else {
                continue;
            };
            *known = Some(stored.version);
            return Some((place, stored.record));
        }
        None
    }
}

fn hexadecimal(value: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(value).ok()?, 16).ok()
}

/// Whether the agent may have called an answer so: it becomes part of a path.
fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
