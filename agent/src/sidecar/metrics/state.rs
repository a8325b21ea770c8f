//! What former processes of Envoy had counted, in a file, so that it survives the agent too.
//!
//! It is written where Envoy was found to have restarted, where the agent begins, and at its end. Of the Envoy that wrote
//! it, all is still true whenever it is read. Of another Envoy only what was written at the end is: otherwise nobody knows
//! what was counted since. Then the counters begin anew, which Prometheus understands; a sum that is too low it would take
//! for a counter that began anew and has counted all of it since.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::books::{Books, Count};
use crate::small_file;

/// The file in the directory of state.
const NAME: &str = "counters.json";
/// Longest file that is read, in bytes: as many series as the books hold.
const MAX_BYTES: usize = 16 << 20;
/// The shape of the file. One of another shape is not read.
const VERSION: u64 = 1;
/// By how much the beginning of an Envoy may be off: its age is given in whole seconds, and clocks are adjusted.
const SLACK: Duration = Duration::from_secs(2);

/// Where the file is.
#[derive(Clone, Debug)]
pub(super) struct StateFile(PathBuf);

/// What was in it.
#[derive(Debug)]
pub(super) struct Kept {
    /// When the Envoy began of which it speaks, since 1970.
    began: Duration,
    /// Whether it was written at the agent's end.
    is_whole: bool,
    counters: Vec<(String, String, Count)>,
}

impl StateFile {
    /// The file in this directory, which is made where it is missing.
    pub(super) fn within(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        Ok(Self(directory.join(NAME)))
    }

    /// Reads it. `None` where there is none.
    pub(super) fn read(&self) -> io::Result<Option<Kept>> {
        let Some(text) = small_file::read_if_there(&self.0, MAX_BYTES)? else { return Ok(None) };
        let value: Value = serde_json::from_slice(&text)?;
        Kept::of(&value).map(Some).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it has another shape"))
    }

    /// Writes it, whole or not at all. `began` is when the present Envoy did.
    pub(super) fn write(&self, books: &Books, began: Duration, is_whole: bool) -> io::Result<()> {
        let counters = books.counters().flat_map(|(name, series)| {
            let counted = series.iter().filter(|(_, count)| count.total() > 0);
            counted.map(move |(labels, count)| json!([name, labels, count.before, count.now]))
        });
        let value = json!({
            "version": VERSION,
            "envoy_began": began.as_secs(),
            "is_whole": is_whole,
            "counters": counters.collect::<Vec<_>>(),
        });
        small_file::replace(&self.0, value.to_string().as_bytes())
    }
}

impl Kept {
    fn of(value: &Value) -> Option<Self> {
        if value["version"].as_u64()? != VERSION {
            return None;
        }
        let counters = value["counters"].as_array()?.iter().map(|counter| {
            let text = |index: usize| counter[index].as_str().map(str::to_owned);
            let count = Count { before: counter[2].as_u64()?, now: counter[3].as_u64()? };
            Some((text(0)?, text(1)?, count))
        });
        Some(Self {
            began: Duration::from_secs(value["envoy_began"].as_u64()?),
            is_whole: value["is_whole"].as_bool()?,
            counters: counters.collect::<Option<_>>()?,
        })
    }

    /// Enters it into the books of an Envoy that began at `began`, and says whether it could be.
    pub(super) fn enter(self, books: &mut Books, began: Duration) -> bool {
        let is_same = self.began.abs_diff(began) <= SLACK;
        if !is_same && !self.is_whole {
            return false;
        }
        for (name, labels, count) in self.counters {
            books.restore(&name, &labels, count);
        }
        if !is_same {
            books.carry();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::stat::Stat;
    use super::*;

    const LINE: &str = "wasmcustom.service=.=s;.;a_total: ";

    fn enter(books: &mut Books, value: u64) {
        books.enter(Stat::read(format!("{LINE}{value}").as_bytes()).unwrap().unwrap());
    }

    /// The sum after 7 were counted by a former Envoy and 9 by one that began at second 100, and the agent was restarted,
    /// and found one that began at `began` and has counted `then`.
    fn sum(is_whole: bool, began: u64, then: u64) -> u64 {
        let directory = tempfile::tempdir().unwrap();
        let file = StateFile::within(&directory.path().join("new/one")).unwrap();
        assert!(file.read().unwrap().is_none());
        let mut books = Books::default();
        enter(&mut books, 7);
        books.carry();
        enter(&mut books, 9);
        file.write(&books, Duration::from_secs(100), is_whole).unwrap();
        let mut books = Books::default();
        file.read().unwrap().unwrap().enter(&mut books, Duration::from_secs(began));
        enter(&mut books, then);
        books.counter("a_total").map(|(_, count)| count.total()).sum()
    }

    #[test]
    fn what_was_counted_before_survives_the_agent() {
        assert_eq!(sum(true, 100, 9), 16);
        assert_eq!(sum(true, 102, 10), 17, "the same Envoy, by a clock that was adjusted");
        assert_eq!(sum(false, 100, 10), 17, "the agent was killed");
        assert_eq!(sum(true, 500, 3), 19, "Envoy was restarted while there was no agent");
        assert_eq!(sum(false, 500, 3), 3, "both were killed: nobody knows what was counted last");
    }

    #[test]
    fn what_is_no_such_file_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let file = StateFile::within(directory.path()).unwrap();
        for text in [
            "",
            "{}",
            "{\"version\": 2}",
            "[1",
            "{\"version\":1,\"envoy_began\":1,\"is_whole\":true,\"counters\":[[1]]}",
        ] {
            fs::write(directory.path().join(NAME), text).unwrap();
            assert!(file.read().is_err(), "{text}");
        }
    }
}
