//! The bytes of a breaker, as they lie in Envoy's shared data.
//!
//! | bytes | what |
//! |---|---|
//! | 0 | version of this layout |
//! | 1 | state, as the gauge has it |
//! | 2 | openings without evidence of success between them |
//! | 3..7 | generation |
//! | 7..11 | the ticket of the newest probe |
//! | 11..23 | when the next last resort is due |
//! | 23.. | what the state needs, then zeros |
//!
//! All numbers are little-endian. A moment is milliseconds since the epoch (8 bytes), a deadline a moment and its span
//! in milliseconds (4 bytes). No checksum: Envoy sets a value as a whole, and every value of every field is survived.

use super::deadline::Deadline;
use super::probes::Probes;
use super::ramp::Ramping;
use super::slots::Slots;
use super::tally::Tally;
use super::transition::State;
use super::{Breaker, Phase};

/// The size of every record, in bytes: it crosses the host's boundary with every request.
pub const RECORD_LEN: usize = 228;

/// Raised with every change of the layout: a filter of another version then begins with a fresh breaker, and does not
/// misread this one.
const VERSION: u8 = 1;

impl Breaker {
    /// The record's bytes.
    pub fn encode(&self) -> [u8; RECORD_LEN] {
        let mut to = Writer { bytes: [0; RECORD_LEN], at: 0 };
        to.put([VERSION, self.state().code(), self.attempt]);
        to.put(self.generation.to_le_bytes());
        to.put(self.last_ticket.to_le_bytes());
        self.last_resort.write(&mut to);
        match &self.phase {
            Phase::Closed { ramp, tally } => {
                to.put([u8::from(ramp.is_some())]);
                ramp.unwrap_or_default().write(&mut to);
                tally.write(&mut to);
            }
            Phase::Open { until, slots } => {
                until.write(&mut to);
                slots.write(&mut to);
            }
            Phase::HalfOpen(probes) => probes.write(&mut to),
        }
        to.bytes
    }

    /// The breaker that `bytes` are the record of. Anything else, also nothing at all, is a fresh one: closed, because
    /// a record that is lost must not take a region away.
    pub fn decode(bytes: &[u8]) -> Self {
        if bytes.len() == RECORD_LEN { Self::read(&mut Reader(bytes)).unwrap_or_default() } else { Self::default() }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        if from.u8()? != VERSION {
            return None;
        }
        let state = from.u8()?;
        let (attempt, generation, last_ticket) = (from.u8()?, from.u32()?, from.u32()?);
        let last_resort = Deadline::read(from)?;
        let phase = if state == State::Closed.code() {
            let has_ramp = from.u8()? != 0;
            let ramp = Some(Ramping::read(from)?).filter(|_| has_ramp);
            Phase::Closed { ramp, tally: Tally::read(from)? }
        } else if state == State::Open.code() {
            Phase::Open { until: Deadline::read(from)?, slots: Slots::read(from)? }
        } else if state == State::HalfOpen.code() {
            Phase::HalfOpen(Probes::read(from)?)
        } else {
            return None;
        };
        Some(Self { generation, attempt, last_ticket, last_resort, phase })
    }
}

/// Writes a record from its beginning.
pub(super) struct Writer {
    bytes: [u8; RECORD_LEN],
    at: usize,
}

impl Writer {
    /// Writes the next bytes. What does not fit is lost; that everything fits is tested.
    pub(super) fn put<const N: usize>(&mut self, value: [u8; N]) {
        let end = self.at.saturating_add(N);
        if let Some(place) = self.bytes.get_mut(self.at..end) {
            place.copy_from_slice(&value);
        }
        self.at = end;
    }
}

/// Reads a record from its beginning.
pub(super) struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take().map(u8::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (value, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*value)
    }
}
