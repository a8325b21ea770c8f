//! The Envoy filter of Helius Mesh, `dist/helius.wasm`.
//!
//! This crate decides nothing: it turns the host's callbacks into events of [`helius_policy::exchange`] and the
//! effects that come back into host calls. What would need a test belongs into `helius-policy`.
//!
//! * `root` is the filter as configured, one for each worker thread.
//! * `stream` are the callbacks of one stream, `protected` the exchange on it if its route is protected.
//! * `patience` are the exchanges that wait for something that should come at once.
//! * `drills` are the lower rungs that are tried while the primary is well.
//! * `host` are the host calls, made so that none of them can panic.
//! * `metrics` are the Envoy stats that the filter keeps.
//! * `overrides` are what operators have switched.
//! * `archive` are good answers that outlive Envoy.
//! * `config_store` is what the threads and the successors of a filter know of its configuration.

#![allow(missing_docs, reason = "the entry point that proxy_wasm::main! makes cannot be given a comment")]
// A panic is a trap, and a trap kills the VM of a worker thread for every request that follows.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unreachable
)]

mod archive;
mod config_store;
mod drills;
mod host;
mod metrics;
mod overrides;
mod patience;
mod protected;
mod root;
mod stream;

use proxy_wasm::traits::RootContext;
use proxy_wasm::types::LogLevel;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|context_id| -> Box<dyn RootContext> { Box::new(root::FilterRoot::new(context_id)) });
}}
