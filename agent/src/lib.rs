//! `helius-agent`: what runs beside the filter.
//!
//! * [`cli`] is what it can be asked to do.
//! * [`explain`] says what a configuration means.
//! * [`schema`] says to editors what a configuration looks like.
//! * [`validate`] reads the filter's configurations out of files, before Envoy does.

pub mod cli;
pub mod explain;
pub mod schema;
pub mod validate;
