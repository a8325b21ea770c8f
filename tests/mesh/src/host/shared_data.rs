//! What all VMs share.

use std::collections::BTreeMap;

use super::abi::{Outcome, Status};

/// Envoy's shared data of one `vm_id`.
#[derive(Debug, Default)]
pub(crate) struct SharedData {
    entries: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    last_cas: u32,
}

impl SharedData {
    /// The value under `key` and the number with which it may be changed.
    pub(crate) fn get(&self, key: &[u8]) -> Option<(&[u8], u32)> {
        self.entries.get(key).map(|(value, cas)| (value.as_slice(), *cas))
    }

    /// How many keys there are, and how many bytes are in them and under them.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.entries.len(), self.entries.iter().map(|(key, (value, _))| key.len() + value.len()).sum())
    }

    /// Sets `key`. A `cas` of 0 sets it in any case, and so does every `cas` where the key is missing: Envoy lets two
    /// who both found nothing both succeed.
    pub(crate) fn set(&mut self, key: &[u8], value: &[u8], cas: u32) -> Outcome {
        if let Some((_, current)) = self.entries.get(key)
            && cas != 0
            && cas != *current
        {
            return Err(Status::CasMismatch);
        }
        self.last_cas = self.last_cas.wrapping_add(1).max(1);
        self.entries.insert(key.to_vec(), (value.to_vec(), self.last_cas));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::SharedData;

    #[test]
    fn a_change_needs_the_number_of_what_it_changes() {
        let mut data = SharedData::default();
        assert!(data.get(b"k").is_none());
        data.set(b"k", b"one", 77).unwrap();
        let (_, cas) = data.get(b"k").unwrap();
        data.set(b"k", b"two", cas).unwrap();
        assert!(data.set(b"k", b"three", cas).is_err());
        assert_eq!(data.get(b"k").unwrap().0, b"two");
        data.set(b"k", b"four", 0).unwrap();
        assert_eq!(data.get(b"k").unwrap().0, b"four");
    }

    #[test]
    fn the_number_is_never_zero() {
        let mut data = SharedData { last_cas: u32::MAX, ..SharedData::default() };
        data.set(b"k", b"v", 0).unwrap();
        assert_eq!(data.get(b"k").unwrap().1, 1);
    }
}
