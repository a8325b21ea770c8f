//! The real module in the simulated mesh.

mod cost;
mod memory;
mod promises;
mod seeds;
