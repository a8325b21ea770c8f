//! The file of overrides, as Kubernetes mounts and replaces it.
//!
//! A `ConfigMap` is a directory of symbolic links through `..data`, which is swapped for another as a whole. What counts
//! is the text, so it is read each time: that takes microseconds, sees a swap, a copy and an edit alike, and is not
//! deceived by times that are rounded.

use std::path::{Path, PathBuf};

use super::entry::digest;
use crate::small_file;

/// Longest file, in bytes. The most overrides there may be have a tenth of it.
pub const MAX_FILE: usize = 256 * 1024;

/// A file that is looked at again and again.
#[derive(Debug)]
pub struct WatchedFile {
    path: PathBuf,
    /// What was seen last, at first nothing.
    last: Option<Trace>,
}

/// What is left of what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trace {
    Absent,
    Text(u64),
    Unreadable(String),
}

/// What there is to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// What there was before.
    Same,
    /// No file.
    Absent,
    /// Another text.
    Text(Vec<u8>),
    /// A file that cannot be read, and why.
    Unreadable(String),
}

impl WatchedFile {
    /// Watches the file at this path, whether or not it is there.
    pub fn new(path: PathBuf) -> Self {
        Self { path, last: None }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks.
    pub fn look(&mut self) -> Seen {
        let seen = match small_file::read_if_there(&self.path, MAX_FILE) {
            Ok(Some(text)) => Seen::Text(text),
            Ok(None) => Seen::Absent,
            Err(error) => Seen::Unreadable(error.to_string()),
        };
        let trace = match &seen {
            Seen::Text(text) => Trace::Text(digest(text)),
            Seen::Unreadable(why) => Trace::Unreadable(why.clone()),
            Seen::Absent | Seen::Same => Trace::Absent,
        };
        let is_same = self.last.as_ref() == Some(&trace);
        self.last = Some(trace);
        if is_same { Seen::Same } else { seen }
    }

    /// Forgets what was seen, so that the next look sees it again.
    pub fn forget(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A `ConfigMap` as the kubelet mounts it.
    struct Mounted(tempfile::TempDir);

    impl Mounted {
        fn new() -> Self {
            let this = Self(tempfile::tempdir().unwrap());
            symlink("..data/overrides.yaml", this.path()).unwrap();
            this
        }

        fn path(&self) -> PathBuf {
            self.0.path().join("overrides.yaml")
        }

        fn write(&self, version: &str, text: &str) {
            let directory = self.0.path().join(format!("..{version}"));
            fs::create_dir(&directory).unwrap();
            fs::write(directory.join("overrides.yaml"), text).unwrap();
            symlink(format!("..{version}"), self.0.path().join("..data_tmp")).unwrap();
            fs::rename(self.0.path().join("..data_tmp"), self.0.path().join("..data")).unwrap();
        }
    }

    fn text(text: &str) -> Seen {
        Seen::Text(text.as_bytes().to_vec())
    }

    #[test]
    fn a_swap_of_the_directory_is_another_text() {
        let mounted = Mounted::new();
        let mut file = WatchedFile::new(mounted.path());
        assert_eq!(file.look(), Seen::Absent);
        assert_eq!(file.look(), Seen::Same);
        mounted.write("1", "a");
        assert_eq!(file.look(), text("a"));
        assert_eq!(file.look(), Seen::Same);
        mounted.write("2", "b");
        assert_eq!(file.look(), text("b"));
        mounted.write("3", "b");
        assert_eq!(file.look(), Seen::Same, "a swap for the same");
        fs::remove_file(mounted.0.path().join("..data")).unwrap();
        assert_eq!(file.look(), Seen::Absent);
    }

    #[test]
    fn an_edit_of_the_same_length_within_the_same_moment_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let mut file = WatchedFile::new(path.clone());
        for round in 0..100 {
            let it = format!("{round:03}");
            fs::write(&path, &it).unwrap();
            assert_eq!(file.look(), text(&it));
        }
    }

    #[test]
    fn what_is_no_file_or_too_long_cannot_be_read_and_that_is_told_once() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = WatchedFile::new(directory.path().to_owned());
        assert_eq!(file.look(), Seen::Unreadable("it is no file".to_owned()));
        assert_eq!(file.look(), Seen::Same);
        let path = directory.path().join("a");
        fs::write(&path, "x".repeat(MAX_FILE + 1)).unwrap();
        let mut file = WatchedFile::new(path.clone());
        assert_eq!(file.look(), Seen::Unreadable("it is longer than 256 KiB".to_owned()));
        fs::write(&path, "x".repeat(MAX_FILE)).unwrap();
        assert!(matches!(file.look(), Seen::Text(_)));
    }

    #[test]
    fn what_was_forgotten_is_seen_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        fs::write(&path, "a").unwrap();
        let mut file = WatchedFile::new(path);
        assert_eq!(file.look(), text("a"));
        file.forget();
        assert_eq!(file.look(), text("a"));
    }
}
