//! What is asked.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, ensure};
use helius_e2e::{ClosedLoop, LeanRegion, Mood, lean_post};

/// Requests under way at once: enough that Envoy never waits for the client.
pub(crate) const LANES: usize = 16;
/// 50 bytes.
const QUESTION: &str = r#"{"id": 7, "question": "does it hold when it fails"}"#;
/// What the regions answer, 300 bytes or so.
const ANSWER: &str = r#"{"action":"route_to_expert","confidence":0.93,"rationale":"The question names a contract and a date, and asks for a legal effect. Of the experts who are on duty the one for contracts has answered such questions before, and was right in nine of ten cases.","expert":"contracts","alternatives":["general"]}"#;

/// A request that claims to come from a region with this number.
pub(crate) fn question(region: u32) -> Vec<u8> {
    lean_post("/assist", &[("x-helius-region", &format!("region-{region}"))], QUESTION)
}

/// A region that gives that answer, and remembers nobody.
pub(crate) async fn region(name: &str) -> std::io::Result<LeanRegion> {
    let region = LeanRegion::start(name).await?;
    region.behave(Mood::Say(ANSWER));
    region.forget();
    Ok(region)
}

/// What every answer has to be, but for a share that is tolerated: its status, and by whom it is served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) answer: (u16, Option<&'static str>),
    pub(crate) tolerated: f64,
}

/// Asks for so long, and returns how many answers there were.
///
/// # Errors
///
/// Where answers were others than expected: then something else was measured than is claimed.
pub(crate) fn ask(load: &mut ClosedLoop, span: Duration, keys: u32, expected: Expected) -> anyhow::Result<u32> {
    // Made before: what is measured is not how a text is put together.
    let requests: Vec<Vec<u8>> = (0..keys).map(question).collect();
    let pick = |number: u32| requests[number as usize % requests.len()].clone();
    let tally: BTreeMap<(u16, Option<String>), u32> = load
        .run(span, pick, |answer| (answer.status(), answer.header("x-helius-served-by").map(str::to_owned)))
        .context("the load")?;
    let (status, served_by) = expected.answer;
    let others: Vec<_> = tally.iter().filter(|(sort, _)| (sort.0, sort.1.as_deref()) != (status, served_by)).collect();
    let (all, other) = (tally.values().sum::<u32>(), others.iter().map(|(_, count)| **count).sum::<u32>());
    ensure!(
        f64::from(other) <= expected.tolerated * f64::from(all),
        "of {all} answers others than {expected:?}: {others:?}"
    );
    Ok(all)
}
