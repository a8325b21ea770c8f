//! Good answers that outlive Envoy, on disk.
//!
//! The filter hands on what it keeps ([`helius_policy::last_good::Archive`]), a sample once a second, and asks for all of
//! it when Envoy is new. Each answer is one file, `last-good/s-SERVICE/r-ROUTE/ID`, whose content is the filter's record; it
//! is written beside its place and moved there, so that a reader, or a machine that dies, sees the old one or the new one.
//!
//! What is there is bounded in number and in bytes; what was kept longest ago gives way.

mod shelf;

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use helius_policy::last_good::LastGood;
use tempfile::NamedTempFile;
use tracing::warn;

use shelf::Shelf;

/// How much is kept, over all routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Answers at the most.
    pub count: usize,
    /// Bytes that they take at the most.
    pub bytes: u64,
}

impl Default for Bounds {
    /// As many answers as one route may keep in the filter, in 64 MiB.
    fn default() -> Self {
        Self { count: 4_096, bytes: 64 << 20 }
    }
}

/// Longest answer, in bytes: what the filter can keep of one, key and headers included.
pub const LONGEST: usize = (256 + 8) << 10;

/// A service's route, by its names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    service: String,
    route: String,
}

impl Name {
    /// A route, if these can be names: what the filter calls so, which is harmless in a path.
    pub fn new(service: &str, route: &str) -> Option<Self> {
        let is_name = |name: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            (1..=64).contains(&name.len()) && name.bytes().all(fits)
        };
        (is_name(service) && is_name(route)).then(|| Self { service: service.to_owned(), route: route.to_owned() })
    }
}

/// The good answers of all routes.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    bounds: Bounds,
    shelves: BTreeMap<Name, Shelf>,
}

/// An answer cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// It is none.
    #[error("this is no kept answer of the filter")]
    NoAnswer,
    /// The disk says no.
    #[error("cannot be written: {0}")]
    Disk(#[from] io::Error),
}

impl Store {
    /// Opens what is below `state_dir`. A file that is no answer is left where it is, and not given to anybody.
    ///
    /// # Errors
    ///
    /// Where the directory can be neither read nor made.
    pub fn open(state_dir: &Path) -> io::Result<Self> {
        Self::within(state_dir, Bounds::default())
    }

    /// The same with other bounds.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn within(state_dir: &Path, bounds: Bounds) -> io::Result<Self> {
        let dir = state_dir.join("last-good");
        fs::create_dir_all(&dir)?;
        let mut shelves = BTreeMap::new();
        for (service, of_service) in directories(&dir, "s-")? {
            for (route, of_route) in directories(&of_service, "r-")? {
                if let Some(name) = Name::new(&service, &route) {
                    shelves.insert(name, Shelf::read(&of_route)?);
                }
            }
        }
        let mut store = Self { dir, bounds, shelves };
        store.make_room();
        Ok(store)
    }

    /// The names of a route's answers, and the salt that their bodies were hashed with.
    pub fn list(&self, name: &Name) -> (Vec<String>, Option<String>) {
        let ids = self.shelves.get(name).map(Shelf::ids).unwrap_or_default();
        (ids, fs::read_to_string(self.salt_file(name)).ok())
    }

    /// An answer.
    pub fn get(&self, name: &Name, id: &str) -> Option<Vec<u8>> {
        self.shelves.get(name)?.has(id).then_some(())?;
        fs::read(self.dir_of(name).join(id)).ok()
    }

    /// Keeps an answer in the place of an earlier one to the same question.
    ///
    /// # Errors
    ///
    /// Where it is none, or cannot be written.
    pub fn keep(&mut self, name: &Name, record: &[u8], salt: Option<&str>) -> Result<(), KeepError> {
        let (key, at) = LastGood::key_in(record).zip(LastGood::kept_at(record)).ok_or(KeepError::NoAnswer)?;
        if record.len() > LONGEST {
            return Err(KeepError::NoAnswer);
        }
        let dir = self.dir_of(name);
        fs::create_dir_all(&dir)?;
        if let Some(salt) = salt.filter(|salt| u64::from_str_radix(salt, 16).is_ok()) {
            let file = self.salt_file(name);
            if fs::read_to_string(&file).ok().as_deref() != Some(salt) {
                write(&file, salt.as_bytes())?;
            }
        }
        let id = id(key);
        write(&dir.join(&id), record)?;
        self.shelves.entry(name.clone()).or_default().add(id, at, record.len() as u64);
        self.make_room();
        Ok(())
    }

    /// How many there are, and how many bytes they take.
    pub fn size(&self) -> (usize, u64) {
        self.shelves.values().fold((0, 0), |(count, bytes), shelf| (count + shelf.count(), bytes + shelf.bytes()))
    }

    /// Removes what was kept longest ago while there is too much.
    fn make_room(&mut self) {
        loop {
            let (count, bytes) = self.size();
            if count <= self.bounds.count && bytes <= self.bounds.bytes {
                return;
            }
            let oldest = self.shelves.iter().filter_map(|(name, shelf)| Some((shelf.oldest()?, name))).min();
            let Some(((_, id), name)) = oldest else { return };
            let name = name.clone();
            if let Err(why) = fs::remove_file(self.dir_of(&name).join(&id)) {
                warn!(%why, %id, "a kept answer cannot be removed");
            }
            if let Some(shelf) = self.shelves.get_mut(&name) {
                shelf.remove(&id);
            }
        }
    }

    fn dir_of(&self, name: &Name) -> PathBuf {
        self.dir.join(format!("s-{}", name.service)).join(format!("r-{}", name.route))
    }

    fn salt_file(&self, name: &Name) -> PathBuf {
        self.dir.join(format!("s-{}", name.service)).join("salt")
    }
}

/// The name of the answer under this key: a hash, because a key has any bytes and any length.
fn id(key: &[u8]) -> String {
    let hash = |number: u8| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(number);
        hasher.write(key);
        hasher.finish()
    };
    format!("{:016x}{:016x}", hash(1), hash(2))
}

/// Puts a file in its place at once, or not at all.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    let mut file = NamedTempFile::new_in(dir)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// The directories in one whose names begin so, each with the rest of its name.
fn directories(dir: &Path, prefix: &str) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok();
        if let Some(rest) = name.as_deref().and_then(|name| name.strip_prefix(prefix))
            && entry.file_type()?.is_dir()
        {
            found.push((rest.to_owned(), entry.path()));
        }
    }
    Ok(found)
}
