//! The overrides of a running agent: the store, with its file, its memory, its audit, and those who wait for a change.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use helius_policy::config::ConfigError;
use helius_policy::overrides::Override;
use helius_policy::time::Timestamp;
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::audit::{Action, Audit, Line, Who};
use super::document::Document;
use super::entry::{Entry, Source};
use super::state::StateDir;
use super::store::{Full, NotCleared, Store};
use super::watched_file::{Seen, WatchedFile};

/// A file that was refused is judged again after so long: its end may have come within a day, or room may be there now.
const JUDGED_AGAIN: Duration = Duration::from_secs(5);

/// Most lines about one text of the file.
const MOST_TOLD: usize = 100;

/// The overrides of a running agent.
#[derive(Debug)]
pub struct Switchboard {
    inside: Mutex<Inside>,
    document: watch::Sender<Document>,
}

#[derive(Debug)]
struct Inside {
    store: Store,
    state: Option<StateDir>,
    audit: Audit,
    file: Option<WatchedFile>,
    refused: Option<Refused>,
    /// Whether the store is another one than when it was last told.
    is_changed: bool,
}

/// A text of the file that is not in force.
#[derive(Debug)]
struct Refused {
    /// All that is wrong with it.
    why: String,
    again: Timestamp,
}

/// An override that has been set.
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    /// What has been set.
    pub entry: Entry,
    /// What whoever set it should know.
    pub warnings: Vec<String>,
}

impl Switchboard {
    /// One with what was kept in the state directory, where there is one, and with what stands in the file, where one is
    /// watched.
    pub fn new(state: Option<StateDir>, file: Option<PathBuf>, now: Timestamp) -> Self {
        let store = state.as_ref().map(StateDir::restore).unwrap_or_default();
        let audit = Audit::new(state.as_ref().map(StateDir::audit));
        let document = watch::Sender::new(store.document(now));
        let file = file.map(WatchedFile::new);
        let this = Self {
            inside: Mutex::new(Inside { store, state, audit, file, refused: None, is_changed: true }),
            document,
        };
        this.tick(now);
        this
    }

    /// What the filter is told, and how to wait for another.
    pub fn document(&self) -> watch::Receiver<Document> {
        self.document.subscribe()
    }

    /// All that there are.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().store.entries().cloned().collect()
    }

    /// How many there are of a source.
    pub fn held(&self, source: Source) -> usize {
        self.lock().store.of(source).len()
    }

    /// What is wrong with the text of the file, where it is not in force.
    pub fn refused(&self) -> Option<String> {
        self.lock().refused.as_ref().map(|it| it.why.clone())
    }

    /// How often each thing has happened.
    pub fn counts(&self) -> Vec<(Action, u64)> {
        self.lock().audit.counts().collect()
    }

    /// Whether one more has room.
    ///
    /// # Errors
    ///
    /// Where it has none.
    pub fn has_room(&self) -> Result<(), Full> {
        self.lock().store.has_room(1)
    }

    /// Sets an override.
    ///
    /// # Errors
    ///
    /// Where there is no room.
    pub fn set(&self, switched: Override, who: &Who, now: Timestamp) -> Result<Set, Full> {
        let mut inside = self.lock();
        // What has ended takes no place.
        inside.end(now);
        let set = inside.store.set(switched, now);
        let set = set.map(|entry| {
            inside.is_changed = true;
            inside.audit.tell(&Line::of(Action::Set, entry.clone()).by(who), now);
            Set { entry, warnings: inside.keep().into_iter().collect() }
        });
        self.publish(&mut inside, now);
        set
    }

    /// Clears one that the API was told.
    ///
    /// # Errors
    ///
    /// Where there is none, or it stands in the file.
    pub fn clear(&self, id: &str, who: &Who, now: Timestamp) -> Result<Entry, NotCleared> {
        let mut inside = self.lock();
        inside.end(now);
        let cleared = inside.store.clear(id);
        if let Ok(entry) = &cleared {
            inside.is_changed = true;
            inside.audit.tell(&Line::of(Action::Cleared, entry.clone()).by(who), now);
            inside.keep();
        }
        self.publish(&mut inside, now);
        cleared
    }

    /// Clears all that the API was told.
    pub fn clear_all(&self, who: &Who, now: Timestamp) -> Vec<Entry> {
        let mut inside = self.lock();
        inside.end(now);
        let cleared = inside.store.clear_all();
        for entry in &cleared {
            inside.audit.tell(&Line::of(Action::Cleared, entry.clone()).by(who), now);
        }
        if !cleared.is_empty() {
            inside.is_changed = true;
            inside.keep();
        }
        self.publish(&mut inside, now);
        cleared
    }

    /// Ends what has ended, and looks at the file. To be called a few times a second.
    pub fn tick(&self, now: Timestamp) {
        let mut inside = self.lock();
        inside.end(now);
        inside.look(now);
        self.publish(&mut inside, now);
    }

    fn publish(&self, inside: &mut Inside, now: Timestamp) {
        if !std::mem::take(&mut inside.is_changed) {
            return;
        }
        let document = inside.store.document(now);
        self.document.send_if_modified(|told| {
            let is_other = *told != document;
            if is_other {
                *told = document;
            }
            is_other
        });
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        // Whatever went wrong with one change, the store is whole after each of its steps.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn end(&mut self, now: Timestamp) {
        let events = self.store.tick(now);
        self.is_changed |= !events.is_empty();
        let is_kept = events.iter().any(|(_, entry)| entry.source == Source::Api);
        for (action, entry) in events {
            self.audit.tell(&Line::of(action, entry), now);
        }
        if is_kept {
            self.keep();
        }
    }

    /// Writes what is to outlive the process, and says what to tell whoever changed it where that fails.
    fn keep(&self) -> Option<String> {
        let why = self.state.as_ref()?.keep(&self.store).err()?;
        error!(error = %why, "the overrides cannot be written to the state directory");
        Some(format!("it ends with a restart of the agent, because the state directory cannot be written: {why}"))
    }

    fn look(&mut self, now: Timestamp) {
        let Some(file) = &mut self.file else { return };
        if self.refused.as_ref().is_some_and(|it| it.again <= now || it.again.since(now) > JUDGED_AGAIN) {
            file.forget();
        }
        let (path, seen) = (file.path().display().to_string(), file.look());
        match seen {
            Seen::Same => {}
            Seen::Absent => {
                info!(file = path, "there is no file of overrides, so there are none from it");
                self.take(Vec::new(), &path, now);
            }
            Seen::Text(text) => match parse(&text, &path, now) {
                Ok(overrides) => self.take(overrides, &path, now),
                Err(problems) => self.refuse(&problems, &path, now),
            },
            Seen::Unreadable(why) => self.refuse(&[format!("{path}: cannot be read: {why}")], &path, now),
        }
    }

    fn take(&mut self, overrides: Vec<Override>, path: &str, now: Timestamp) {
        let replaced = match self.store.replace_file(overrides, now) {
            Ok(replaced) => {
                self.is_changed = true;
                replaced
            }
            Err(full) => return self.refuse(&[format!("{path}: {full}")], path, now),
        };
        if self.refused.take().is_some() {
            info!(file = path, "the file of overrides is good again");
        }
        let (set, cleared) = (replaced.set.len(), replaced.cleared.len());
        if set + cleared > 0 {
            let detail = format!("{path}: {set} set, {cleared} cleared");
            self.audit.tell(&Line::of_file(Action::FileChanged, detail), now);
        }
        for entry in replaced.set {
            self.audit.tell(&Line::of(Action::Set, entry), now);
        }
        for entry in replaced.cleared {
            self.audit.tell(&Line::of(Action::Cleared, entry), now);
        }
    }

    fn refuse(&mut self, problems: &[String], path: &str, now: Timestamp) {
        let why = problems.join("\n");
        let is_news = self.refused.as_ref().is_none_or(|it| it.why != why);
        self.refused = Some(Refused { why, again: now.after(JUDGED_AGAIN) });
        if is_news {
            for problem in problems.iter().take(MOST_TOLD) {
                warn!(problem, "the file of overrides is refused; what it said before stays until it ends");
            }
            let detail = format!("{path}: {} wrong, first of all: {}", problems.len(), first(problems));
            self.audit.tell(&Line::of_file(Action::FileRefused, detail), now);
        }
    }
}

fn first(problems: &[String]) -> &str {
    problems.first().map_or("", String::as_str)
}

/// Reads the text of the file. What is wrong with it comes a line each, with its place.
fn parse(text: &[u8], path: &str, now: Timestamp) -> Result<Vec<Override>, Vec<String>> {
    let read = match Override::parse(text, now) {
        // A file of nothing but comments says nothing.
        Err(ConfigError::Empty) => Ok(Vec::new()),
        read => read,
    };
    read.map_err(|error| match error {
        ConfigError::Invalid(problems) => {
            let place = |line: Option<usize>| line.map_or_else(|| path.to_owned(), |line| format!("{path}:{line}"));
            let told = problems.iter().map(|problem| {
                let place = place(problem.line);
                let mut problem = problem.clone();
                problem.line = None;
                format!("{place}: {problem}")
            });
            told.collect()
        }
        ConfigError::Syntax { line, .. } => vec![format!("{path}:{line}: {error}")],
        error => vec![format!("{path}: {error}")],
    })
}
