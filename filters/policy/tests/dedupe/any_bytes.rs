//! Records of any length and content: whoever wrote them may have been another version.

use helius_policy::dedupe::{Claim, LONGEST};
use helius_policy::http::{Headers, Response};
use helius_policy::time::Timestamp;
use proptest::prelude::*;

use crate::memory::{IN_FLIGHT, LEASE, Memory, START, dedupe, first, is_first};

/// Bytes of a record of the table.
const RECORD_LEN: usize = 196;

/// A record of another length, or of the right one, with places that look like real ones.
fn record() -> impl Strategy<Value = Vec<u8>> {
    let place = (0_u64..4, 0..7_200_000_000_000_u64, any::<u32>(), 0_u32..3).prop_map(|(hash, after, span, claim)| {
        let at = START.nanos() + after;
        [&hash.to_le_bytes()[..], &at.to_le_bytes(), &span.to_le_bytes(), &claim.to_le_bytes()].concat()
    });
    let plausible = (any::<u32>(), prop::collection::vec(place, 8))
        .prop_map(|(last, places)| [last.to_le_bytes().to_vec(), places.concat()].concat());
    prop_oneof![
        2 => plausible,
        1 => prop::collection::vec(any::<u8>(), RECORD_LEN),
        1 => prop::collection::vec(any::<u8>(), 0..400),
    ]
}

/// Puts a record where the table has its only one, and where answers have their only place.
fn memory_with(record: &[u8]) -> Memory {
    let (dedupe, memory) = (dedupe(1).keeping_answers(1), Memory::default());
    let ticket = first(&dedupe, 0, &memory, START);
    let response = Response { status: 200, headers: Headers::new(), body: Vec::new() };
    dedupe.keep_answer(&ticket, &response, &memory, START);
    memory.fill_with(record);
    memory
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_bytes_keep_a_message_away_for_longer_than_an_hour(
        record in record(),
        hash in prop_oneof![0_u64..4, any::<u64>()],
        now in prop_oneof![Just(START), any::<u64>().prop_map(Timestamp::from_nanos)],
    ) {
        let (dedupe, memory) = (dedupe(1), memory_with(&record));
        if let Claim::First(ticket) = dedupe.claim(hash, &memory, now, LEASE) {
            dedupe.finish(ticket, true, &memory.clone(), now);
        }
        prop_assert!(is_first(&dedupe.claim(hash, &memory, now.after(LONGEST), LEASE)));
    }

    #[test]
    fn no_bytes_are_an_answer_that_could_not_have_been_kept(
        hash in any::<u64>(),
        expiry in any::<u64>(),
        head in prop::collection::vec(any::<u8>(), 4..12),
        rest in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let record = [&hash.to_le_bytes()[..], &expiry.to_le_bytes(), &head, &rest].concat();
        let (dedupe, memory) = (dedupe(1).keeping_answers(1), memory_with(&record));
        if let Some(response) = dedupe.answer_of(hash, &memory, START) {
            prop_assert!((200..=599).contains(&response.status), "{response:?}");
        }
        prop_assert_eq!(dedupe.answer_of(hash ^ 1, &memory, START), None);
    }
}

#[test]
fn a_record_of_another_length_is_an_empty_one() {
    for record in [&b""[..], b"x", &[0xff; RECORD_LEN - 1], &[0xff; RECORD_LEN + 1]] {
        let (dedupe, memory) = (dedupe(1), memory_with(record));
        assert!(is_first(&dedupe.claim(u64::MAX, &memory, START, LEASE)), "{record:?}");
    }
}

#[test]
fn the_number_after_the_last_one_is_that_of_a_claim_too() {
    let last = [&u32::MAX.to_le_bytes()[..], &[0; RECORD_LEN - 4]].concat();
    let (dedupe, memory) = (dedupe(1), memory_with(&last));
    let ticket = first(&dedupe, 1, &memory, START);
    assert_eq!(dedupe.claim(1, &memory, START, LEASE), IN_FLIGHT);
    dedupe.finish(ticket, false, &memory, START);
    assert!(is_first(&dedupe.claim(1, &memory, START, LEASE)));
}
