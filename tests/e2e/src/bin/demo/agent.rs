//! The agent beside Envoy: its view, and its switches.

use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, ensure};
use helius_agent::status::{self, Colours};
use helius_e2e::{AgentProcess, repository};
use tokio::task::spawn_blocking;

use crate::ports::{ADMIN, AGENT};
use crate::terminal::Terminal;

/// The verbs of the agent of which this program takes the part: `cargo run` builds no other one.
pub(crate) const SIDECAR: &str = "sidecar";
pub(crate) const OVERRIDE: &str = "override";

pub(crate) const LOG: &str = "target/demo/agent.log";
const TOKEN_FILE: &str = "target/demo/token";
/// Of a demonstration on one machine, and worth nothing.
const TOKEN: &str = "demo";

/// What the operator types, `--agent` and `--token-file` aside.
const SWITCH: [&str; 8] =
    [OVERRIDE, "set", "drain", "--region", "us-east-1", "--ttl", "5s", "--reason=maintenance of us-east-1"];

/// Starts it.
pub(crate) async fn start() -> anyhow::Result<AgentProcess> {
    let root = repository();
    let token = root.join(TOKEN_FILE);
    std::fs::write(&token, TOKEN).with_context(|| format!("cannot write {TOKEN_FILE}"))?;
    let flags = ["--token-file", &token.to_string_lossy(), "--log-format", "json"].map(str::to_owned);
    let flags = flags.each_ref().map(String::as_str);
    AgentProcess::start_as(&std::env::current_exe()?, [AGENT[0], AGENT[1], ADMIN], &root.join(LOG), &flags).await
}

/// What is degraded, as the agent sees it.
pub(crate) async fn view(terminal: Terminal) -> Vec<String> {
    let now = SystemTime::now();
    let answers = status::ask(&[AGENT[1].to_string()], now).await;
    let colours = if terminal.has_colours() { Colours::Yes } else { Colours::No };
    status::table(&answers, now, colours).lines().map(str::to_owned).collect()
}

/// What the operator types.
pub(crate) fn switch_command() -> String {
    let [verbs @ .., reason] = SWITCH;
    let reason = reason.replacen('=', " '", 1);
    format!("helius-agent {} {reason}'", verbs.join(" "))
}

/// Does it.
pub(crate) async fn switch() -> anyhow::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(SWITCH).args(["--author", "demo", "--agent", &AGENT[0].to_string(), "--token-file"]);
    command.arg(repository().join(TOKEN_FILE));
    let output = spawn_blocking(move || command.output()).await?.context("cannot run the agent's verb")?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the override was not set: {told}");
    Ok(())
}
