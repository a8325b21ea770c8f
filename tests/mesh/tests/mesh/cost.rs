//! What an exchange of each kind costs, against `golden/cost.txt`.

use std::fmt::Write as _;
use std::path::Path;

use helius_mesh::{Answer, Behaviour, Cost, Document, Exchange, Request, Route, Scenario, judge, play};

const FILE: &str = "golden/cost.txt";
const HEAD: &str = "\
# What an exchange of each kind costs, from its first callback to its last, measured on a VM that has served others
# before. Written by: UPDATE_GOLDEN=1 cargo test -p helius-mesh cost
#
# Calls from the module to Envoy (each costs 50 to 1000 ns in Envoy) and callbacks are compared exactly. Fuel is about
# one unit for each WebAssembly instruction; it changes with the compiler, so 15 % more or less is let pass.
#
# host calls, callbacks, fuel, kind
";
/// A sixth and a bit, in parts of a hundred.
const FUEL_SLACK: u64 = 15;

fn kinds() -> Vec<(&'static str, Exchange)> {
    let get = || Exchange::new(Request::new("GET", "/assist"));
    let post = || Exchange::new(Request::post("/assist", 50));
    let status = |status| Behaviour::Answer(Answer::status(status));
    let empty = || Behaviour::Answer(Answer::empty(500));
    let untouched = |name: &str, value: &str| {
        let mut exchange = post();
        exchange.request.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        exchange
    };
    vec![
        ("healthy GET", get()),
        ("healthy POST, 50 bytes", post()),
        ("healthy POST, 40 KiB in 7 pieces", {
            let mut exchange = Exchange::new(Request::post("/assist", 40 << 10));
            exchange.request.pieces = 7;
            exchange
        }),
        ("healthy POST, answer in 20 pieces", {
            post().regions([Behaviour::Answer(Answer { body: Some(2000), pieces: 20, ..Answer::status(200) })])
        }),
        ("no route", Exchange::new(Request::post("/elsewhere", 50))),
        ("gRPC", untouched("content-type", "application/grpc")),
        ("4xx", post().regions([status(404)])),
        ("429, secondary better", post().regions([status(429)])),
        ("429, nobody better", post().regions([status(429), status(500)])),
        ("connect, secondary", post().regions([Behaviour::Refuse])),
        ("timeout, secondary", post().regions([Behaviour::Hang])),
        ("5xx with body, secondary in place", post().regions([status(500)])),
        ("5xx without body, secondary by reply", post().regions([empty()])),
        ("connect, static", post().regions([Behaviour::Refuse, Behaviour::Refuse])),
        ("5xx, unknown cluster, static", post().regions([status(500), Behaviour::UnknownCluster])),
        ("method not replayable, static", {
            Exchange::new(Request { method: "DELETE".to_owned(), ..Request::new("GET", "/assist") })
                .regions([status(500)])
        }),
        ("client leaves", {
            let mut exchange = post().regions([Behaviour::Hang]);
            exchange.leaves_after = Some(50);
            exchange
        }),
    ]
}

/// What the last of several such exchanges costs: the first ones grow tables and buffers, and write to the log.
fn cost_of(exchange: &Exchange) -> Cost {
    let mut scenario = Scenario::new(Document::new(vec![Route::new("assist", 2)]));
    // Late enough that none comes while another is there, and close enough that the log stays silent.
    for index in 0..4 {
        let mut again = exchange.clone();
        again.at = if index < 3 { index * 3000 } else { 2 * 3000 + 700 };
        scenario = scenario.with(again);
    }
    let outcome = play(&scenario, 0, false);
    assert_eq!(judge(&outcome), []);
    outcome.records[3].cost
}

fn line(cost: Cost, kind: &str) -> String {
    format!("{:>3} {:>3} {:>8}  {kind}", cost.host_calls, cost.callbacks, cost.fuel)
}

fn differs(found: &str, golden: &str) -> bool {
    let parts = |line: &str| -> Option<(u64, u64, u64)> {
        let mut words = line.split_whitespace().map(str::parse);
        Some((words.next()?.ok()?, words.next()?.ok()?, words.next()?.ok()?))
    };
    let (Some(found), Some(golden)) = (parts(found), parts(golden)) else { return true };
    let is_near = found.2.abs_diff(golden.2) * 100 <= golden.2 * FUEL_SLACK;
    (found.0, found.1) != (golden.0, golden.1) || !is_near
}

#[test]
fn the_cost_of_each_kind_of_exchange_is_known() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let found: Vec<_> = kinds().into_iter().map(|(kind, exchange)| line(cost_of(&exchange), kind)).collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, format!("{HEAD}{}\n", found.join("\n"))).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let golden: Vec<_> = golden.lines().filter(|line| !line.starts_with('#')).collect();
    let mut message = String::new();
    for index in 0..found.len().max(golden.len()) {
        let (found, golden) =
            (found.get(index).map_or("", String::as_str), golden.get(index).copied().unwrap_or_default());
        if differs(found, golden) {
            let _ = write!(message, "\n- {golden}\n+ {found}");
        }
    }
    assert!(message.is_empty(), "UPDATE_GOLDEN=1 writes {FILE} anew:{message}");
}
