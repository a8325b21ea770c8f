//! `golden/cost.txt`: what was found when it was last looked at by a person.

use std::path::{Path, PathBuf};

use helius_mesh::Cost;

/// From the package's directory.
pub(crate) const FILE: &str = "golden/cost.txt";

const HEAD: &str = "\
# What an exchange of each kind costs, from its first callback to its last, measured on a VM that has served others
# before. Written by: UPDATE_GOLDEN=1 cargo test --test cost
#
# Calls from the module to Envoy (each costs 50 to 1000 ns in Envoy) and callbacks are compared exactly. So are those of
# the calls that hand data back (header maps, buffers, properties, shared data): for each of these memory is allocated
# in the VM. Fuel is about one unit for each WebAssembly instruction; it changes with the compiler, so 15 % more or less
# is let pass.
#
# A limit and a breaker together cost at most three calls that hand data back.
#
# host calls, those that hand data back, callbacks, fuel, kind
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
    let lines = table.iter().map(|(kind, cost)| {
        let Cost { host_calls, data_calls, callbacks, fuel } = cost;
        format!("{host_calls:>3} {data_calls:>3} {callbacks:>3} {fuel:>8}  {kind}\n")
    });
    std::fs::write(path(), HEAD.to_owned() + &lines.collect::<String>())
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE)
}

fn parse(line: &str) -> Option<(String, Cost)> {
    let words: Vec<_> = line.split_whitespace().collect();
    let (numbers, kind) = words.split_at_checked(4)?;
    let number = |index: usize| numbers[index].parse().ok();
    let cost = Cost { host_calls: number(0)?, data_calls: number(1)?, callbacks: number(2)?, fuel: number(3)? };
    Some((kind.join(" "), cost))
}
