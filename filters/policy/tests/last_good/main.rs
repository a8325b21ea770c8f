//! The last good answer: which are kept, to whom they are given, and for how long.
//!
//! * [`table`] says which answers are kept and which requests find them.
//! * [`age`] is how old an answer may be, at a clock that steps.
//! * [`apart`] keeps tenants apart whatever they do.

mod age;
mod apart;
mod memory;
mod table;
