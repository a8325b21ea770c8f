//! Much load for little work: a client and a region that speak the least of HTTP/1.1 that Envoy needs, so that the
//! machine's time goes to Envoy, and what is measured is not the harness.

mod answer;
mod closed_loop;
mod lane;
mod lean_region;
mod message;
mod open_loop;

pub use answer::LeanAnswer;
pub use closed_loop::{ClosedLoop, Tally};
pub use lean_region::{Arrival, LeanRegion, Mood};
pub use message::lean_post;
pub use open_loop::{OpenLoop, Sent};
