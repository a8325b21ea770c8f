//! Sorting in few bytes of module and n log n steps.
//!
//! Heapsort, because each use of the standard library's sorts costs the module some 8 KB, and because its worst case is
//! as fast as any: who sends an answer cannot choose an order that takes long.

use std::cmp::Ordering;

pub(super) fn sort<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    // The rule for short objects whose writer sorts them.
    if items.is_sorted_by(|a, b| compare(a, b).is_le()) {
        return;
    }
    for root in (0..items.len().wrapping_shr(1)).rev() {
        sift(items, root, &compare);
    }
    for end in (1..items.len()).rev() {
        items.swap(0, end);
        if let Some(heap) = items.get_mut(..end) {
            sift(heap, 0, &compare);
        }
    }
}

/// Moves the item at `root` down until none below it is larger.
#[inline(never)]
fn sift<T>(heap: &mut [T], mut root: usize, compare: &impl Fn(&T, &T) -> Ordering) {
    let is_less =
        |heap: &[T], a: usize, b: usize| heap.get(a).zip(heap.get(b)).is_some_and(|(a, b)| compare(a, b).is_lt());
    loop {
        let left = root.saturating_mul(2).saturating_add(1);
        let right = left.saturating_add(1);
        let largest = if is_less(heap, left, right) { right } else { left };
        if !is_less(heap, root, largest) {
            return;
        }
        heap.swap(root, largest);
        root = largest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_sorted_is_in_order(items: Vec<u8>) {
            let (mut ours, mut theirs) = (items.clone(), items);
            sort(&mut ours, u8::cmp);
            theirs.sort_unstable();
            prop_assert_eq!(ours, theirs);
        }
    }
}
