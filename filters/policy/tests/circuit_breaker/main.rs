//! The circuit breaker as its users see it: admissions, outcomes, transitions and bytes.
//!
//! * [`walk`] goes through all states once.
//! * [`table`] has a row for each state and event; [`thresholds`] and [`deadlines`] look just before, at and just after
//!   every limit; [`modes`] has the modes.
//! * [`any_order`] and [`bytes`] say what holds whatever happens, and whatever lies in the shared data.
//! * [`simulation`] plays minutes of traffic to a region with a limit, and to a dead one.

mod any_order;
mod bytes;
mod deadlines;
mod modes;
mod setup;
mod simulation;
mod table;
mod thresholds;
mod walk;
