//! A region that cannot take all of its load.

use std::time::{Duration, Instant};

use helius_e2e::Arrival;

/// Over so long a load is looked at: a chance crowd is none.
const SPAN: Duration = Duration::from_millis(200);

/// Whether a region has lately been asked half as often as `rate` a second, or more.
pub(crate) fn has_half_of(rate: u32, arrivals: &[Arrival], now: Instant) -> bool {
    let half = rate / 2 * u32::try_from(SPAN.as_millis()).unwrap() / 1000;
    let since = now.checked_sub(SPAN).unwrap();
    arrivals.iter().rev().take_while(|arrival| arrival.at > since).count() >= half as usize
}
