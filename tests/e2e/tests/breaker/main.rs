//! The figures of the circuit breaker, on the real Envoy with two workers under a load that is sent when it is due,
//! whatever has become of what was sent before. A program of its own, because it wants the machine for itself while it
//! runs: one story at a time, each in its file.

mod baseline;
mod beside_envoy;
mod comes_back;
mod dies;
mod figures;
mod herd;
mod load;
mod overload;
mod shadow;
mod sidecar;

/// Whether the filter calls the primary itself: it does in `tests/strict_load`.
const STRICT: bool = false;
