//! State that all worker threads share: records under bounded keys, changed by compare-and-set.
//!
//! Each worker has a VM of its own and none can wait for another. So a change is a pure transition from the record as
//! it was to the record as it shall be, and is made anew where somebody else was faster.

/// Version of the layouts of all records, part of every key: another layout takes another number.
pub const LAYOUT: &str = "helius/1";

/// How often a transition is tried before it is given up.
///
/// Two workers that do nothing but change one record collide once in 3 000 times; ten collisions in a row mean that
/// something else is wrong.
const TRIES: usize = 10;

/// Where the records lie: Envoy's shared data.
pub trait SharedStore {
    /// The record under `key`, if there is one.
    fn read(&self, key: &str) -> Option<Stored>;

    /// Puts a record in the place of the one that was read with `version`, or where none was there. Says no where
    /// somebody else has been faster.
    fn write(&self, key: &str, record: &[u8], version: Option<u32>) -> bool;

    /// Puts a record in the place of whatever is there. For records of which the newest is the right one, whoever wrote
    /// the one before: it costs no reading.
    fn put(&self, key: &str, record: &[u8]);
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its bytes, which may be of any length and content: whoever wrote them may have been another version.
    pub record: Vec<u8>,
    /// Tells it from those before and after it.
    pub version: u32,
}

/// A record could not be changed, because others changed it again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contended;

/// Changes the record under `key` and returns what the transition says of it.
///
/// `transition` is given the record, empty where there is none, and returns the new one; `None` leaves it as it is.
pub fn update<T>(
    store: &impl SharedStore,
    key: &str,
    mut transition: impl FnMut(&[u8]) -> (T, Option<Vec<u8>>),
) -> Result<T, Contended> {
    for _ in 0..TRIES {
        let stored = store.read(key);
        let (outcome, record) = transition(stored.as_ref().map_or(&[], |it| it.record.as_slice()));
        let Some(record) = record else { return Ok(outcome) };
        if store.write(key, &record, stored.map(|it| it.version)) {
            return Ok(outcome);
        }
    }
    Err(Contended)
}

/// Takes the first `N` bytes of a record, if there are as many.
pub(crate) fn take<const N: usize>(record: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = record.split_first_chunk()?;
    *record = rest;
    Some(*first)
}
