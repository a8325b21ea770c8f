//! The primary's answer, copied as it passes by: for the duplicates of its request, and for when no region answers.

use crate::budget::Share;
use crate::http::{Headers, Response};

/// What has come of an answer that is worth keeping, if it is.
#[derive(Debug)]
pub(super) struct AnswerCopy {
    /// Memory for it, until it turns out not to be kept.
    share: Option<Share>,
    response: Option<Response>,
    /// Bytes of its headers and its body.
    length: usize,
    /// The length over which it is of no use.
    most: usize,
}

impl AnswerCopy {
    /// Nothing yet.
    pub(super) const fn new(share: Share) -> Self {
        Self { share: Some(share), response: None, length: 0, most: 0 }
    }

    /// Whether an answer is passing by that may be kept.
    pub(super) const fn is_growing(&self) -> bool {
        self.response.is_some()
    }

    /// An answer begins that is of use up to a length of `most` bytes, headers and all.
    pub(super) fn begin(&mut self, status: u16, headers: Headers, most: usize) {
        self.most = most;
        let in_headers = headers.iter().map(|(name, value)| name.len().saturating_add(value.len()));
        let length = in_headers.fold(0, usize::saturating_add);
        if headers.length().is_none_or(|announced| announced <= most) {
            self.response = Some(Response { status, headers, body: Vec::new() });
            self.grow(length);
        }
    }

    /// It goes on with `size` bytes, which should be those of the chunk.
    pub(super) fn extend(&mut self, chunk: &[u8], size: usize) {
        if chunk.len() != size {
            return self.give_up();
        }
        self.grow(size);
        if let Some(response) = &mut self.response {
            response.body.extend_from_slice(chunk);
        }
    }

    fn grow(&mut self, by: usize) {
        self.length = self.length.saturating_add(by);
        let has_room = self.share.as_mut().is_some_and(|share| share.grow_to(self.length));
        if self.length > self.most || !has_room {
            self.give_up();
        }
    }

    /// It is not to be kept.
    pub(super) fn give_up(&mut self) {
        (self.share, self.response) = (None, None);
    }

    /// What was kept of it.
    pub(super) fn take(&mut self) -> Option<Response> {
        self.share = None;
        self.response.take()
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::budget::Budget;

    const MOST: usize = 16 << 10;

    fn copy(limit: usize) -> (AnswerCopy, Rc<Budget>) {
        let budget = Rc::new(Budget::new(limit));
        let mut copy = AnswerCopy::new(Share::of(budget.clone()));
        copy.begin(200, Headers::from_iter([("x-a", "1")]), MOST);
        (copy, budget)
    }

    #[test]
    fn an_answer_is_kept_up_to_the_longest_that_is_of_use() {
        let (mut copy, budget) = copy(usize::MAX);
        copy.extend(&[b'x'; MOST - 4], MOST - 4);
        assert!(copy.is_growing());
        assert_eq!(budget.used(), MOST);
        assert_eq!(copy.take().unwrap().body.len(), MOST - 4);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn one_byte_more_and_it_takes_nothing() {
        let (mut copy, budget) = copy(usize::MAX);
        copy.extend(&[b'x'; MOST - 3], MOST - 3);
        assert!(!copy.is_growing() && copy.take().is_none());
        assert_eq!(budget.used(), 0);
        copy.extend(b"more", 4);
        assert_eq!(copy.take(), None);
    }

    #[test]
    fn one_that_announces_to_be_too_long_is_not_begun() {
        for (length, is_begun) in [(MOST, true), (MOST + 1, false)] {
            let mut copy = AnswerCopy::new(Share::of(Rc::new(Budget::new(usize::MAX))));
            copy.begin(200, Headers::from_iter([("content-length", length.to_string().as_str())]), MOST);
            assert_eq!(copy.is_growing(), is_begun);
        }
    }

    #[test]
    fn without_memory_or_with_a_piece_that_is_missing_nothing_is_kept() {
        let (mut copy, _) = copy(6);
        copy.extend(b"123", 3);
        assert_eq!(copy.take(), None);
        let (mut copy, _) = self::copy(usize::MAX);
        copy.extend(b"", 3);
        assert_eq!(copy.take(), None);
    }
}
