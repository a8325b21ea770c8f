//! Which answers of one route there are: what the disk holds, without asking it each time.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use helius_policy::last_good::LastGood;
use helius_policy::time::Timestamp;

use super::LONGEST;

/// The answers of one route, by name: when each was kept, and how long it is in bytes.
#[derive(Debug, Default)]
pub(super) struct Shelf(BTreeMap<String, (Timestamp, u64)>);

impl Shelf {
    /// Reads what is in a directory. What is left of a write that was cut off is removed.
    pub(super) fn read(dir: &Path) -> io::Result<Self> {
        let mut shelf = Self::default();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let (Ok(id), length) = (entry.file_name().into_string(), entry.metadata()?.len()) else { continue };
            if id.starts_with(".tmp") {
                fs::remove_file(entry.path())?;
                continue;
            }
            if length > LONGEST as u64 {
                continue;
            }
            let record = fs::read(entry.path())?;
            let is_answer = LastGood::key_in(&record).is_some_and(|key| super::id(key) == id);
            if let Some(at) = LastGood::kept_at(&record).filter(|_| is_answer) {
                shelf.add(id, at, length);
            }
        }
        Ok(shelf)
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    pub(super) fn add(&mut self, id: String, at: Timestamp, length: u64) {
        self.0.insert(id, (at, length));
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// The one that was kept longest ago, and when.
    pub(super) fn oldest(&self) -> Option<(Timestamp, String)> {
        self.0.iter().map(|(id, (at, _))| (*at, id.clone())).min()
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.values().map(|(_, length)| length).sum()
    }
}
