//! An override with its number, its source and its beginning.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use helius_policy::overrides::{Change, Forced, Override};
use helius_policy::time::Timestamp;
use serde_json::{Map, Value};

/// An override that the agent holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it is called where it is listed and cleared.
    pub id: String,
    /// What it switches.
    pub switched: Override,
    /// When the agent first saw it.
    pub created: Timestamp,
    /// Where it comes from.
    pub source: Source,
}

/// Where an override comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Somebody set it through the API.
    Api,
    /// It stands in the file.
    File,
}

impl Source {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Api, Self::File];

    /// The word for it in metrics, logs and lists.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::File => "file",
        }
    }
}

impl Entry {
    /// The override with what the agent knows of it.
    pub fn written(&self) -> Map<String, Value> {
        let mut map = written(&self.switched);
        map.insert("id".to_owned(), self.id.clone().into());
        map.insert("created".to_owned(), moment(self.created).into());
        map.insert("source".to_owned(), self.source.word().into());
        map
    }
}

/// An override as a document has it: with the keys that the filter reads, and no others.
pub fn written(switched: &Override) -> Map<String, Value> {
    let Override { change, service, route, until, reason, author } = switched;
    let mut map = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            map.insert(key.to_owned(), value);
        }
    };
    put("override", Some(word(change).into()));
    put("service", service.clone().map(Value::from));
    put("route", route.clone().map(Value::from));
    put("region", change.region().map(Value::from));
    match change {
        Change::Breaker { state, .. } => put("state", state_word(*state).map(Value::from)),
        Change::RateLimit { scale } => put("scale", Some((*scale).into())),
        Change::Static | Change::Isolate { .. } | Change::Drain { .. } | Change::Shadow => {}
    }
    put("until", Some(moment(*until).into()));
    put("reason", Some(reason.clone().into()));
    put("author", Some(author.clone().into()));
    map
}

/// The word for a change in a document.
pub(super) const fn word(change: &Change) -> &'static str {
    match change {
        Change::Static => "static",
        Change::Breaker { .. } => "breaker",
        Change::RateLimit { .. } => "rate_limit",
        Change::Isolate { .. } => "isolate",
        Change::Drain { .. } => "drain",
        Change::Shadow => "shadow",
    }
}

fn state_word(state: Forced) -> Option<&'static str> {
    Forced::ALL.into_iter().find(|(_, it)| *it == state).map(|(word, _)| word)
}

/// The number of an override in a file. It follows from what stands there, so it is the same as long as that is.
pub(super) fn number_in_file(switched: &Override) -> String {
    format!("f-{:012x}", digest(Value::from(written(switched)).to_string().as_bytes()) >> 16)
}

/// Tells one text from another. Nobody gains anything by two that come to the same.
pub(super) fn digest(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// A moment as RFC 3339 writes it in UTC.
pub fn moment(at: Timestamp) -> String {
    humantime::format_rfc3339(UNIX_EPOCH + Duration::from_nanos(at.nanos())).to_string()
}

/// The moment that it is, to the millisecond: nobody reads further digits.
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

/// Reads what [`moment`] writes.
pub(super) fn parse_moment(text: &str) -> Option<Timestamp> {
    let moment = humantime::parse_rfc3339(text).ok()?;
    moment.duration_since(UNIX_EPOCH).ok().map(Timestamp::from_epoch)
}
