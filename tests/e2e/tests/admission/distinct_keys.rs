//! Clients choose their keys, and there is no end of those: a million of them must not fill Envoy's memory.

use std::collections::BTreeMap;
use std::io::{Write, stderr};
use std::ops::Range;
use std::time::Instant;

use helius_e2e::{LeanRegion, Mesh, OpenLoop, alone, lean_post, resident_memory};
use serde_json::{Value, json};

const KEYS: u32 = 1_000_000;
/// More than are remembered at a time, and enough for Envoy to have merged its histograms once (after 5 s), which takes
/// 2 MB: afterwards nothing is made that was not there before.
const WARM_UP: u32 = 250_000;
const CONNECTIONS: usize = 32;
/// Bytes that Envoy may take for something else meanwhile. A million keys of 16 bytes are 16 MB.
const MOST_GROWN: u64 = 4 << 20;

/// Bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// What Envoy has allocated, as it says.
    pub(crate) allocated: u64,
    /// What the kernel has given it.
    pub(crate) resident: u64,
}

#[tokio::test]
async fn a_million_keys_take_no_more_memory_than_the_table_has() {
    let _machine = alone().await;
    let regions = [LeanRegion::start("us-east-1").await.unwrap(), LeanRegion::start("us-west-2").await.unwrap()];
    let bootstrap = Mesh::builder().assist(regions[0].addr(), regions[1].addr()).assist_route(|route| {
        route["admission"] = json!({ "rate_limit": [{ "key": [{ "header": "x-key" }], "rate": "1/h", "burst": 1 }] });
    });
    let mesh = bootstrap.start().await.unwrap();
    let load = OpenLoop::connect(mesh.addr(), CONNECTIONS).unwrap().at_once(CONNECTIONS);

    let (load, _) = ask(load, 0..WARM_UP).await;
    let before = Memory::of(&mesh).await;
    let began = Instant::now();
    let (load, answers) = ask(load, WARM_UP..WARM_UP + KEYS).await;
    let took = began.elapsed();
    let after = Memory::of(&mesh).await;
    drop(load);

    let _ = writeln!(stderr().lock(), "{KEYS} keys in {:.0} s: {answers:?}", took.as_secs_f64());
    let _ = writeln!(stderr().lock(), "  before {before:?}\n  after  {after:?}");
    assert_eq!(answers.values().sum::<u32>(), KEYS);
    assert_eq!(answers.keys().copied().filter(|status| ![200, 429].contains(status)).count(), 0, "{answers:?}");
    assert!(after.allocated <= before.allocated + MOST_GROWN, "Envoy has allocated more");
    assert!(after.resident <= before.resident + MOST_GROWN, "Envoy has become larger");
    mesh.assert_unharmed().await;
}

/// Asks with each of these keys once, as fast as can be, and counts the answers by their status.
async fn ask(mut load: OpenLoop, keys: Range<u32>) -> (OpenLoop, BTreeMap<u16, u32>) {
    let asking = tokio::task::spawn_blocking(move || {
        let mut answers = BTreeMap::new();
        // Without a body: Envoy closes a connection whose request it has answered before its end.
        let question = |number: u32| lean_post("/assist", &[("x-key", &(keys.start + number).to_string())], "");
        load.run(keys.end - keys.start, u32::MAX, question, |sent| *answers.entry(sent.status()).or_default() += 1)?;
        std::io::Result::Ok((load, answers))
    });
    asking.await.unwrap().unwrap()
}

impl Memory {
    pub(crate) async fn of(mesh: &Mesh) -> Self {
        // Its stats say what was so some seconds ago.
        let page: Value = serde_json::from_str(&mesh.envoy().admin_get("/memory").await.unwrap()).unwrap();
        let allocated = page["allocated"].as_str().unwrap().parse().unwrap();
        Self { allocated, resident: resident_memory(mesh.envoy().pid()).unwrap() }
    }
}
