//! The table, for people.

use std::fmt::Write;

use helius_e2e::repository;

use crate::cpu::Machine;
use crate::latency::{Latency, RATE};
use crate::memory::Memory;
use crate::slices::{Measured, Plan};
use crate::statistics::Spread;
use crate::variant::Variant;

/// What a request costs.
pub(crate) fn table(measured: &[Measured]) -> String {
    let mut text = String::from(
        "| variant | | CPU per request | more | ratio, quartiles | to | target |\n|---|---|---|---|---|---|---|\n",
    );
    for it in measured {
        let Measured { variant: Variant { name, about, against, target, .. }, cpu, more, ratio, .. } = it;
        let target = match target {
            Some(target) if ratio.median <= *target => format!("≤ {target:.2}: met"),
            Some(target) => format!("≤ {target:.2}: **missed**"),
            None => String::new(),
        };
        let compared = if name == against {
            " | | ".to_owned()
        } else {
            format!(
                "{:+.1} µs | {:.3} ({:.3} to {:.3}) | {against}",
                more.median, ratio.median, ratio.lower, ratio.upper
            )
        };
        let _ = writeln!(text, "| `{name}` | {about} | {:.1} µs | {compared} | {target} |", cpu.median);
    }
    text
}

/// All of it.
pub(crate) fn whole(
    plan: &Plan,
    machine: &Machine,
    measured: &[Measured],
    memory: &[Memory],
    latencies: &[Latency],
) -> String {
    let requests: u64 = measured.iter().map(|it| it.requests).sum();
    let module = std::fs::metadata(repository().join("dist/helius.wasm")).map_or(0, |it| it.len());
    let noise = measured.first().map_or(0.0, |it| (it.cpu.upper - it.cpu.lower) / it.cpu.median * 100.0);
    format!(
        "# What the filter costs\n\n\
         Written by `make bench`; {machine}; Envoy {envoy}; module {module} bytes. Each variant is an Envoy of its own with one \
         worker, all on one core, which are given load in turn: {rounds} slices of {slice:?} each, {requests} requests in all. POST \
         of 50 bytes, JSON answer of 300. CPU is that of the Envoy process. What is compared are slices that follow one another, \
         because the machine drifts: the CPU per request of bare Envoy differs between slices by {noise:.0} % (the middle half \
         of them).\n\n\
         The floor of any filter in Wasm are the rows `floor-…`: as many calls from Envoy into the module, and nothing done in \
         them. `no-route` adds the one call by which the request's headers are read. What is above that, and why, says \
         ARCHITECTURE.md, \"What a request costs\".\n\n\
         ![CPU per request](BENCHMARKS.svg)\n\n{table}\n\
         ## Latency\n\nAt {RATE} requests/s, from the moment of sending, medians of eight turns.\n\n{latency}\n\
         ## Memory\n\nResident, after 3 000 requests over 64 connections.\n\n{memory}\n\
         ## Work\n\nFrom the deterministic mesh (`tests/mesh/golden/cost.txt`, compared with every change): calls to the host, those \
         that hand data back, callbacks, and instructions (fuel) of one exchange.\n\n{work}",
        envoy = envoy(),
        rounds = plan.rounds,
        slice = plan.slice,
        table = table(measured),
        latency = latency_table(latencies),
        memory = memory_table(memory),
        work = work_table(),
    )
}

fn latency_table(latencies: &[Latency]) -> String {
    let cell = |it: &Spread| format!("{:.2} ms ({:.2} to {:.2})", it.median, it.lower, it.upper);
    let mut text = String::from("| variant | p50 | p99 |\n|---|---|---|\n");
    for it in latencies {
        let _ = writeln!(text, "| `{}` | {} | {} |", it.name, cell(&it.p50), cell(&it.p99));
    }
    text
}

fn memory_table(memory: &[Memory]) -> String {
    let megabytes = |bytes: f64| bytes / 1e6;
    let own = memory.first().map_or(0.0, |it| it.worker);
    let mut text =
        String::from("| variant | one worker | each worker more | of that the filter |\n|---|---|---|---|\n");
    for it in memory {
        let _ = writeln!(
            text,
            "| `{}` | {:.1} MB | {:.1} MB | {:.1} MB |",
            it.name,
            megabytes(it.process),
            megabytes(it.worker),
            megabytes(it.worker - own)
        );
    }
    text
}

/// The kinds of exchange that are measured above.
const KINDS: [&str; 5] = [
    "limited route, healthy POST",
    "guarded and limited route, healthy POST",
    "judged and guarded route, 600 bytes",
    "strict route, healthy POST",
    "breaker open, secondary",
];

fn work_table() -> String {
    let golden = std::fs::read_to_string(repository().join("tests/mesh/golden/cost.txt")).unwrap_or_default();
    let mut text = String::from("| exchange | calls | with data | callbacks | fuel |\n|---|---|---|---|---|\n");
    for line in golden.lines() {
        let mut words = line.split_whitespace();
        let figures: Vec<&str> = words.by_ref().take(4).collect();
        let kind = words.collect::<Vec<_>>().join(" ");
        if let ([calls, data, callbacks, fuel], true) = (figures.as_slice(), KINDS.contains(&kind.as_str())) {
            let _ = writeln!(text, "| {kind} | {calls} | {data} | {callbacks} | {fuel} |");
        }
    }
    text
}

fn envoy() -> String {
    let Some(envoy) = std::env::var_os("ENVOY") else { return "unknown".to_owned() };
    let said = std::process::Command::new(envoy).arg("--version").output();
    let said = said.map(|it| String::from_utf8_lossy(&it.stdout).into_owned()).unwrap_or_default();
    said.split('/')
        .find(|it| it.starts_with(|first: char| first.is_ascii_digit()) && it.contains('.'))
        .unwrap_or("unknown")
        .to_owned()
}
