//! Small files: read no further than a bound, and replaced whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Reads a file of at most so many bytes, which are whole KiB.
///
/// # Errors
///
/// Where it cannot be read, is longer, or is no file: a pipe would be waited for.
pub fn read(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut content = Vec::new();
    File::open(path)?.take(most as u64 + 1).read_to_end(&mut content)?;
    if content.len() > most {
        return Err(io::Error::other(format!("it is longer than {} KiB", most >> 10)));
    }
    Ok(content)
}

/// The same, and `None` where there is none.
///
/// # Errors
///
/// As [`read`].
pub fn read_if_there(path: &Path, most: usize) -> io::Result<Option<Vec<u8>>> {
    match read(path, most) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// Puts a file in its place, so that a reader, or a machine that dies, sees the old one or the new one. It is written beside
/// its place first, under its name and `.new`.
///
/// # Errors
///
/// Where it cannot be written. What was there before is there then.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut file = File::create(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    // The name is in the directory, and the directory is a file of its own.
    let directory = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_its_place_is_read_and_no_more_is_read_than_may_be() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        assert_eq!(read_if_there(&path, 1 << 10).unwrap(), None);
        for content in [vec![b'x'; 1024], vec![b'y']] {
            replace(&path, &content).unwrap();
            assert_eq!(read_if_there(&path, 1 << 10).unwrap(), Some(content));
        }
        replace(&path, &[b'x'; 1025]).unwrap();
        assert_eq!(read(&path, 1 << 10).unwrap_err().to_string(), "it is longer than 1 KiB");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
        assert_eq!(read(directory.path(), 1 << 10).unwrap_err().to_string(), "it is no file");
    }

    #[test]
    fn what_cannot_be_written_leaves_the_old_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        replace(&path, b"old").unwrap();
        fs::create_dir(directory.path().join("state.json.new")).unwrap();
        replace(&path, b"new").unwrap_err();
        assert_eq!(read(&path, 1 << 10).unwrap(), b"old");
    }
}
