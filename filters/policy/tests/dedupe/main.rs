//! De-duplication, as every worker of a sidecar sees it.

mod answers;
mod any_bytes;
mod claims;
mod clock;
mod memory;
mod message;
mod table;
mod workers;
