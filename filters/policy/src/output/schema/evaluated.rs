//! Which items or members of a value have been looked at, for `unevaluatedItems` and `unevaluatedProperties`.

/// A mark for each item or member.
#[derive(Debug)]
pub(super) struct Evaluated(Vec<bool>);

impl Evaluated {
    /// Nothing of `count` has been looked at.
    pub(super) fn none_of(count: usize) -> Self {
        Self(vec![false; count])
    }

    pub(super) fn mark(&mut self, index: usize) {
        if let Some(mark) = self.0.get_mut(index) {
            *mark = true;
        }
    }

    pub(super) fn has(&self, index: usize) -> bool {
        self.0.get(index).copied().unwrap_or(false)
    }

    /// What another schema for the same value has looked at counts too.
    pub(super) fn add(&mut self, other: &Self) {
        for (mark, other) in self.0.iter_mut().zip(&other.0) {
            *mark |= *other;
        }
    }
}
