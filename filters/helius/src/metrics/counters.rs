//! Counters of one kind, told apart by what they count.

use std::cell::RefCell;

use proxy_wasm::types::MetricType;

use crate::host;

/// Counters whose names share their first labels.
///
/// Those that the document can need are defined with it, so that they stand at 0 before their first event. What only an
/// override makes possible is defined when it first happens: the set stays bounded, because the keys are.
#[derive(Debug)]
pub(super) struct Counters<K> {
    labels: String,
    /// The rest of the name.
    name: fn(K) -> String,
    /// The commonest first.
    ids: RefCell<Vec<(K, u32)>>,
}

impl<K: Copy + PartialEq> Counters<K> {
    /// Defines those for what is `possible`, the commonest first.
    pub(super) fn define(labels: String, name: fn(K) -> String, possible: impl Iterator<Item = K>) -> Self {
        let this = Self { labels, name, ids: RefCell::default() };
        for key in possible {
            this.add(key);
        }
        this
    }

    /// Counts one.
    pub(super) fn count(&self, key: K) {
        if let Some(id) = self.find(key).or_else(|| self.add(key)) {
            host::increment(id, 1);
        }
    }

    fn find(&self, key: K) -> Option<u32> {
        let ids = self.ids.try_borrow().ok()?;
        ids.iter().find(|(it, _)| *it == key).map(|(_, id)| *id)
    }

    fn add(&self, key: K) -> Option<u32> {
        let id = host::define_metric(MetricType::Counter, &format!("{}{}", self.labels, (self.name)(key)))?;
        self.ids.try_borrow_mut().ok()?.push((key, id));
        Some(id)
    }
}
