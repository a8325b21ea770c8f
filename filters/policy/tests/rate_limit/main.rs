//! Rate limits, as every worker of a sidecar sees them.

mod memory;
mod quota;
mod workers;
