//! `helius-agent sidecar`: the real process, its settings, its bounds and its end.

mod bounds;
mod client;
mod lifecycle;
mod process;
mod settings;
