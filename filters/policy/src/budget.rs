//! How much memory the copies of requests may take together.
//!
//! Each copy is bounded by its route, but not their number: whoever can open enough connections to a slow region could
//! fill the memory of a VM, and a VM without memory traps. So the copies of a worker share one budget, and a request
//! that finds it spent is not kept.

use std::cell::Cell;
use std::rc::Rc;

/// The budget of one worker.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: Cell<usize>,
}

impl Budget {
    /// A budget of `limit` bytes.
    pub const fn new(limit: usize) -> Self {
        Self { limit, used: Cell::new(0) }
    }

    /// Bytes that are taken now.
    pub const fn used(&self) -> usize {
        self.used.get()
    }
}

/// What one request has taken of a budget, and gives back when it is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Rc<Budget>,
    bytes: usize,
}

impl Share {
    /// Nothing yet.
    pub const fn of(budget: Rc<Budget>) -> Self {
        Self { budget, bytes: 0 }
    }

    /// Takes as much as is needed to have `bytes`. Says no, and takes nothing, where the budget does not allow it.
    pub fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let used = self.budget.used.get().saturating_add(more);
        let is_allowed = used <= self.budget.limit;
        if is_allowed {
            self.budget.used.set(used);
            self.bytes = self.bytes.saturating_add(more);
        }
        is_allowed
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.set(self.budget.used.get().saturating_sub(self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_the_limit_and_are_given_back() {
        let budget = Rc::new(Budget::new(10));
        let mut one = Share::of(budget.clone());
        let mut other = Share::of(budget.clone());
        assert!(one.grow_to(4) && one.grow_to(6) && one.grow_to(5), "it never shrinks, and never takes twice");
        assert!(!other.grow_to(5));
        assert!(other.grow_to(4));
        assert_eq!(budget.used(), 10);
        drop(one);
        assert_eq!(budget.used(), 4);
        assert!(other.grow_to(10));
        assert!(!other.grow_to(usize::MAX));
        drop(other);
        assert_eq!(budget.used(), 0);
    }
}
