//! What the threads and the successors of a filter know of its configuration, in Envoy's shared data.
//!
//! A configuration push may come with a new VM, and a VM that died is replaced by an empty one: the last good document
//! outlives both here. And since every thread reads the same document, the first one that refuses it says so in the
//! log, and the others only see that it has been said.

use crate::host;

/// Version of the layout below, part of every key: another layout takes another number.
const LAYOUT: &str = "helius/1";

/// The shared data of one filter, told apart from others in the same VM by its name.
#[derive(Debug)]
pub(crate) struct ConfigStore {
    scope: String,
    last_good: String,
    refused: String,
}

/// A document that was refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Whose gauge says so.
    pub(crate) service: String,
    /// Tells one document from another.
    pub(crate) fingerprint: u64,
}

impl ConfigStore {
    /// The store of the filter that is being configured.
    pub(crate) fn of_this_filter() -> Self {
        let name = String::from_utf8_lossy(&host::property(&["plugin_name"])).into_owned();
        let root_id = String::from_utf8_lossy(&host::property(&["plugin_root_id"])).into_owned();
        let scope = format!("{name}/{root_id}");
        let key = |what| format!("{LAYOUT}/{what}/{scope}");
        Self { last_good: key("last_good"), refused: key("refused"), scope }
    }

    /// What tells this filter from others that share data with it.
    pub(crate) fn scope(&self) -> &str {
        &self.scope
    }

    /// The last document that was good; empty where there was none.
    pub(crate) fn last_good(&self) -> Vec<u8> {
        host::shared(&self.last_good)
    }

    /// Remembers a good document.
    pub(crate) fn keep(&self, document: &[u8]) {
        if host::shared(&self.last_good) != document {
            host::share(&self.last_good, document);
        }
    }

    /// What was refused last, if nothing good has come since.
    pub(crate) fn refused(&self) -> Option<Refused> {
        let record = host::shared(&self.refused);
        let (fingerprint, service) = record.split_first_chunk()?;
        Some(Refused {
            service: String::from_utf8_lossy(service).into_owned(),
            fingerprint: u64::from_le_bytes(*fingerprint),
        })
    }

    /// Remembers what was refused, or that the refused document has been replaced by a good one.
    pub(crate) fn set_refused(&self, refused: Option<&Refused>) {
        let record = refused.map(|it| [&it.fingerprint.to_le_bytes(), it.service.as_bytes()].concat());
        host::share(&self.refused, &record.unwrap_or_default());
    }
}

/// FNV-1a, 64 bit (RFC draft-eastlake-fnv): enough to tell a document from the one before it.
pub(crate) fn fingerprint(document: &[u8]) -> u64 {
    document.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
