//! What an exchange of each kind costs, against `golden/cost.txt`. The table is printed in any case: what the filter
//! costs is worth a look also when nothing has changed.

mod golden;
mod kinds;

use std::process::ExitCode;

use helius_mesh::Cost;

/// A sixth and a bit, in parts of a hundred: fuel changes with the compiler.
const FUEL_SLACK: u64 = 15;

/// What one limit and a breaker may cost a request, in calls that hand data back.
const MOST_ADDED: u64 = 3;

fn main() -> ExitCode {
    if !is_asked_for() {
        return ExitCode::SUCCESS;
    }
    let found: golden::Table =
        kinds::kinds().into_iter().map(|(kind, exchange)| (kind.to_owned(), kinds::cost_of(&exchange))).collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        golden::write(&found).expect("the golden file can be written");
    }
    let golden = golden::read();
    println!(
        "\nhost calls, those that hand data back, callbacks and fuel of an exchange, and the difference to {}",
        golden::FILE
    );
    for (kind, cost) in &found {
        println!("{}", line(kind, *cost, golden_of(&golden, kind)));
    }
    let added = data_calls_of(&found, kinds::GUARDED_AND_LIMITED).saturating_sub(data_calls_of(&found, kinds::HEALTHY));
    println!("\na limit and a breaker add {added} calls that hand data back, and may add {MOST_ADDED}");
    if added > MOST_ADDED {
        return ExitCode::FAILURE;
    }
    let [plain, switched] =
        [kinds::GUARDED_AND_LIMITED, kinds::SWITCHED].map(|kind| golden_of(&found, kind).map(calls));
    if plain != switched {
        println!("with overrides in force it costs {switched:?} calls, and without {plain:?}");
        return ExitCode::FAILURE;
    }
    let kinds = |table: &golden::Table| table.iter().map(|(kind, _)| kind.clone()).collect::<Vec<_>>();
    let is_as_before = found.iter().all(|(kind, cost)| golden_of(&golden, kind).is_some_and(|it| is_near(*cost, it)));
    if is_as_before && kinds(&found) == kinds(&golden) {
        return ExitCode::SUCCESS;
    }
    println!("\n{} says something else; UPDATE_GOLDEN=1 writes it anew", golden::FILE);
    ExitCode::FAILURE
}

/// Whether this is among the tests that were named to `cargo test`.
fn is_asked_for() -> bool {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let mut names = arguments.iter().filter(|it| !it.starts_with('-')).peekable();
    !arguments.iter().any(|it| it == "--list") && (names.peek().is_none() || names.any(|name| "cost".contains(&**name)))
}

fn data_calls_of(table: &golden::Table, kind: &str) -> u64 {
    golden_of(table, kind).map_or(u64::MAX, |cost| cost.data_calls)
}

fn golden_of(golden: &golden::Table, kind: &str) -> Option<Cost> {
    golden.iter().find(|(it, _)| it == kind).map(|(_, cost)| *cost)
}

/// The figures, each with its difference, and the kind.
fn line(kind: &str, cost: Cost, golden: Option<Cost>) -> String {
    let figures = |cost: Cost| [cost.host_calls, cost.data_calls, cost.callbacks, cost.fuel];
    let before = golden.map_or([0; 4], figures);
    let columns: Vec<_> = figures(cost)
        .into_iter()
        .zip(before)
        .zip([3, 3, 3, 7])
        .map(|((now, before), width)| format!("{now:>width$} {:<8}", difference(now, before)))
        .collect();
    format!("{} {kind}", columns.join(" "))
}

/// In percent, to a tenth; nothing where there is less.
fn difference(now: u64, before: u64) -> String {
    let sign = if now < before { '-' } else { '+' };
    match (now.abs_diff(before) * 1000).checked_div(before) {
        None => "new".to_owned(),
        Some(0) => String::new(),
        Some(permille) => format!("{sign}{}.{}%", permille / 10, permille % 10),
    }
}

const fn calls(cost: Cost) -> (u64, u64, u64) {
    (cost.host_calls, cost.data_calls, cost.callbacks)
}

fn is_near(found: Cost, golden: Cost) -> bool {
    let is_near = found.fuel.abs_diff(golden.fuel) * 100 <= golden.fuel * FUEL_SLACK;
    calls(found) == calls(golden) && is_near
}
