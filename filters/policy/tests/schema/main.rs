//! Judging answers by a JSON Schema.

mod hostile;
mod keywords;
mod models;
mod refused;
mod suite;
mod told;
