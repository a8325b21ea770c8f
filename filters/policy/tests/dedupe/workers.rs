//! Workers who change one record at the same moment.
//!
//! Whatever one does can come between another's read and write: there is no other moment at which it matters. So a run
//! is a list of events, each of which says whether it comes in between whatever is being written.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use helius_policy::dedupe::{Claim, Dedupe, Ticket};
use helius_policy::shared::{SharedStore, Stored};
use helius_policy::time::Timestamp;
use proptest::prelude::*;

use crate::memory::{DONE, IN_FLIGHT, LEASE, MESSAGE, Memory, START, WINDOW, at, dedupe, first, is_first, just_before};

/// One less than an update is tried, so that nobody gives up.
const MOST_IN_BETWEEN: usize = 9;
/// As many as a record has places.
const MESSAGES: u64 = 8;

#[derive(Clone, Copy, Debug)]
enum Event {
    Claim { message: u64 },
    Finish { message: u64, is_done: bool },
    Pass { millis: u64 },
}

/// What is true of a message, as somebody knows who sees all workers.
enum Truth {
    /// Until its outcome is noted; the ticket is with the worker who does it.
    InFlight {
        ticket: Option<Ticket>,
        until: Timestamp,
    },
    Done {
        until: Timestamp,
    },
}

/// Several workers and one record.
struct Sidecar {
    dedupe: Dedupe,
    memory: Memory,
    now: Cell<Timestamp>,
    /// Each with whether it comes in between.
    events: RefCell<VecDeque<(Event, bool)>>,
    /// How often each of those that are under way has been disturbed, the innermost last.
    disturbed: RefCell<Vec<usize>>,
    truth: RefCell<BTreeMap<u64, Truth>>,
}

impl SharedStore for Sidecar {
    fn read(&self, key: &str) -> Option<Stored> {
        self.memory.read(key)
    }

    fn write(&self, key: &str, record: &[u8], version: Option<u32>) -> bool {
        while let Some(event) = self.in_between() {
            self.play(event);
        }
        self.memory.write(key, record, version)
    }

    fn put(&self, key: &str, record: &[u8]) {
        self.memory.put(key, record);
    }
}

impl Sidecar {
    fn new(events: Vec<(Event, bool)>) -> Self {
        Self {
            dedupe: dedupe(1),
            memory: Memory::default(),
            now: Cell::new(START),
            events: RefCell::new(events.into()),
            disturbed: RefCell::default(),
            truth: RefCell::default(),
        }
    }

    fn run(&self) {
        loop {
            let next = self.events.borrow_mut().pop_front();
            match next {
                Some((Event::Pass { millis }, _)) => self.now.set(self.now.get().after(Duration::from_millis(millis))),
                Some((event, _)) => self.play(event),
                None => return,
            }
        }
    }

    /// The next event, if it comes in between. Time does not: a moment is short.
    fn in_between(&self) -> Option<Event> {
        let mut disturbed = self.disturbed.borrow_mut();
        let count = disturbed.last_mut().filter(|count| **count < MOST_IN_BETWEEN)?;
        let next = self
            .events
            .borrow_mut()
            .pop_front_if(|(event, is_in_between)| *is_in_between && !matches!(event, Event::Pass { .. }));
        *count += usize::from(next.is_some());
        next.map(|(event, _)| event)
    }

    fn play(&self, event: Event) {
        self.disturbed.borrow_mut().push(0);
        match event {
            Event::Claim { message } => self.claim(message),
            Event::Finish { message, is_done } => self.finish(message, is_done),
            Event::Pass { .. } => {}
        }
        self.disturbed.borrow_mut().pop();
    }

    fn claim(&self, message: u64) {
        let now = self.now.get();
        let claim = self.dedupe.claim(message, self, now, LEASE);
        let mut truth = self.truth.borrow_mut();
        let expected = match truth.get(&message) {
            Some(Truth::InFlight { until, .. }) if *until > now => Some(IN_FLIGHT),
            Some(Truth::Done { until }) if *until > now => Some(DONE),
            _ => None,
        };
        match (claim, expected) {
            (Claim::First(ticket), None) => {
                truth.insert(message, Truth::InFlight { ticket: Some(ticket), until: now.after(LEASE) });
            }
            (claim, expected) => assert_eq!(Some(claim), expected, "{message}"),
        }
    }

    fn finish(&self, message: u64, is_done: bool) {
        let now = self.now.get();
        let taken = match self.truth.borrow_mut().get_mut(&message) {
            // A late outcome changes nothing where somebody else was faster: that is a test of its own.
            Some(Truth::InFlight { ticket, until }) if *until > now => ticket.take(),
            _ => None,
        };
        let Some(ticket) = taken else { return };
        self.dedupe.finish(ticket, is_done, self, now);
        let mut truth = self.truth.borrow_mut();
        if is_done {
            truth.insert(message, Truth::Done { until: now.after(WINDOW) });
        } else {
            truth.remove(&message);
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..MESSAGES).prop_map(|message| Event::Claim { message }),
        3 => (0..MESSAGES, any::<bool>()).prop_map(|(message, is_done)| Event::Finish { message, is_done }),
        1 => prop_oneof![1_u64..500, 1_900_u64..2_100, 59_900_u64..60_100].prop_map(|millis| Event::Pass { millis }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn however_workers_disturb_each_other_each_sees_what_is_true(
        events in prop::collection::vec((event(), prop::bool::weighted(0.6)), 0..120),
    ) {
        Sidecar::new(events).run();
    }
}

/// A store whose owner is disturbed once, before the first write, by another worker.
struct Disturbed<'a, F: Fn(&Memory)> {
    memory: &'a Memory,
    by: Cell<Option<F>>,
}

impl<F: Fn(&Memory)> SharedStore for Disturbed<'_, F> {
    fn read(&self, key: &str) -> Option<Stored> {
        self.memory.read(key)
    }

    fn write(&self, key: &str, record: &[u8], version: Option<u32>) -> bool {
        if let Some(by) = self.by.take() {
            by(self.memory);
        }
        self.memory.write(key, record, version)
    }

    fn put(&self, key: &str, record: &[u8]) {
        self.memory.put(key, record);
    }
}

#[test]
fn of_two_who_claim_at_the_same_moment_the_faster_is_first() {
    let (dedupe, memory) = (dedupe(1), Memory::default());
    let faster = |memory: &Memory| drop(first(&dedupe, MESSAGE, memory, START));
    let slower = Disturbed { memory: &memory, by: Cell::new(Some(faster)) };
    assert_eq!(dedupe.claim(MESSAGE, &slower, START, LEASE), IN_FLIGHT);
}

#[test]
fn of_two_who_claim_what_has_lapsed_the_faster_is_first() {
    let (dedupe, memory) = (dedupe(1), Memory::default());
    let _lapsed = first(&dedupe, MESSAGE, &memory, START);
    let faster = |memory: &Memory| drop(first(&dedupe, MESSAGE, memory, at(LEASE)));
    let slower = Disturbed { memory: &memory, by: Cell::new(Some(faster)) };
    assert_eq!(dedupe.claim(MESSAGE, &slower, at(LEASE), LEASE), IN_FLIGHT);
}

#[test]
fn a_late_outcome_that_meets_a_new_claim_changes_nothing() {
    for is_done in [true, false] {
        let (dedupe, memory) = (dedupe(1), Memory::default());
        let late = first(&dedupe, MESSAGE, &memory, START);
        let faster = |memory: &Memory| drop(first(&dedupe, MESSAGE, memory, at(LEASE)));
        let slower = Disturbed { memory: &memory, by: Cell::new(Some(faster)) };
        dedupe.finish(late, is_done, &slower, at(LEASE));
        assert_eq!(dedupe.claim(MESSAGE, &memory, at(LEASE), LEASE), IN_FLIGHT, "is_done: {is_done}");
    }
}

/// Workers read the clock before they read the record, so who comes second may have the earlier time.
#[test]
fn a_worker_who_read_the_clock_earlier_finds_the_message_in_flight() {
    let (dedupe, memory) = (dedupe(1), Memory::default());
    let _ticket = first(&dedupe, MESSAGE, &memory, at(Duration::from_micros(5)));
    assert_eq!(dedupe.claim(MESSAGE, &memory, START, LEASE), IN_FLIGHT);
    let claim = dedupe.claim(MESSAGE, &memory, just_before(at(LEASE)), LEASE);
    assert!(!is_first(&claim), "its lease is shorter by what the clock was earlier, and no more");
}
