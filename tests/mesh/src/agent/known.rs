//! What each root context has read of the agent's document, and what of it has ended there.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::Entry;
use crate::world::Micros;

/// By thread and root context.
#[derive(Debug, Default)]
pub(crate) struct Roots {
    all: BTreeMap<(usize, u32), Known>,
    /// When what one of them knows changed last, or ended.
    pub(crate) changed: Micros,
}

#[derive(Debug, Default)]
struct Known {
    /// Envoy's number for the version in shared data.
    version: u32,
    entries: Vec<Entry>,
    /// Events whose overrides have been found to be over. Where the clock steps back they stay so.
    over: BTreeSet<usize>,
}

impl Roots {
    /// A root context has read this version. Says what it did not know.
    pub(crate) fn read(
        &mut self,
        root: (usize, u32),
        version: u32,
        entries: &Rc<[Entry]>,
        now: (Micros, Micros),
    ) -> bool {
        let known = self.all.entry(root).or_default();
        if known.version == version {
            return false;
        }
        let (live, over): (Vec<_>, Vec<_>) = entries.iter().cloned().partition(|it| it.until > now.1);
        *known = Known { version, entries: live, over: over.into_iter().map(|it| it.event).collect() };
        self.changed = now.0;
        true
    }

    /// A root context has looked at the time: what has ended is over.
    pub(crate) fn look(&mut self, root: (usize, u32), now: (Micros, Micros)) -> &[Entry] {
        let Some(known) = self.all.get_mut(&root) else { return &[] };
        let ended: Vec<_> = known.entries.iter().filter(|it| it.until <= now.1).map(|it| it.event).collect();
        if !ended.is_empty() {
            known.entries.retain(|it| it.until > now.1);
            known.over.extend(ended);
            self.changed = now.0;
        }
        &known.entries
    }

    /// What a root context knows to be in force, as it was when it last looked at the time.
    pub(crate) fn entries(&self, root: (usize, u32)) -> &[Entry] {
        self.all.get(&root).map_or(&[], |known| &known.entries)
    }

    /// Whether a root context knows these, as far as they have not ended.
    pub(crate) fn knows(&self, root: (usize, u32), entries: &[Entry], wall: Micros) -> bool {
        let none = Known::default();
        let known = self.all.get(&root).unwrap_or(&none);
        let live = entries.iter().filter(|it| it.until > wall && !known.over.contains(&it.event));
        live.eq(known.entries.iter().filter(|it| it.until > wall))
    }
}
