//! The incident for which all of this was built, in a minute and in the real Envoy. The primary region returns corrupted
//! decisions with a 200, then slows down, then disappears; the secondary region cannot carry the load of both. The clients
//! send 60 000 requests and see 60 000 answers: no 5xx, no invalid body, and every degraded one says that it is. When all
//! is back, everything is as before.

mod clients;
mod regions;

use std::time::{Duration, Instant};

use helius_e2e::{LeanRegion, Mesh, OpenLoop, Stats, alone, wait_for};
use serde_json::json;

use clients::{Seen, question};
use regions::{SLOW, corrupted, overloaded};

/// Requests a second, and for how long.
const RATE: u32 = 1000;
const SPAN: u32 = 60;
const LANES: usize = 64;

/// What happens, and the second in which it begins.
const STORY: [(&str, u32); 5] =
    [("all well", 0), ("primary corrupted", 8), ("primary slow", 22), ("primary gone", 32), ("all back", 42)];

/// By then every breaker has closed and its ramp is over: open for at most 5 s, and four steps of a second.
const AS_BEFORE: u32 = 54;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_thousand_answers_and_not_one_of_them_is_wrong() {
    tell_the_story(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_is_one_where_the_filter_calls_the_primary_itself() {
    tell_the_story(true).await;
}

async fn tell_the_story(is_strict: bool) {
    let _machine = alone().await;
    println!("strict: {is_strict}");
    let mut primary = LeanRegion::start("us-east-1").await.unwrap();
    let secondary = LeanRegion::start("us-west-2").await.unwrap();
    secondary.temper(overloaded());
    let mesh = mesh(&primary, &secondary, is_strict).await;

    let load = OpenLoop::connect(mesh.addr(), LANES).unwrap();
    let began = Instant::now();
    let running = load.beginning(began).spawn(RATE * SPAN, RATE, question);
    for (what, second) in STORY {
        tokio::time::sleep_until((began + Duration::from_secs(second.into())).into()).await;
        match what {
            "primary corrupted" => primary.temper(corrupted()),
            "primary slow" => primary.behave(SLOW),
            "primary gone" => primary.refuse().await,
            "all back" => {
                primary.behave(helius_e2e::Mood::Serve);
                primary.accept().await.unwrap();
            }
            _ => {}
        }
    }
    let (_load, sent) = running.await.unwrap().unwrap();

    let seen = Seen::of(&sent);
    seen.tell(&STORY.map(|(what, second)| (what, second * RATE)));
    assert_eq!(seen.len(), RATE * SPAN);
    seen.assert_all_good();
    seen.assert_degraded_in_each(&STORY[1..4].iter().map(|(_, second)| second * RATE).collect::<Vec<_>>());
    seen.assert_plain_since(AS_BEFORE * RATE);
    assert_books(&mesh, &seen).await;
    mesh.assert_unharmed().await;
}

async fn mesh(primary: &LeanRegion, secondary: &LeanRegion, is_strict: bool) -> Mesh {
    let bootstrap = Mesh::builder().assist(primary.addr(), secondary.addr()).concurrency(2);
    let bootstrap = bootstrap.assist_route(|route| {
        route["match"]["methods"] = json!(["POST", "GET"]);
        route["output"] = clients::output();
        route["output"]["eject"] = json!({ "invalid": 5, "of": 20 });
        route["upstream"].as_object_mut().unwrap().remove("fail_on");
        route["upstream"]["strict"] = is_strict.into();
        route["upstream"]["timeout"] = "500ms".into();
        for region in [0, 1] {
            route["upstream"]["regions"][region]["timeout"] = "200ms".into();
        }
    });
    bootstrap.start().await.unwrap()
}

/// What Envoy has counted is what the clients saw, and nothing is left over.
async fn assert_books(mesh: &Mesh, seen: &Seen<'_>) {
    let route = |stats: &Stats, served_by| {
        stats.sum("helius_responses_total", &[("route", "assist"), ("served_by", served_by)])
    };
    let settled = wait_for("the books to balance", Duration::from_secs(10), async || {
        let stats = mesh.stats().await.ok()?;
        let counted = ["primary", "secondary", "static"].map(|served_by| route(&stats, served_by));
        let active = stats.sum("envoy_http_downstream_rq_active", &[("envoy_http_conn_manager_prefix", "ingress")]);
        (counted == seen.by_rung() && active == 0).then_some(stats)
    });
    let stats = settled.await.unwrap();
    assert_eq!(stats.sum("telemetry_circuit_breaker_state", &[("route", "assist")]), 0, "a breaker is not closed");
    let reasons = stats.sum("helius_breaker_transitions_total", &[("route", "assist"), ("reason", "invalid_output")]);
    assert!(reasons > 0, "nobody was left alone for what it said");
}
