//! What the regions do, second by second.

use std::time::{Duration, Instant};

use helius_e2e::{Arrival, Mood};

/// Longer than an attempt may take.
pub(crate) const SLOW: Mood = Mood::ServeAfter(Duration::from_millis(400));

/// Of the load of both regions the secondary can carry this much in a second.
const CAPACITY: usize = 600;

/// Decisions that nobody can use, each in its own way.
const CORRUPTED: [&str; 6] = [
    r#"{"action":7,"confidence":0.93}"#,
    r#"{"confidence":0.93}"#,
    r#"{"action":"route_to_expert","confidence":NaN}"#,
    r#"{"action":"route_to_expert","confid"#,
    r#"{"action":"route_to_expert","confidence":0.93,"confidence":0.1}"#,
    r#"{"action":"route_to_expert","confidence":0.02}"#,
];

/// Every other decision at first, and then all of them.
pub(crate) fn corrupted() -> impl FnMut(&[Arrival], Instant) -> Mood {
    let mut asked = 0;
    move |_, _| {
        asked += 1;
        if asked < 200 && asked % 2 == 0 { Mood::Serve } else { Mood::Say(CORRUPTED[asked % CORRUPTED.len()]) }
    }
}

/// Fails whatever comes beyond what it can carry.
pub(crate) fn overloaded() -> impl FnMut(&[Arrival], Instant) -> Mood {
    const LOOK_BACK: Duration = Duration::from_millis(100);
    move |arrivals, now| {
        let recent = arrivals.iter().rev().take_while(|arrival| now - arrival.at < LOOK_BACK);
        let served = recent.filter(|arrival| arrival.mood == Mood::Serve).count();
        if served < CAPACITY / 10 { Mood::Serve } else { Mood::Fail }
    }
}
