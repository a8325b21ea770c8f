//! Documents: what is refused, in which words, and what is read from those that are good.

mod any_text;
mod good;
mod refused;
mod static_answers;
