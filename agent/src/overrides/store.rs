//! All overrides at a moment.
//!
//! Pure: time is an argument. What happens comes back to whoever asked, who tells it.

use helius_policy::overrides::{LONGEST, MOST, Override};
use helius_policy::time::Timestamp;

use super::audit::Action;
use super::document::Document;
use super::entry::{Entry, Source, number_in_file};

/// The overrides.
#[derive(Clone, Debug)]
pub struct Store {
    /// In the order of the file.
    file: Vec<Entry>,
    /// The oldest first.
    api: Vec<Entry>,
    /// The number of the next one that is set through the API.
    next: u64,
}

/// There are as many as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {held} overrides, and {more} more would be more than {MOST}; clear those that are no longer needed")]
pub struct Full {
    /// Those that there are.
    pub held: usize,
    /// Those that were to be added.
    pub more: usize,
}

/// Why nothing was cleared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCleared {
    /// There is none.
    #[error("there is no override {0:?}; it may have ended")]
    Unknown(String),
    /// It stands in the file.
    #[error("{0:?} stands in the file of overrides; remove it there")]
    OfFile(String),
}

/// What another text of the file has changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Replaced {
    pub(super) set: Vec<Entry>,
    pub(super) cleared: Vec<Entry>,
}

impl Default for Store {
    fn default() -> Self {
        Self { file: Vec::new(), api: Vec::new(), next: 1 }
    }
}

impl Store {
    /// One with what the API was told before. `next` is the number of the next one.
    pub(super) fn restored(mut api: Vec<Entry>, next: u64) -> Self {
        api.truncate(MOST);
        Self { file: Vec::new(), api, next: next.max(1) }
    }

    /// The number of the next one that is set through the API.
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// Those of the file, then those of the API: the order in which the filter applies them.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.file.iter().chain(&self.api)
    }

    /// Those of one source.
    pub fn of(&self, source: Source) -> &[Entry] {
        match source {
            Source::Api => &self.api,
            Source::File => &self.file,
        }
    }

    /// Whether there is room for `more`.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub fn has_room(&self, more: usize) -> Result<(), Full> {
        let held = self.file.len() + self.api.len();
        if held + more > MOST { Err(Full { held, more }) } else { Ok(()) }
    }

    /// Adds one that the API was told.
    ///
    /// # Errors
    ///
    /// Where there is no room.
    pub fn set(&mut self, switched: Override, now: Timestamp) -> Result<Entry, Full> {
        self.has_room(1)?;
        let id = format!("o-{}", self.next);
        self.next = self.next.saturating_add(1);
        let entry = Entry { id, switched: shortened(switched, now), created: now, source: Source::Api };
        self.api.push(entry.clone());
        Ok(entry)
    }

    /// Removes one that the API was told.
    ///
    /// # Errors
    ///
    /// Where there is none, or it stands in the file.
    pub fn clear(&mut self, id: &str) -> Result<Entry, NotCleared> {
        if self.file.iter().any(|entry| entry.id == id) {
            return Err(NotCleared::OfFile(id.to_owned()));
        }
        match self.api.iter().position(|entry| entry.id == id) {
            Some(place) => Ok(self.api.remove(place)),
            None => Err(NotCleared::Unknown(id.to_owned())),
        }
    }

    /// Removes all that the API was told.
    pub fn clear_all(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.api)
    }

    /// Takes those of another text of the file instead of those of the one before. Those that have ended are left out.
    ///
    /// # Errors
    ///
    /// Where there are too many. Then nothing changes.
    pub(super) fn replace_file(&mut self, switched: Vec<Override>, now: Timestamp) -> Result<Replaced, Full> {
        let mut file: Vec<Entry> = Vec::new();
        for switched in switched.into_iter().filter(|it| !it.is_over(now)) {
            let id = number_in_file(&switched);
            // One that stands there twice is one.
            if !file.iter().any(|entry| entry.id == id) {
                let known = self.file.iter().find(|entry| entry.id == id);
                let created = known.map_or(now, |entry| entry.created);
                file.push(Entry { id, switched: shortened(switched, now), created, source: Source::File });
            }
        }
        if file.len() + self.api.len() > MOST {
            return Err(Full { held: self.api.len(), more: file.len() });
        }
        let is_in = |entry: &Entry, list: &[Entry]| list.iter().any(|it| it.id == entry.id);
        let set = file.iter().filter(|entry| !is_in(entry, &self.file)).cloned().collect();
        let before = std::mem::replace(&mut self.file, file);
        let cleared = before.into_iter().filter(|entry| !is_in(entry, &self.file)).collect();
        Ok(Replaced { set, cleared })
    }

    /// Removes what has ended, and shortens what a clock that stepped back has made longer than any may be.
    pub fn tick(&mut self, now: Timestamp) -> Vec<(Action, Entry)> {
        let mut events = Vec::new();
        for list in [&mut self.file, &mut self.api] {
            events.extend(list.extract_if(.., |entry| entry.switched.is_over(now)).map(|it| (Action::Ended, it)));
            for entry in list.iter_mut().filter(|entry| is_too_long(&entry.switched, now)) {
                entry.switched.until = now.after(LONGEST);
                events.push((Action::Shortened, entry.clone()));
            }
        }
        events
    }

    /// What the filter is told `now`.
    pub fn document(&self, now: Timestamp) -> Document {
        Document::of(self.entries().filter(|entry| !entry.switched.is_over(now)))
    }
}

fn is_too_long(switched: &Override, now: Timestamp) -> bool {
    switched.until.since(now) > LONGEST
}

/// The filter's rules leave room for another clock than its own; here there is but one.
fn shortened(mut switched: Override, now: Timestamp) -> Override {
    if is_too_long(&switched, now) {
        switched.until = now.after(LONGEST);
    }
    switched
}
