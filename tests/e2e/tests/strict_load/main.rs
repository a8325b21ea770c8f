//! The stories of `tests/breaker` in which a region dies or comes back under load, once more where the filter calls the
//! primary itself.

#[path = "../breaker/comes_back.rs"]
mod comes_back;
#[path = "../breaker/dies.rs"]
mod dies;
#[path = "../breaker/figures.rs"]
mod figures;
#[path = "../breaker/herd.rs"]
mod herd;
#[path = "../breaker/load.rs"]
mod load;
#[path = "../breaker/overload.rs"]
mod overload;
#[path = "../breaker/sidecar.rs"]
mod sidecar;

/// Whether the filter calls the primary itself.
const STRICT: bool = true;
