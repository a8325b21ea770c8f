//! Fuzz targets for everything that takes bytes from outside.
//!
//! A target is a function that takes any bytes and panics where a promise is broken. `make fuzz` has libFuzzer look for
//! such bytes by coverage; `tests/corpus.rs` plays those that are committed, with every run of the tests.
//!
//! * [`configuration`]: an operator's document, through the parser of `helius-policy`.
//! * [`exchange`]: requests, answers and callouts, through the callbacks of the real filter.
//! * [`shared_data`]: what lies in Envoy's shared data when the filter starts, through the same callbacks.
//!
//! `helius-filter` is linked natively for this. The host functions that it would find in Envoy are those of `host`, and
//! `envoy` calls it as Envoy does.

pub mod configuration;
mod envoy;
pub mod exchange;
mod host;
pub mod shared_data;

/// A target: takes any bytes, and panics where a promise is broken.
pub type Target = fn(&[u8]);

/// Every target with its name, which is also that of its program and of its folder in `corpus/`.
pub const TARGETS: [(&str, Target); 3] =
    [("configuration", configuration::run), ("exchange", exchange::run), ("shared_data", shared_data::run)];
