//! The memory that the copies of requests take, reckoned from outside the filter.

use std::collections::BTreeMap;

/// What all copies of one configuration on one worker may take.
pub(crate) const LIMIT: usize = 64 << 20;

/// What a copy takes besides its body, as the filter estimates it.
const OVERHEAD: usize = 2 << 10;

/// A thread and a root context: who shares a budget.
type Owner = (usize, u32);

/// Every copy that is kept now.
#[derive(Debug, Default)]
pub(crate) struct Copies(BTreeMap<Owner, BTreeMap<usize, usize>>);

/// There is no room.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused;

impl Copies {
    /// Keeps so many bytes of an exchange's body, if there is room.
    pub(crate) fn grow(&mut self, owner: Option<Owner>, exchange: usize, body: usize) -> Result<(), Refused> {
        let Some(owner) = owner else { return Ok(()) };
        let kept = self.0.entry(owner).or_default();
        let others: usize = kept.iter().filter(|(it, _)| **it != exchange).map(|(_, bytes)| bytes).sum();
        if others + body + OVERHEAD > LIMIT {
            return Err(Refused);
        }
        kept.insert(exchange, body + OVERHEAD);
        Ok(())
    }

    /// Keeps nothing of an exchange any more.
    pub(crate) fn drop(&mut self, owner: Option<Owner>, exchange: usize) {
        if let Some(kept) = owner.and_then(|owner| self.0.get_mut(&owner)) {
            kept.remove(&exchange);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Copies, LIMIT, OVERHEAD, Refused};

    #[test]
    fn what_is_dropped_makes_room() {
        let mut copies = Copies::default();
        let (one, other) = (Some((0, 2)), Some((1, 2)));
        assert_eq!(copies.grow(one, 0, LIMIT - 2 * OVERHEAD), Ok(()));
        assert_eq!(copies.grow(one, 1, 1), Err(Refused));
        assert_eq!(copies.grow(other, 1, 1), Ok(()), "each worker has room of its own");
        copies.drop(one, 0);
        assert_eq!(copies.grow(one, 1, 1), Ok(()));
    }
}
