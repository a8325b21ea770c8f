//! The agent beside a real Envoy: its numbers are those of the clients, and no counter falls when Envoy dies.

mod cost;
mod counters;
mod kept;
mod kinds;
mod overrides;
mod pod;
mod story;
mod taken_back;
