//! Judging answers by a JSON Schema.

mod any_bytes;
mod difference;
mod generated;
mod hostile;
mod keywords;
mod models;
mod refused;
mod suite;
mod told;
