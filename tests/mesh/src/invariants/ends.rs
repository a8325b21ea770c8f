//! How an exchange ends.

use super::{Invariant, ensure};
use crate::record::{End, Record};
use crate::scenario::Scenario;

pub(super) const ENDS: Invariant = Invariant {
    name: "ends",
    sentence: "every request gets an answer, or its client left, or the answer broke off at the region",
    check: ends,
};

fn ends(_: &Scenario, record: &Record) -> Result<(), String> {
    let is_right = match record.end {
        None => false,
        Some(End::Left) => true,
        Some(End::Whole) => record.answer.is_some(),
        Some(End::Truncated) => record.broke_off.is_some() || record.lost_its_vm,
    };
    ensure(is_right, || format!("it ended with {:?}", record.end))
}
