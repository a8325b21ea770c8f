//! A line for each change of what is switched: in the log, and in a file where there is a directory for it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use helius_policy::time::Timestamp;
use serde_json::{Map, Value};
use tracing::{error, info};

use super::entry::{Entry, moment};

/// Longest file of lines, in bytes. Then it is put aside, in the place of the one that was put aside before.
const MAX_FILE: u64 = 1 << 20;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// An override came into force.
    Set,
    /// Somebody took one back before its end.
    Cleared,
    /// One has reached its end.
    Ended,
    /// One would have lasted longer than any may, because the clock stepped back.
    Shortened,
    /// The file has another text.
    FileChanged,
    /// The file has a text that breaks rules.
    FileRefused,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Set, Self::Cleared, Self::Ended, Self::Shortened, Self::FileChanged, Self::FileRefused];

    /// The word for it in metrics and logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Cleared => "cleared",
            Self::Ended => "ended",
            Self::Shortened => "shortened",
            Self::FileChanged => "file_changed",
            Self::FileRefused => "file_refused",
        }
    }
}

/// Who changes something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// Whom they call themselves, where they say so.
    pub name: Option<String>,
    /// Where the request came from.
    pub remote: Option<String>,
}

/// A change.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What happened.
    pub action: Action,
    /// To which override; none where it is about the file.
    pub entry: Option<Entry>,
    /// Who did it, where somebody did.
    pub who: Who,
    /// What else there is to say.
    pub detail: Option<String>,
}

impl Line {
    /// One about an override.
    pub fn of(action: Action, entry: Entry) -> Self {
        Self { action, entry: Some(entry), who: Who::default(), detail: None }
    }

    /// One about the file.
    pub fn of_file(action: Action, detail: String) -> Self {
        Self { action, entry: None, who: Who::default(), detail: Some(detail) }
    }

    /// The same with who did it.
    #[must_use]
    pub fn by(self, who: &Who) -> Self {
        Self { who: who.clone(), ..self }
    }

    fn written(&self, at: Timestamp) -> Map<String, Value> {
        let mut map = self.entry.as_ref().map(Entry::written).unwrap_or_default();
        let mut put = |key: &str, value: Option<&str>| {
            if let Some(value) = value {
                map.insert(key.to_owned(), value.into());
            }
        };
        put("at", Some(&moment(at)));
        put("action", Some(self.action.word()));
        put("by", self.who.name.as_deref());
        put("remote", self.who.remote.as_deref());
        put("detail", self.detail.as_deref());
        map
    }

    /// The log has its own time for each line.
    fn log(&self) {
        let entry = self.entry.as_ref();
        let switched = entry.map(|it| &it.switched);
        info!(
            target: "audit",
            action = self.action.word(),
            id = entry.map(|it| it.id.as_str()),
            source = entry.map(|it| it.source.word()),
            "override" = switched.map(|it| it.change.kind().word()),
            service = switched.and_then(|it| it.service.as_deref()),
            route = switched.and_then(|it| it.route.as_deref()),
            region = switched.and_then(|it| it.change.region()),
            until = switched.map(|it| moment(it.until)),
            reason = switched.map(|it| it.reason.as_str()),
            author = switched.map(|it| it.author.as_str()),
            by = self.who.name.as_deref(),
            remote = self.who.remote.as_deref(),
            detail = self.detail.as_deref(),
            "audit"
        );
    }
}

/// Where the lines go.
#[derive(Debug, Default)]
pub(super) struct Audit {
    /// The file, where there is a directory for it.
    path: Option<PathBuf>,
    counts: [AtomicU64; Action::ALL.len()],
    is_failing: bool,
}

impl Audit {
    /// One that writes into this file too.
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self { path, ..Self::default() }
    }

    /// Tells a change.
    pub(super) fn tell(&mut self, line: &Line, at: Timestamp) {
        line.log();
        if let Some((_, count)) = Action::ALL.iter().zip(&self.counts).find(|(action, _)| **action == line.action) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let Some(path) = &self.path else { return };
        let written = append(path, &Value::from(line.written(at)).to_string());
        if let Err(why) = &written
            && !self.is_failing
        {
            error!(file = %path.display(), error = %why, "the audit file cannot be written; its lines are in the log alone");
        }
        self.is_failing = written.is_err();
    }

    /// How often each thing happened.
    pub(super) fn counts(&self) -> impl Iterator<Item = (Action, u64)> {
        Action::ALL.into_iter().zip(self.counts.iter().map(|count| count.load(Ordering::Relaxed)))
    }
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    let length = fs::metadata(path).map_or(0, |found| found.len());
    if length > 0 && length + line.len() as u64 + 1 > MAX_FILE {
        fs::rename(path, path.with_extension("jsonl.1"))?;
    }
    let mut file: File = OpenOptions::new().create(true).append(true).open(path)?;
    // At once, so that a line is there whole or not at all.
    file.write_all(format!("{line}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_an_end_and_the_newest_lines() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let mut audit = Audit::new(Some(path.clone()));
        let number = |number: u32| Line::of_file(Action::FileChanged, format!("{number:0400}"));
        for line in 0..6_000 {
            audit.tell(&number(line), Timestamp::from_millis(0));
        }
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        let (newest, older) = (read(&path), read(&path.with_extension("jsonl.1")));
        for text in [&newest, &older] {
            assert!(text.len() as u64 <= MAX_FILE, "{}", text.len());
            assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
        }
        assert!(older.len() as u64 > MAX_FILE / 2, "{}", older.len());
        assert!(newest.lines().last().unwrap().contains(&format!("{:0400}", 5_999)));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
        assert_eq!(audit.counts().map(|(_, count)| count).sum::<u64>(), 6_000);
    }
}
