//! `helius-agent`: what runs beside the filter.
//!
//! * [`address`] is where something listens.
//! * [`cli`] is what it can be asked to do.
//! * [`columns`](mod@columns) are tables for people.
//! * [`explain`] says what a configuration means.
//! * [`last_good`] are good answers of the filter, on disk.
//! * [`http_client`] asks servers on this machine.
//! * [`operator`] sets, lists and clears overrides from the command line.
//! * [`overrides`] are what operators have switched.
//! * [`schema`] says to editors what a configuration looks like.
//! * [`settings`] come from flags, the environment and a file.
//! * [`sidecar`] runs beside the application and Envoy in each pod.
//! * [`small_file`] are files that are read and replaced as a whole.
//! * [`status`] says what is degraded, in one pod or several.
//! * [`validate`] reads the filter's configurations out of files, before Envoy does.

// A panic in one request would be the end of all that the process was to carry and to count.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable))]

pub mod address;
pub mod cli;
pub mod columns;
pub mod explain;
pub mod http_client;
pub mod last_good;
pub mod operator;
pub mod overrides;
pub mod schema;
pub mod settings;
pub mod sidecar;
pub mod small_file;
pub mod status;
pub mod validate;
