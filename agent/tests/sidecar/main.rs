//! `helius-agent sidecar`: the real process, its settings, its bounds and its end.

mod admin;
mod app_probe;
mod bounds;
mod client;
mod documentation;
mod lifecycle;
mod metrics;
mod operator;
mod overrides;
mod process;
mod promtool;
mod settings;
