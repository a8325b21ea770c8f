//! What the reference says of the agent.

use std::process::Command;

use helius_policy::overrides::{Kind, Override};
use helius_policy::time::Timestamp;

use crate::metrics::{own, wait};
use crate::process::{Sidecar, command};

const REFERENCE: &str = include_str!("../../../docs/reference.md");

#[test]
fn every_flag_stands_in_the_reference_with_its_default() {
    // The short help has a line for each.
    let output = command(&["-h"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let mut flags = 0;
    for line in help.lines() {
        let named = line.trim().strip_prefix("--").and_then(|line| line.split_once(" <"));
        let Some((flag, about)) = named else { continue };
        let row = REFERENCE.lines().find(|row| row.starts_with(&format!("| `--{flag}` |")));
        let row = row.unwrap_or_else(|| panic!("--{flag} is not in the reference"));
        let default = about.split_once("[default: ").and_then(|(_, rest)| rest.split(']').next());
        let said = default.map_or("| none |".to_owned(), |default| format!("| `{default}` |"));
        assert!(row.contains(&said), "{row} does not say {said}");
        flags += 1;
    }
    assert!(flags >= 10, "only {flags} flags were found: has the help another shape?\n{help}");
}

#[test]
fn every_metric_of_the_agents_own_stands_in_the_reference() {
    let sidecar = Sidecar::start(&["--app-probe", "tcp://127.0.0.1:1"]);
    let page = wait(&sidecar, "probed", |page| own(page, "helius_app_up").is_some());
    for series in page.keys() {
        let name = series.split('{').next().unwrap();
        assert!(REFERENCE.contains(&format!("| `{name}` |")), "{name} is not in the reference");
    }
}

/// The part below a heading.
fn section(heading: &str) -> &'static str {
    let (_, part) = REFERENCE.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("{heading} is not there"));
    part.split("\n## ").next().unwrap()
}

#[test]
fn the_file_of_overrides_in_the_reference_is_one() {
    let text = section("### The file").split("```").nth(1).unwrap().strip_prefix("yaml").unwrap();
    // The day before the last of its ends.
    let now = humantime::parse_rfc3339("2026-01-30T13:00:00Z").unwrap();
    let now = Timestamp::from_epoch(now.duration_since(std::time::UNIX_EPOCH).unwrap());
    assert_eq!(Override::parse(text.as_bytes(), now).unwrap().len(), 2);
}

#[test]
fn every_kind_of_override_stands_in_the_reference() {
    let part = section("## Overrides");
    for kind in Kind::ALL {
        let (word, state) =
            kind.word().split_once("breaker_").map_or((kind.word(), ""), |(_, state)| ("breaker", state));
        let row = part.lines().find(|row| row.starts_with(&format!("| `{word}` |")));
        let row = row.unwrap_or_else(|| panic!("{word} is not in the reference"));
        assert!(state.is_empty() || row.contains(&format!("`{state}`")), "{row} does not say {state}");
    }
}

#[test]
fn every_command_in_the_reference_is_understood() {
    let commands = section("### From the command line").split("```").nth(1).unwrap().strip_prefix("sh").unwrap();
    let mut count = 0;
    for line in commands.trim().lines() {
        let line = line.replacen("helius-agent", env!("CARGO_BIN_EXE_helius-agent"), 1);
        // Nobody listens there, which is learnt only by who has understood.
        let output = Command::new("sh").args(["-c", &line]).env("HELIUS_AGENT_API", "127.0.0.1:1").output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.starts_with("the agent at 127.0.0.1:1 cannot be asked"), "{line}: {told}");
        count += 1;
    }
    assert!(count >= 9, "{commands}");
}
