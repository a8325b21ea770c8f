//! `golden/cost.txt`: what was found when it was last looked at by a person.

use std::path::{Path, PathBuf};

use helius_mesh::Cost;

/// From the package's directory.
pub(crate) const FILE: &str = "golden/cost.txt";

const HEAD: &str = "\
# What an exchange of each kind costs, from its first callback to its last, measured on a VM that has served others
# before. Written by: UPDATE_GOLDEN=1 cargo test --test cost
#
# Calls from the module to Envoy (each costs 50 to 1000 ns in Envoy) and callbacks are compared exactly. Fuel is about
# one unit for each WebAssembly instruction; it changes with the compiler, so 15 % more or less is let pass.
#
# host calls, callbacks, fuel, kind
";

/// What each kind costs.
pub(crate) type Table = Vec<(String, Cost)>;

/// The golden table; empty where there is none.
pub(crate) fn read() -> Table {
    let text = std::fs::read_to_string(path()).unwrap_or_default();
    text.lines().filter(|line| !line.starts_with('#')).filter_map(parse).collect()
}

/// Writes it anew.
pub(crate) fn write(table: &Table) -> std::io::Result<()> {
    let lines = table
        .iter()
        .map(|(kind, cost)| format!("{:>3} {:>3} {:>8}  {kind}\n", cost.host_calls, cost.callbacks, cost.fuel));
    std::fs::write(path(), HEAD.to_owned() + &lines.collect::<String>())
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE)
}

fn parse(line: &str) -> Option<(String, Cost)> {
    let words: Vec<_> = line.split_whitespace().collect();
    let (numbers, kind) = words.split_at_checked(3)?;
    let number = |index: usize| numbers[index].parse().ok();
    let cost = Cost { host_calls: number(0)?, callbacks: number(1)?, fuel: number(2)? };
    Some((kind.join(" "), cost))
}
