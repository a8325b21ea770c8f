//! An AI service in one region, as its own process. It knows nothing of the mesh in front of it.
//!
//! `region --service assist --region us-east-1 --listen 127.0.0.1:18081 [--latency 20ms]`

use std::process::ExitCode;

use helius_e2e::serve_region;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match serve_region(std::env::args().skip(1)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("region: {error:#}");
            ExitCode::FAILURE
        }
    }
}
