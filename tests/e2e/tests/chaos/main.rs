//! 20 000 requests in a minute, by Envoy's route and once more by the filter's own calls, while the regions behind the mesh are killed, hung and restarted at random: no client
//! sees a 5xx, waits too long or gets somebody else's answer, and the operator's counters add up with what the clients
//! saw.
//!
//! Every run prints its seed; `CHAOS_SEED=…` repeats the faults and the requests of a run.
//!
//! One thing is not covered, by design: once the headers of the primary's answer have come, a break in mid-body
//! reaches the client. The regions here write an answer and its headers at once, so it does not occur; if it ever
//! does, it is reported as what it is.

mod books;
mod faults;
mod figures;
mod judge;
mod lane;
mod tally;
mod traffic;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use helius_e2e::{Mesh, RegionProcess, Request, alone, wait_for};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::faults::Journal;
use crate::judge::Judge;
use crate::lane::Lane;
use crate::tally::{Sent, Tally};
use crate::traffic::{PATIENCE, Question};

const REQUESTS: u32 = 20_000;
const SPAN: Duration = Duration::from_secs(60);
const CONCURRENCY: usize = 32;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_notices_that_regions_die_hang_and_come_back() {
    endure(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_where_the_filter_calls_the_primary_itself() {
    endure(true).await;
}

async fn endure(is_strict: bool) {
    let _machine = alone().await;
    let seed = seed();
    figures::tell(&format!("chaos for {SPAN:?}, strict: {is_strict}: CHAOS_SEED={seed} repeats this run"));
    let mut regions = [
        region("assist", "us-east-1").await,
        region("assist", "us-west-2").await,
        region("recommender", "us-east-1").await,
        region("recommender", "us-west-2").await,
    ];
    let [assist_east, assist_west, predict_east, predict_west] = regions.each_ref().map(RegionProcess::addr);
    let bootstrap = Mesh::builder().assist(assist_east, assist_west).predict(predict_east, predict_west);
    // One service with a circuit breaker for each region, as shipped, and one without. A GET of the assistant is protected
    // too, but nobody promised that it may be sent twice.
    let bootstrap = bootstrap.assist_route(|route| {
        route["upstream"].as_object_mut().unwrap().remove("circuit_breaker");
        route["match"]["methods"] = json!(["POST", "GET"]);
        route["upstream"]["replay"]["methods"] = json!(["POST"]);
    });
    let bootstrap = bootstrap.configure(|document| {
        for route in document["routes"].as_array_mut().unwrap() {
            route["upstream"]["strict"] = is_strict.into();
        }
    });
    let judge = Judge::new(bootstrap.document());
    let mesh = bootstrap.start().await.unwrap();

    let began = Instant::now();
    let journal = Journal::new(began);
    let faults = faults::unleash(&mut regions, seed, SPAN, &journal);
    let (tally, ()) = tokio::join!(send_all(&mesh, seed, began, judge), faults);
    let took = began.elapsed();

    let books = books::balance(&mesh, &tally).await;
    figures::print(&tally, &books, &journal, took);
    let mut complaints = tally.complaints(&journal);
    complaints.extend(books.complaints);
    assert!(complaints.is_empty(), "CHAOS_SEED={seed} repeats it:\n{}", complaints.join("\n"));
    figures::assert_every_rung_was_used(&tally, &journal);
    mesh.assert_unharmed().await;
    assert_recovered(&mesh).await;
}

fn seed() -> u64 {
    match std::env::var("CHAOS_SEED") {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("CHAOS_SEED is {text:?}, which is not a whole number")),
        Err(_) => fastrand::u64(..),
    }
}

async fn region(service: &str, name: &str) -> RegionProcess {
    RegionProcess::start(service, name).await.unwrap()
}

/// Spreads the requests evenly over the time. Who is late, because regions hang, catches up.
async fn send_all(mesh: &Mesh, seed: u64, began: Instant, judge: Judge) -> Tally {
    let (judge, next) = (Arc::new(judge), Arc::new(AtomicU32::new(0)));
    let mut workers = JoinSet::new();
    for mut lane in Lane::lanes(mesh, CONCURRENCY) {
        let (judge, next) = (Arc::clone(&judge), Arc::clone(&next));
        workers.spawn(async move {
            let mut tally = Tally::default();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= REQUESTS {
                    return tally;
                }
                sleep_until(began + SPAN * number / REQUESTS).await;
                tally.add(send(&mut lane, Question::numbered(number, seed), &judge, began).await);
            }
        });
    }
    workers.join_all().await.into_iter().fold(Tally::default(), Tally::merge)
}

async fn send(lane: &mut Lane, question: Question, judge: &Judge, began: Instant) -> Sent {
    let sent = Instant::now();
    let answer = timeout(PATIENCE, lane.send(question.request())).await;
    let latency = sent.elapsed();
    let outcome = judge.judge(&question, answer);
    Sent { what: format!("{question:?} over {lane:?}"), at: sent - began, latency, outcome }
}

/// Once the regions are well, every answer is the primary's again: at once, or when its breaker has found out.
async fn assert_recovered(mesh: &Mesh) {
    for (path, patience) in [("/assist", Duration::ZERO), ("/predict", Duration::from_secs(30))] {
        let mut in_a_row = 0;
        let recovered = wait_for(path, patience, async || {
            let reply = mesh.send(Request::post(path, r#"{"id": 1, "node_ids": [1]}"#)).await.ok()?;
            let is_ordinary = (reply.status, reply.header("region")) == (200, Some("us-east-1"));
            in_a_row = if is_ordinary && reply.marks().is_empty() { in_a_row + 1 } else { 0 };
            (in_a_row >= if patience.is_zero() { 1 } else { 20 }).then_some(())
        });
        recovered.await.unwrap();
    }
}
