//! The JSON Schema of the filter's configuration, for editors.

/// The schema, of draft 2020-12. What it refuses the filter refuses; of some rules (a limit that depends on another key, the
/// range of a duration) only the filter itself knows.
pub const SCHEMA: &str = include_str!("schema.json");
