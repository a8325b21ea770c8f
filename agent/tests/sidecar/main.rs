//! `helius-agent sidecar`: the real process, its settings, its bounds and its end.

mod admin;
mod bounds;
mod client;
mod lifecycle;
mod metrics;
mod overrides;
mod process;
mod promtool;
mod settings;
