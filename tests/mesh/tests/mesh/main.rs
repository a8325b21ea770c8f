//! The real module in the simulated mesh.

mod breakers;
mod budget;
mod deaths;
mod judged;
mod memory;
mod outages;
mod overrides;
mod policies;
mod promises;
mod seeds;
mod watching;
