//! `helius-agent`, built where the tests find it.

use std::process::ExitCode;

fn main() -> ExitCode {
    helius_agent::cli::run()
}
