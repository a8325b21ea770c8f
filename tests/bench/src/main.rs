//! What the filter costs: several real Envoys on one pinned core, which are given load in turn, a slice each, so that the
//! machine's drift hits all alike; CPU time of the Envoy process for each request, compared slice by slice.
//!
//! `make bench` runs it and writes `BENCHMARKS.md` with a plot beside it.

mod cpu;
mod filter;
mod latency;
mod load;
mod memory;
mod native;
mod plot;
mod report;
mod slices;
mod statistics;
mod variant;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use helius_e2e::repository;

use crate::slices::Plan;

/// Measures what the filter costs beside what else an operator could use, and writes a table and a plot
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  bench                                  all of it, about ten minutes\n  \
                        bench --rounds 5 --only bare,ladder    a first look, and nothing is written")]
struct Cli {
    /// How often each variant gets a slice
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..=1000))]
    rounds: u32,
    /// How long a slice is, in milliseconds
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(50..=60_000))]
    slice_ms: u64,
    /// Only these variants, and nothing is written
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    only: Vec<String>,
    /// Where the table goes
    #[arg(long, default_value = "BENCHMARKS.md", value_name = "FILE")]
    output: PathBuf,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn run(cli: &Cli) -> anyhow::Result<()> {
    let plan = Plan { rounds: cli.rounds, slice: Duration::from_millis(cli.slice_ms) };
    let machine = cpu::Machine::divide()?;
    let measured = slices::measure(&plan, &cli.only, &machine).await?;
    if !cli.only.is_empty() {
        print!("{}", report::table(&measured));
        return Ok(());
    }
    let memory = memory::measure().await?;
    let latencies = latency::measure(&machine).await?;
    let text = report::whole(&plan, &machine, &measured, &memory, &latencies);
    let output = repository().canonicalize()?.join(&cli.output);
    std::fs::write(&output, &text).with_context(|| format!("cannot write {}", output.display()))?;
    std::fs::write(output.with_extension("svg"), plot::svg(&measured))?;
    print!("{}", report::table(&measured));
    println!("==> all of it is in {}", output.display());
    Ok(())
}
