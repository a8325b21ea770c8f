//! A number that clients do not know, so that nobody can choose keys that share a record.

use std::hash::{DefaultHasher, Hasher};

use crate::shared::{LAYOUT, SharedStore, update};
use crate::time::Timestamp;

/// The salt of this filter, the same for every worker; the first that asks makes it from the time, whose nanoseconds
/// nobody outside knows.
pub fn shared(store: &impl SharedStore, now: Timestamp) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(now.nanos());
    let own = hasher.finish();
    let agreed = update(store, &format!("{LAYOUT}/salt"), |record| match record.try_into().map(u64::from_le_bytes) {
        Ok(salt) => (salt, None),
        Err(_) => (own, Some(own.to_le_bytes().to_vec())),
    });
    // Without one that is agreed on, workers would count apart: better one that clients might know.
    agreed.unwrap_or_default()
}
