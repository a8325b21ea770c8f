//! After the story: what to try by hand, while everything is still running.

use crate::ports::{ADMIN, AGENT, ASSIST, CLIENTS};
use crate::terminal::{Style, Terminal};
use crate::world::{ENVOY_LOG, World};

/// Whether the user wants everything to stay up.
pub(crate) fn is_wanted() -> bool {
    std::env::var_os("KEEP").is_some_and(|value| !value.is_empty() && value != "0")
}

/// Prints the commands.
pub(crate) fn explain(world: &World, terminal: Terminal) {
    let say = |text: &str| terminal.line(text);
    let title = |text: &str| terminal.line(&format!("\n{}", terminal.paint(Style::Title, text)));
    let assist = format!("curl -i http://{CLIENTS}/assist -d '{{\"id\": 1, \"question\": \"what now?\"}}'");
    title("Everything is still running (KEEP=1). Ctrl-C ends it.");
    say("\n  Ask the assistant: the primary answers, no x-helius header.");
    say(&format!("    {assist}"));
    say("  Ask the recommender.");
    say(&format!("    curl -i http://{CLIENTS}/predict -d '{{\"id\": 2, \"node_ids\": [7, 8]}}'"));
    say("  Make the assistant's primary slow (0 makes it quick again), and ask again: x-helius-degraded: timeout.");
    say(&format!("    curl -X PUT http://{}/control -d '{{\"latency_ms\": 3000}}'", ASSIST[0]));
    say("  Kill a region, and ask again: x-helius-served-by: secondary, or static when both are gone.");
    for (service, region, process) in world.regions() {
        if let Some(pid) = process.pid() {
            say(&format!("    kill -9 {pid:<8} # {service} in {region}"));
        }
    }
    say("  Bring the assistant's primary back, in a terminal of its own.");
    say(&format!("    {}", world.assist.primary.command_line()));
    say("  What the operator can do (`make agent` builds it).");
    say(&format!("    target/release/helius-agent override list --agent {}", AGENT[0]));
    say(&format!("    target/release/helius-agent status --pod {} --watch", AGENT[1]));
    say("  What the SRE sees.");
    say(&format!("    curl -s http://{}/metrics | grep -E '^(helius|model|reco|telemetry)_'", AGENT[1]));
    say(&format!("    curl -s http://{ADMIN}/stats/prometheus | grep -E '^(helius|telemetry)_'"));
    say(&format!("    tail -f {ENVOY_LOG}"));
}
