//! The programs that a test runs and that nobody built here.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{bail, ensure};

use crate::bootstrap::repository;

/// The program that a variable of the environment names. There is no search on the path: a test run shall not pick one
/// that nobody chose.
pub(crate) fn named_by(variable: &str) -> anyhow::Result<PathBuf> {
    named(variable, std::env::var_os(variable))
}

fn named(variable: &str, chosen: Option<OsString>) -> anyhow::Result<PathBuf> {
    let Some(chosen) = chosen.filter(|chosen| !chosen.is_empty()) else {
        bail!("${variable} names no program: `make test` brings one and sets it, or set it to your own");
    };
    // Relative to the repository: tests run in the directory of their crate, people in the root.
    let program = repository().join(&chosen);
    ensure!(
        program.is_file(),
        "there is no file {} (${variable}): `make test` brings one and sets it, or set it to your own",
        program.display()
    );
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn a_missing_program_is_told_with_the_remedy() {
        for chosen in [None, Some("".into()), Some("no/such/envoy".into())] {
            let message = named("ENVOY", chosen).unwrap_err().to_string();
            assert!(message.contains("$ENVOY") && message.contains("make test"), "{message}");
        }
    }
}
