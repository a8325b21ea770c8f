//! The real module in the simulated mesh.

mod budget;
mod deaths;
mod memory;
mod promises;
mod seeds;
