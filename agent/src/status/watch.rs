//! The verb: asks and shows, once or until somebody has seen enough.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Args;

use super::{Colours, ask, json, table};

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(2);
/// Clears the screen and begins at its top.
const CLEAR: &str = "\x1b[2J\x1b[H";

/// What to ask, and how to show it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    helius-agent status\n  \
    helius-agent status --pod 10.0.1.7:9911 --pod 10.0.2.9:9911 --watch\n  \
    helius-agent status --json | jq '.pods[] | select(.degraded)'")]
#[expect(clippy::doc_markdown, reason = "clap prints it as it stands")]
pub struct StatusArgs {
    /// Where the agent of a pod has its metrics: a host or an address with a port, or unix:/path; may stand several times
    #[arg(long = "pod", value_name = "HOST:PORT", default_value = "127.0.0.1:9911")]
    pods: Vec<String>,
    /// As JSON, for scripts
    #[arg(long)]
    json: bool,
    /// Shows it again every two seconds, until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// When to use colours: on a terminal (auto), always, or never
    #[arg(long, value_name = "WHEN", default_value = "auto", value_parser = ["auto", "always", "never"])]
    colour: String,
}

/// Asks and shows.
pub fn run(arguments: &StatusArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(show(arguments)),
        Err(why) => {
            let _ = writeln!(io::stderr().lock(), "cannot begin: {why}");
            ExitCode::from(2)
        }
    }
}

async fn show(arguments: &StatusArgs) -> ExitCode {
    let is_terminal = io::stdout().is_terminal();
    let colours = match arguments.colour.as_str() {
        "always" => Colours::Yes,
        "auto" if is_terminal && std::env::var_os("NO_COLOR").is_none() => Colours::Yes,
        _ => Colours::No,
    };
    loop {
        let now = SystemTime::now();
        let answers = ask(&arguments.pods, now).await;
        let mut text = if arguments.json { format!("{}\n", json(&answers)) } else { table(&answers, now, colours) };
        if arguments.watch && is_terminal && !arguments.json {
            text.insert_str(0, CLEAR);
        }
        // Who does not read any more has seen enough.
        if io::stdout().lock().write_all(text.as_bytes()).is_err() || !arguments.watch {
            let has_answer = answers.values().any(Result::is_ok);
            let is_degraded = answers.values().any(|it| it.as_ref().map_or(true, super::Pod::is_degraded));
            return ExitCode::from(if has_answer { u8::from(is_degraded) } else { 2 });
        }
        tokio::time::sleep(EVERY).await;
    }
}
