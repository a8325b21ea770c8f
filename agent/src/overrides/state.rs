//! What outlives the process: the overrides that the API was told.
//!
//! The file is the document that the filter reads, with each override's number and beginning, and with the number of the
//! next one: an operator who clears `o-3` must not clear what another one has set since under the same number.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use helius_policy::config::{Node, Value};
use tracing::{error, info};

use super::entry::{Entry, Source, moment, parse_moment};
use super::request::one;
use super::store::Store;
use crate::small_file;

/// Longest file that is read, in bytes: that of the most overrides is a tenth of it.
const MAX_BYTES: usize = 512 << 10;

/// A directory that outlives the process.
#[derive(Clone, Debug)]
pub struct StateDir(PathBuf);

impl StateDir {
    /// One at this place, made where it is not there.
    ///
    /// # Errors
    ///
    /// Where it cannot be made.
    pub fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self(path.to_owned()))
    }

    /// Where the lines about changes go.
    pub(super) fn audit(&self) -> PathBuf {
        self.0.join("audit.jsonl")
    }

    fn overrides(&self) -> PathBuf {
        self.0.join("overrides.json")
    }

    /// What was written last. Nothing that stands there ends the process: what cannot be read is set aside.
    pub(super) fn restore(&self) -> Store {
        let path = self.overrides();
        match read(&path) {
            Ok(None) => Store::default(),
            Ok(Some(store)) => {
                info!(file = %path.display(), overrides = store.of(Source::Api).len(), "overrides are restored");
                store
            }
            Err(why) => {
                let aside = path.with_extension("json.unreadable");
                let kept = fs::rename(&path, &aside);
                error!(
                    file = %path.display(), aside = %aside.display(), error = %why, is_kept = kept.is_ok(),
                    "the overrides of before cannot be read and are set aside; set again what is still needed"
                );
                Store::default()
            }
        }
    }

    /// Writes what the API was told: whole, or not at all.
    pub(super) fn keep(&self, store: &Store) -> io::Result<()> {
        let overrides: Vec<serde_json::Value> = store.of(Source::Api).iter().map(|it| it.written().into()).collect();
        let text = serde_json::json!({ "next": store.next(), "overrides": overrides }).to_string();
        small_file::replace(&self.overrides(), text.as_bytes())
    }
}

fn read(path: &Path) -> Result<Option<Store>, String> {
    let text = small_file::read_if_there(path, MAX_BYTES).map_err(|error| error.to_string())?;
    text.map(|text| parse(&text)).transpose()
}

fn parse(text: &[u8]) -> Result<Store, String> {
    let node = Node::read(text).map_err(|error| error.to_string())?;
    let next = node.get("next").and_then(|node| match &node.value {
        Value::Number(number) => number.as_u64(),
        _ => None,
    });
    let (Some(next), Some(Value::List(list))) = (next, node.get("overrides").map(|node| &node.value)) else {
        return Err("it is no map with next and overrides".to_owned());
    };
    let entries: Result<Vec<Entry>, String> = list.iter().map(entry).collect();
    Ok(Store::restored(entries?, next))
}

fn entry(node: &Node) -> Result<Entry, String> {
    let text = |key: &str| {
        let text = node.get(key).and_then(Node::text).filter(|text| !text.is_empty() && text.len() <= 64);
        text.map(str::to_owned).ok_or_else(|| format!("an override has no {key}"))
    };
    let (id, created) = (text("id")?, text("created")?);
    let created = parse_moment(&created).ok_or_else(|| format!("{created:?} is no moment"))?;
    let Value::Map(entries) = &node.value else { return Err("an override is no map".to_owned()) };
    let known = |key: &str| !matches!(key, "id" | "created" | "source");
    let entries: Vec<(String, Node)> = entries.iter().filter(|(key, _)| known(key)).cloned().collect();
    // Judged as of when it was made: the clock may have stepped back since.
    let switched = one(Value::Map(entries), created).map_err(|problems| {
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        format!("{id} (made {}): {}", moment(created), told.join(", "))
    })?;
    Ok(Entry { id, switched, created, source: Source::Api })
}
