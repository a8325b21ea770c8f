//! The ladder, told live: the real Envoy with the filter, four services that know nothing of it, and a client that
//! never stops asking while regions get slow, die and come back.
//!
//! `make demo` runs it for about a minute; with `KEEP=1` everything stays up afterwards, to be tried by hand. It ends
//! with status 1 if the client saw a 5xx, an error or a wrong answer, or if Envoy counted otherwise than the client.

mod agent;
mod answer;
mod client;
mod counters;
mod keep;
mod ports;
mod story;
mod summary;
mod tally;
mod terminal;
mod world;

use std::pin::pin;
use std::process::ExitCode;

use helius_e2e::serve_region;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::terminal::Terminal;

/// The first argument with which this program takes the part of a region.
const REGION: &str = "region";
/// What a shell reports for a program that was ended by the signal of this number.
const ENDED_BY_SIGNAL: u8 = 128;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let result = match arguments.next().as_deref() {
        None => tell(),
        Some(REGION) => region(arguments),
        Some(agent::SIDECAR | agent::OVERRIDE) => Ok(helius_agent::cli::run()),
        Some(other) => Err(anyhow::anyhow!("{other:?} is unknown: the demo takes no arguments, only KEEP=1")),
    };
    result.unwrap_or_else(|error| {
        eprintln!("demo: {error:#}");
        ExitCode::FAILURE
    })
}

#[tokio::main(flavor = "current_thread")]
async fn region(arguments: impl Iterator<Item = String>) -> anyhow::Result<ExitCode> {
    serve_region(arguments).await?;
    Ok(ExitCode::SUCCESS)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn tell() -> anyhow::Result<ExitCode> {
    // Before the first process is started, so that none can be left.
    let interrupt = signal(SignalKind::interrupt())?;
    let terminate = signal(SignalKind::terminate())?;
    let terminal = Terminal::of_stdout();
    let mut ended = pin!(first_of(interrupt, terminate));
    // Whichever comes first drops the other: with the story go Envoy and the services.
    let (world, status) = tokio::select! {
        told = story::tell(terminal) => told?,
        number = &mut ended => {
            terminal.line("\nInterrupted: Envoy and the services are stopped.");
            return Ok(ExitCode::from(ENDED_BY_SIGNAL + number));
        }
    };
    if keep::is_wanted() {
        keep::explain(&world, terminal);
        ended.await;
        terminal.line("\nEnvoy and the services are stopped.");
    }
    Ok(status)
}

/// The number of the signal that came first.
async fn first_of(mut interrupt: Signal, mut terminate: Signal) -> u8 {
    tokio::select! {
        _ = interrupt.recv() => 2,
        _ = terminate.recv() => 15,
    }
}
