//! What the reference says of the agent.

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
