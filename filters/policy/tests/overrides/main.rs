//! Overrides: how they are read, and what each makes of a route.

mod documents;
mod in_force;
mod setup;
