//! What holds for any sets, clears and clocks.

use std::time::Duration;

use helius_agent::overrides::{NotCleared, Store};
use helius_policy::overrides::{Change, Forced, LONGEST, MOST, Override};
use helius_policy::time::Timestamp;
use proptest::prelude::*;

const START: u64 = 1_700_000_000_000;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn switched(change: Change, until: u64) -> Override {
    let (reason, author) = ("garbage since the rollout".to_owned(), "ana".to_owned());
    Override { change, service: Some("router".to_owned()), route: None, until: at(until), reason, author }
}

fn changes() -> impl Strategy<Value = Change> {
    let region = || prop_oneof![Just("east".to_owned()), Just("west".to_owned())];
    let state = prop_oneof![Just(Forced::Open), Just(Forced::Closed), Just(Forced::Off)];
    prop_oneof![
        Just(Change::Static),
        Just(Change::Shadow),
        (prop::option::of(region()), state).prop_map(|(region, state)| Change::Breaker { region, state }),
        (0.001..=1.0).prop_map(|scale| Change::RateLimit { scale }),
        region().prop_map(|region| Change::Isolate { region }),
        region().prop_map(|region| Change::Drain { region }),
    ]
}

#[derive(Clone, Debug)]
enum Event {
    /// One that lasts so many seconds.
    Set(Change, u64),
    /// The one at this place.
    Clear(usize),
    ClearAll,
    /// The clock goes on, or steps back, by so many seconds.
    Step(i64),
    Tick,
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (changes(), 1_u64..90_000).prop_map(|(change, seconds)| Event::Set(change, seconds)),
        2 => any::<usize>().prop_map(Event::Clear),
        1 => Just(Event::ClearAll),
        2 => (-100_000_i64..100_000).prop_map(Event::Step),
        2 => (0_i64..60).prop_map(Event::Step),
        2 => Just(Event::Tick),
    ]
}

proptest! {
    #[test]
    fn never_too_many_nothing_after_its_end_and_another_name_for_another_text(
        events in prop::collection::vec(events(), 1..200),
    ) {
        let (mut store, mut millis) = (Store::default(), START);
        let mut last = store.document(at(millis));
        for event in events {
            match event {
                Event::Set(change, seconds) => {
                    let held = store.entries().count();
                    let set = store.set(switched(change, millis + seconds * 1000), at(millis));
                    prop_assert_eq!(set.is_ok(), held < MOST);
                }
                Event::Clear(place) => {
                    let ids: Vec<String> = store.entries().map(|entry| entry.id.clone()).collect();
                    if let Some(id) = ids.get(place % ids.len().max(1)) {
                        prop_assert!(store.clear(id).is_ok());
                        prop_assert_eq!(store.clear(id), Err(NotCleared::Unknown(id.clone())));
                    }
                }
                Event::ClearAll => {
                    store.clear_all();
                    prop_assert_eq!(store.entries().count(), 0);
                }
                Event::Step(seconds) => millis = millis.saturating_add_signed(seconds * 1000),
                Event::Tick => {
                    store.tick(at(millis));
                    prop_assert!(store.entries().all(|entry| !entry.switched.is_over(at(millis))));
                    prop_assert!(store.entries().all(|entry| entry.switched.until.since(at(millis)) <= LONGEST));
                    let document = store.document(at(millis));
                    // The filter takes it whole, and in it everything that is held.
                    let read = Override::parse(&document.text, at(millis)).unwrap();
                    let held: Vec<Override> = store.entries().map(|entry| entry.switched.clone()).collect();
                    prop_assert_eq!(read, held);
                }
            }
            prop_assert!(store.entries().count() <= MOST);
            let document = store.document(at(millis));
            prop_assert_eq!(document.etag == last.etag, document.text == last.text);
            let now = at(millis);
            let later = at(millis + 30 * 24 * 3_600_000);
            let empty = store.document(later).text;
            prop_assert_eq!(&empty[..], b"{\"overrides\":[]}");
            // What a clock that stepped back has made too long, the filter would refuse: that is what a tick is for.
            store.tick(now);
            for it in Override::parse(&store.document(now).text, now).unwrap() {
                prop_assert!(!it.is_over(now));
            }
            last = store.document(now);
        }
    }
}

#[test]
fn the_number_of_one_that_was_cleared_is_not_given_again() {
    let mut store = Store::default();
    let mut set = || store.set(switched(Change::Static, START + 1000), at(START)).unwrap().id;
    assert_eq!([set(), set()], ["o-1", "o-2"]);
    store.clear("o-2").unwrap();
    assert_eq!(store.set(switched(Change::Static, START + 1000), at(START)).unwrap().id, "o-3");
}

#[test]
fn one_is_there_until_just_before_its_end() {
    let mut store = Store::default();
    store.set(switched(Change::Static, START + 1000), at(START)).unwrap();
    let length = |store: &Store, millis| Override::parse(&store.document(at(millis)).text, at(millis)).unwrap().len();
    assert_eq!(length(&store, START + 999), 1);
    assert_eq!(length(&store, START + 1000), 0);
    assert_eq!(store.tick(at(START + 999)), []);
    assert_eq!(store.tick(at(START + 1000)).len(), 1);
    assert_eq!(store.tick(at(START + 1000)), [], "an end is told once");
}

#[test]
fn more_than_there_may_be_are_refused_with_the_remedy() {
    let mut store = Store::default();
    for _ in 0..MOST {
        store.set(switched(Change::Static, START + 1000), at(START)).unwrap();
    }
    let full = store.set(switched(Change::Static, START + 1000), at(START)).unwrap_err();
    let told = "there are 64 overrides, and 1 more would be more than 64; clear those that are no longer needed";
    assert_eq!(full.to_string(), told);
    // Those that have ended take no place.
    store.tick(at(START + 1000));
    assert!(store.set(switched(Change::Static, START + 2000), at(START + 1000)).is_ok());
}

#[test]
fn a_clock_that_steps_back_an_hour_lengthens_nothing() {
    let mut store = Store::default();
    let day = 24 * 3_600_000;
    store.set(switched(Change::Static, START + day), at(START)).unwrap();
    let earlier = at(START - 3_600_000);
    assert!(Override::parse(&store.document(earlier).text, earlier).is_err(), "the filter would refuse it");
    assert_eq!(store.tick(earlier).len(), 1);
    let read = Override::parse(&store.document(earlier).text, earlier).unwrap();
    assert_eq!(read[0].until.since(earlier), LONGEST);
    assert_eq!(store.tick(earlier), [], "that is told once");
    assert_eq!(store.tick(earlier.after(Duration::from_secs(60))), []);
}
