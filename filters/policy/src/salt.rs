//! Numbers that clients do not know, so that nobody can choose keys that share a record, or a body that has the hash of
//! another one.

use std::hash::{DefaultHasher, Hasher};

use crate::shared::{LAYOUT, SharedStore, update};
use crate::time::Timestamp;

/// What a salt is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Salt {
    /// Where limits, messages and answers lie, and what messages are called: none of that outlives Envoy.
    Places,
    /// What a body is called in the key of a kept answer: one that is put back has the salt of an earlier Envoy.
    Bodies,
}

impl Salt {
    fn key(self) -> String {
        match self {
            Self::Places => format!("{LAYOUT}/salt"),
            Self::Bodies => format!("{LAYOUT}/bodies_salt"),
        }
    }

    /// The salt of this Envoy, the same for every worker; the first that asks makes it from the time, whose nanoseconds
    /// nobody outside knows.
    pub fn agreed(self, store: &impl SharedStore, now: Timestamp) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(now.nanos());
        let own = hasher.finish();
        let agreed = update(store, &self.key(), |record| match record.try_into().map(u64::from_le_bytes) {
            Ok(salt) => (salt, None),
            Err(_) => (own, Some(own.to_le_bytes().to_vec())),
        });
        // Without one that is agreed on, workers would count apart: better one that clients might know.
        agreed.unwrap_or_default()
    }

    /// Makes it another one. What was kept under the one before is not found any more.
    pub(crate) fn adopt(self, salt: u64, store: &impl SharedStore) {
        store.put(&self.key(), &salt.to_le_bytes());
    }
}
