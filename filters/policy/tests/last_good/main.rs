//! The last good answer: which are kept, to whom they are given, and for how long.
//!
//! * [`table`] says which answers are kept and which requests find them.
//! * [`age`] is how old an answer may be, at a clock that steps.
//! * [`apart`] keeps tenants apart whatever they do.
//! * [`archive`] carries answers to the agent and back.

mod age;
mod apart;
mod archive;
mod memory;
mod table;
