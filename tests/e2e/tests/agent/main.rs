//! The agent beside a real Envoy: its numbers are those of the clients, no counter falls when Envoy dies, and
//! what operators switch is in force in every worker.

mod cost;
mod counters;
mod overrides;
