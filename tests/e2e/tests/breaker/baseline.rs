//! What the clients and regions here cost by themselves: a figure of another story that is near to these is one of the
//! harness.

use std::time::Duration;

use helius_e2e::{LeanRegion, Mesh, alone};

use crate::figures::{Latencies, millis, tell};
use crate::load::{question, warm};

const RATE: u32 = 2000;

#[tokio::test]
async fn the_harness_is_not_what_is_measured() {
    let _machine = alone().await;
    let region = LeanRegion::start("us-east-1").await.unwrap();
    let bare = Mesh::builder().assist(region.addr(), region.addr()).without_filter().start().await.unwrap();
    let filter = Mesh::builder().assist(region.addr(), region.addr()).start().await.unwrap();
    tell(&format!("at {RATE} requests/s with nothing wrong:"));
    for (what, addr) in [("no Envoy", region.addr()), ("Envoy alone", bare.addr()), ("with the filter", filter.addr())]
    {
        let load = warm(addr, &["/assist"]).await;
        let (_, sent) = load.spawn(RATE, RATE, |_| question("/assist")).await.unwrap().unwrap();
        let mut late: Vec<_> = sent.iter().map(|sent| sent.late).collect();
        late.sort_unstable();
        let late = late[late.len() / 2];
        tell(&format!("  {what:<16} {}; sent {:.2} ms late", Latencies::of(&sent), millis(late)));
        assert!(sent.iter().all(|sent| sent.status() == 200));
        assert!(late < Duration::from_millis(1), "the clients cannot keep the rate");
    }
}
