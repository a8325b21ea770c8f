//! A region that keeps failing is left alone: nobody waits for it, and it comes back little by little.

use std::time::Duration;

use helius_e2e::{Answer, Behaviour, Bootstrap, Mesh, Reply, Request, wait_for};
use hyper::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::regions::{QUESTION, Regions, assert_from_primary, assert_static_body, marks, match_methods};

const STATE: &str = "telemetry_circuit_breaker_state";
const TRANSITIONS: &str = "helius_breaker_transitions_total";
pub(crate) const OPEN: u64 = 2;
const SOON: Duration = Duration::from_secs(10);
/// So many failures in a row open a breaker.
const ENOUGH: usize = 7;

fn guarded(regions: &Regions, breaker: &Value) -> Bootstrap {
    regions.mesh().breakers(breaker)
}

/// Open for so long that no test sees it end.
pub(crate) fn for_good() -> Value {
    json!({ "open": { "base": "1h", "max": "1h" } })
}

async fn ask(mesh: &Mesh) -> Reply {
    mesh.post("/assist", QUESTION).await.unwrap()
}

/// Lets the primary fail until it is left alone, over connections to all workers.
async fn open_primary(regions: &Regions, mesh: &Mesh) {
    regions.primary.behave(Answer::status(500).text("boom"));
    for _ in 0..ENOUGH {
        assert_eq!(marks(&ask(mesh).await).get("degraded"), Some(&"5xx"));
    }
    regions.primary.behave(Behaviour::Serve);
    regions.primary.take_requests();
    regions.secondary.take_requests();
}

/// Asserts that the answer is the secondary's, and that the primary was not asked.
pub(crate) fn assert_straight_from_secondary(reply: &Reply) {
    assert_eq!((reply.status, reply.header("region")), (200, Some("us-west-2")), "{}", reply.text());
    let expected =
        [("served-by", "secondary"), ("region", "us-west-2"), ("degraded", "skipped_breaker_open"), ("attempts", "1")];
    assert_eq!(marks(reply), expected.into());
}

pub(crate) async fn state(mesh: &Mesh, region: &str) -> u64 {
    mesh.stats().await.unwrap().sum(STATE, &[("service", "llm-router"), ("route", "assist"), ("region", region)])
}

pub(crate) async fn transitions(mesh: &Mesh, to: &str, reason: &str) -> u64 {
    let labels = [("route", "assist"), ("region", "us-east-1"), ("to", to), ("reason", reason)];
    mesh.stats().await.unwrap().sum(TRANSITIONS, &labels)
}

#[tokio::test]
async fn a_region_that_fails_in_a_row_is_not_asked_any_more() {
    let regions = Regions::start().await;
    let mesh = guarded(&regions, &for_good()).start().await.unwrap();
    assert_eq!(state(&mesh, "us-east-1").await, 0);
    let ledger = mesh.ledger().await.unwrap();
    open_primary(&regions, &mesh).await;
    // More often than there are workers: they agree.
    for _ in 0..8 {
        assert_straight_from_secondary(&ask(&mesh).await);
    }
    assert_eq!((regions.primary.count(), regions.secondary.count()), (0, 8));
    let skipped = ("us-east-1", "skipped_breaker_open", 8);
    ledger.attempts(&[("us-east-1", "5xx", 7), ("us-west-2", "ok", 15), skipped]).await;
    ledger.responses(&[("secondary", "5xx", 7), ("secondary", "skipped_breaker_open", 8)]).await;

    assert_eq!((state(&mesh, "us-east-1").await, state(&mesh, "us-west-2").await), (OPEN, 0));
    assert_eq!(transitions(&mesh, "open", "consecutive_failures").await, 1);
    assert_eq!(mesh.stats().await.unwrap().sum(TRANSITIONS, &[]), 1, "and nothing else has changed");
    let line = "service=llm-router route=assist region=us-east-1 breaker=open from=closed reason=consecutive_failures";
    assert_eq!(mesh.envoy().log().matches(line).count(), 1);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_region_that_is_back_gets_its_traffic_back_little_by_little() {
    let regions = Regions::start().await;
    let breaker = json!({ "open": { "base": "200ms", "max": "200ms" }, "ramp": { "start": 0.2, "step": "300ms" } });
    let mesh = guarded(&regions, &breaker).start().await.unwrap();
    open_primary(&regions, &mesh).await;
    wait_for("the breaker to close", SOON, async || {
        ask(&mesh).await;
        (state(&mesh, "us-east-1").await == 0).then_some(())
    })
    .await
    .unwrap();
    assert_eq!(transitions(&mesh, "half_open", "backoff_elapsed").await, 1);
    assert_eq!(transitions(&mesh, "closed", "probes_succeeded").await, 1);
    assert!(regions.primary.count() >= 3, "three probes found out that it is back");
    // The ramp lasts 0.9 s, in which some go here and some go there.
    let mut served = Vec::new();
    wait_for("all of the traffic", SOON, async || {
        served.push(ask(&mesh).await.header("region") == Some("us-east-1"));
        (served.len() >= 20 && served.iter().rev().take(20).all(|by_primary| *by_primary)).then_some(())
    })
    .await
    .unwrap();
    assert!(served.contains(&false), "a region that has just come back is not flooded");
    assert_eq!(transitions(&mesh, "open", "consecutive_failures").await, 1, "it has not opened again");
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_region_that_hangs_is_left_alone_before_the_first_timeout_is_over() {
    let regions = Regions::start().await;
    let mut breaker = for_good();
    breaker["slow_call"] = json!({ "duration": "50ms" });
    let mesh = guarded(&regions, &breaker).assist_route(|route| {
        route["upstream"]["timeout"] = "20s".into();
        route["upstream"]["regions"][0]["timeout"] = "5s".into();
    });
    let mesh = mesh.start().await.unwrap();
    regions.primary.behave(Behaviour::Hang);
    let began = Instant::now();
    let client = mesh.client();
    let waiting: Vec<_> = (0..ENOUGH)
        .map(|_| tokio::spawn(async move { client.send(Request::post("/assist", QUESTION)).await }))
        .collect();
    regions.primary.wait_for_requests(ENOUGH).await.unwrap();
    // Whoever comes before the time of a slow call is over waits as the others do, and goes away: nobody can know yet.
    let reply = wait_for("the breaker to open", SOON, async || {
        let reply = timeout(Duration::from_millis(200), ask(&mesh)).await.ok()?;
        (marks(&reply).get("degraded") == Some(&"skipped_breaker_open")).then_some(reply)
    });
    assert_straight_from_secondary(&reply.await.unwrap());
    assert!(began.elapsed() < Duration::from_secs(5), "the first of them still waits: {:?}", began.elapsed());
    assert_eq!(transitions(&mesh, "open", "unanswered").await, 1);
    drop(waiting);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_429_that_says_when_to_come_back_is_obeyed() {
    let regions = Regions::start().await;
    let mesh = guarded(&regions, &json!({})).start().await.unwrap();
    regions.primary.behave(Answer::rate_limited(3600));
    assert_eq!(marks(&ask(&mesh).await).get("degraded"), Some(&"rate_limited"));
    assert_straight_from_secondary(&ask(&mesh).await);
    assert_eq!(regions.primary.count(), 1);
    assert_eq!(transitions(&mesh, "open", "retry_after").await, 1);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn client_errors_open_nothing() {
    let regions = Regions::start().await;
    let mesh = guarded(&regions, &for_good()).start().await.unwrap();
    regions.primary.behave(Answer::status(422).text("no"));
    for _ in 0..3 * ENOUGH {
        assert_eq!(ask(&mesh).await.status, 422);
    }
    assert_eq!((state(&mesh, "us-east-1").await, regions.secondary.count()), (0, 0));
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn both_regions_left_alone_means_the_static_answer_and_a_try_a_second() {
    let regions = Regions::start().await;
    let mesh = guarded(&regions, &for_good()).start().await.unwrap();
    regions.secondary.behave(Answer::status(500).text("boom"));
    regions.primary.behave(Answer::status(500).text("boom"));
    for _ in 0..ENOUGH {
        assert_static_body(&ask(&mesh).await);
    }
    regions.primary.take_requests();
    regions.secondary.take_requests();
    let began = Instant::now();
    let mut replies = Vec::new();
    for _ in 0..40 {
        replies.push(ask(&mesh).await);
    }
    replies.iter().for_each(assert_static_body);
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap() + 1;
    for region in [&regions.primary, &regions.secondary] {
        assert!((1..=seconds).contains(&region.count()), "{} tries in {seconds} s", region.count());
    }
    let expected = [("served-by", "static"), ("degraded", "skipped_breaker_open"), ("attempts", "0")];
    assert!(replies.iter().any(|reply| marks(reply) == expected.into()));

    // Whoever is the try when the region is back gets its answer, and the breaker knows.
    regions.primary.behave(Behaviour::Serve);
    wait_for("a try to be answered", SOON, async || (ask(&mesh).await.header("region")? == "us-east-1").then_some(()))
        .await
        .unwrap();
    assert_eq!(transitions(&mesh, "half_open", "last_resort_succeeded").await, 1);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn without_a_static_answer_the_filter_says_when_to_come_again() {
    let regions = Regions::start().await;
    let breaker = json!({ "mode": "forced_open" });
    let mesh = guarded(&regions, &breaker).assist_route(|route| {
        route.as_object_mut().unwrap().remove("fail_open");
    });
    let mesh = mesh.start().await.unwrap();
    let reply = ask(&mesh).await;
    assert_eq!((reply.status, reply.text().as_str()), (503, "no region may be asked now\n"));
    let expected = [("served-by", "refusal"), ("degraded", "skipped_breaker_open"), ("attempts", "0")];
    assert_eq!(marks(&reply), expected.into());
    assert_eq!(reply.header("retry-after"), Some("5"));
    assert_eq!((regions.primary.count(), regions.secondary.count()), (0, 0));
    mesh.assert_unharmed().await;
}

/// Envoy's buffer is smaller than what may be kept: a body that waited in it would be answered 413.
#[tokio::test]
async fn a_request_reaches_the_secondary_whole_however_it_comes() {
    let regions = Regions::start().await;
    let mesh = guarded(&regions, &for_good()).buffer_limit(32 * 1024).start().await.unwrap();
    open_primary(&regions, &mesh).await;
    for size in [0, 1, 16 * 1024, 16 * 1024 + 1, 40 * 1024, 64 * 1024] {
        let body: String = ('a'..='z').cycle().take(size).collect();
        let pieces: Vec<_> = body.as_bytes().chunks(7_000).map(<[u8]>::to_vec).collect();
        let at_once = Request::post("/assist", body.clone());
        let in_pieces = Request::new(Method::POST, "/assist").chunks(pieces).pace(Duration::from_millis(5));
        for request in [at_once, in_pieces] {
            for client in [mesh.client(), mesh.http2_client()] {
                let reply = client.send(request.clone()).await.unwrap();
                assert_straight_from_secondary(&reply);
                let asked = regions.secondary.take_requests();
                assert_eq!(asked.len(), 1, "{size} bytes");
                assert!(asked[0].body == body, "{size} bytes became {}", asked[0].body.len());
            }
        }
    }
    // One that no call can carry is a try once a second, and else gets the static answer.
    regions.primary.behave(Answer::status(500).text("boom"));
    let ask = async || mesh.post("/assist", "x".repeat(64 * 1024 + 1)).await.unwrap();
    let replies = [ask().await, ask().await];
    replies.iter().for_each(assert_static_body);
    let said = replies.each_ref().map(|reply| (marks(reply)["degraded"], marks(reply)["not-replayable"]));
    assert_eq!(said, [("5xx", "body"), ("skipped_breaker_open", "body")]);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_try_when_all_are_left_alone_carries_the_whole_body() {
    let regions = Regions::start().await;
    for (size, is_tried) in [(10, true), (32 * 1024, true), (32 * 1024 + 1, false), (60 * 1024, false)] {
        let mesh = guarded(&regions, &for_good()).buffer_limit(32 * 1024).start().await.unwrap();
        regions.secondary.behave(Answer::status(500).text("boom"));
        regions.primary.behave(Answer::status(500).text("boom"));
        for _ in 0..ENOUGH {
            ask(&mesh).await;
        }
        regions.primary.behave(Behaviour::Echo);
        let body: String = ('a'..='z').cycle().take(size).collect();
        let pieces = body.as_bytes().chunks(7_000).map(<[u8]>::to_vec).collect::<Vec<_>>();
        let request = Request::new(Method::POST, "/assist").chunks(pieces).pace(Duration::from_millis(2));
        let reply = mesh.send(request).await.unwrap();
        if is_tried {
            assert_eq!((reply.status, marks(&reply).len()), (200, 0), "it is the primary's own answer");
            assert!(reply.text() == body, "{size} bytes became {}", reply.body.len());
        } else {
            // What Envoy's buffer cannot take goes to the other region for its try.
            assert_static_body(&reply);
            assert_eq!(regions.secondary.take_requests().last().unwrap().body.len(), size);
        }
        mesh.assert_unharmed().await;
    }
}

#[tokio::test]
async fn what_no_region_has_seen_goes_to_the_secondary_whatever_its_method() {
    let regions = Regions::start().await;
    let mesh = guarded(&regions, &for_good()).assist_route(|route| match_methods(route, &["POST", "DELETE", "HEAD"]));
    let mesh = mesh.start().await.unwrap();
    open_primary(&regions, &mesh).await;
    let reply = mesh.send(Request::new(Method::DELETE, "/assist")).await.unwrap();
    assert_eq!(marks(&reply).get("degraded"), Some(&"skipped_breaker_open"));
    let reply = mesh.send(Request::new(Method::HEAD, "/assist")).await.unwrap();
    assert_eq!((reply.status, reply.body.len()), (200, 0));
    assert_eq!(regions.secondary.count(), 2);

    // But not a second time.
    regions.secondary.behave(Answer::status(500).text("boom"));
    let reply = mesh.send(Request::new(Method::DELETE, "/assist")).await.unwrap();
    assert_static_body(&reply);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_call_that_envoy_refuses_does_not_let_the_request_go_to_the_primary() {
    let regions = Regions::start().await;
    let mesh = guarded(&regions, &for_good()).assist_route(|route| {
        let unknown = json!({ "name": "eu-west-1", "cluster": "llm_assistant_eu_west_1", "timeout": "500ms" });
        route["upstream"]["regions"].as_array_mut().unwrap().insert(1, unknown);
    });
    let mesh = mesh.start().await.unwrap();
    // At once, so that the breaker of the region that Envoy does not know stays closed.
    regions.primary.behave(Answer::rate_limited(3600));
    ask(&mesh).await;
    regions.primary.take_requests();
    let in_pieces = Request::new(Method::POST, "/assist").chunks(["{", "}"]).pace(Duration::from_millis(20));
    for request in [Request::post("/assist", QUESTION), in_pieces, Request::new(Method::POST, "/assist")] {
        // Slow enough that the refusal is long over when it answers.
        let slow = Answer::status(200).text("late").header("region", "us-west-2").after(Duration::from_millis(100));
        regions.secondary.behave(slow);
        let reply = mesh.send(request).await.unwrap();
        assert_eq!((reply.status, reply.header("region")), (200, Some("us-west-2")), "{}", reply.text());
        assert_eq!((marks(&reply)["degraded"], marks(&reply)["attempts"]), ("skipped_breaker_open", "2"));
    }
    assert_eq!(regions.primary.count(), 0);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_client_that_leaves_while_its_request_is_sent_past_the_primary_harms_nobody() {
    let regions = Regions::start().await;
    let mesh = guarded(&regions, &for_good()).start().await.unwrap();
    open_primary(&regions, &mesh).await;
    let ledger = mesh.ledger().await.unwrap();
    regions.secondary.behave(Behaviour::Hang);
    let mut connection = mesh.client().connect().await.unwrap();
    let leaves = tokio::spawn(async move { connection.send(Request::post("/assist", QUESTION)).await });
    regions.secondary.wait_for_requests(1).await.unwrap();
    leaves.abort();
    ledger.responses(&[("none", "skipped_breaker_open", 1)]).await;
    ledger.attempts(&[("us-east-1", "skipped_breaker_open", 1), ("us-west-2", "abandoned", 1)]).await;
    regions.secondary.behave(Behaviour::Serve);
    assert_straight_from_secondary(&ask(&mesh).await);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn an_operator_may_force_it_open_or_closed_and_back() {
    let regions = Regions::start().await;
    let bootstrap = guarded(&regions, &json!({ "mode": "forced_open" }));
    let document = bootstrap.document().to_string();
    let mut pushed = bootstrap.start_pushed().await.unwrap();
    assert_straight_from_secondary_or_static(&ask(pushed.mesh()).await);
    assert_eq!(regions.primary.count(), 0);
    assert_eq!(state(pushed.mesh(), "us-east-1").await, OPEN);

    pushed.push(&document.replace("forced_open", "forced_closed")).await.unwrap();
    wait_for("every worker to have it", SOON, async || {
        for _ in 0..8 {
            if ask(pushed.mesh()).await.header("region")? != "us-east-1" {
                return None;
            }
        }
        Some(())
    })
    .await
    .unwrap();
    regions.primary.behave(Answer::status(500).text("boom"));
    for _ in 0..3 * ENOUGH {
        assert_eq!(marks(&ask(pushed.mesh()).await).get("degraded"), Some(&"5xx"), "it stays closed");
    }
    assert_eq!(state(pushed.mesh(), "us-east-1").await, 0);
    pushed.mesh().assert_unharmed().await;
}

/// Both regions are forced open, so nobody is asked at all.
fn assert_straight_from_secondary_or_static(reply: &Reply) {
    assert_static_body(reply);
    assert_eq!(marks(reply).get("degraded"), Some(&"skipped_breaker_open"));
}

#[tokio::test]
async fn it_survives_a_pushed_document() {
    let regions = Regions::start().await;
    let bootstrap = guarded(&regions, &for_good());
    let document = bootstrap.document().to_string();
    let mut pushed = bootstrap.start_pushed().await.unwrap();
    open_primary(&regions, pushed.mesh()).await;
    pushed.push(&document.replace("Resposta", "Outra resposta")).await.unwrap();
    for _ in 0..8 {
        assert_straight_from_secondary(&ask(pushed.mesh()).await);
    }
    assert_eq!(state(pushed.mesh(), "us-east-1").await, OPEN);
    pushed.mesh().assert_unharmed().await;
}

/// The listener that was replaced lives on for a while, and so does its filter, which knows of no change.
#[tokio::test]
async fn one_that_is_switched_off_is_shown_as_closed() {
    let regions = Regions::start().await;
    let bootstrap = guarded(&regions, &for_good());
    let mut off = bootstrap.document().clone();
    off["routes"][0]["upstream"]["circuit_breaker"]["mode"] = "off".into();
    let mut pushed = bootstrap.start_pushed().await.unwrap();
    // Whoever keeps a connection keeps the old listener.
    let mut kept = pushed.mesh().client().connect().await.unwrap();
    assert_from_primary(&kept.send(Request::post("/assist", QUESTION)).await.unwrap());
    open_primary(&regions, pushed.mesh()).await;
    assert_eq!(state(pushed.mesh(), "us-east-1").await, OPEN);

    pushed.push(&off.to_string()).await.unwrap();
    let mut closed_since: Option<Instant> = None;
    wait_for("the gauge to stay at closed for two looks of the old filter", SOON, async || {
        let is_closed = state(pushed.mesh(), "us-east-1").await == 0;
        closed_since = closed_since.filter(|_| is_closed).or_else(|| is_closed.then(Instant::now));
        closed_since.filter(|since| since.elapsed() > Duration::from_secs(2))
    })
    .await
    .unwrap();
    assert_from_primary(&ask(pushed.mesh()).await);
    drop(kept);
    pushed.mesh().assert_unharmed().await;
}

#[tokio::test]
async fn one_that_is_only_watched_changes_nothing_and_says_what_it_would_have_done() {
    let regions = Regions::start().await;
    let mut breaker = for_good();
    breaker["mode"] = "shadow".into();
    let mesh = guarded(&regions, &breaker).start().await.unwrap();
    open_primary(&regions, &mesh).await;
    assert_from_primary(&ask(&mesh).await);
    assert_eq!(transitions(&mesh, "would_open", "consecutive_failures").await, 1);
    assert_eq!(state(&mesh, "us-east-1").await, 0, "nobody is kept away");
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn shadow_mode_says_that_another_region_would_have_answered() {
    let regions = Regions::start().await;
    let mesh = guarded(&regions, &for_good()).configure(|document| document["mode"] = "shadow".into());
    let mesh = mesh.start().await.unwrap();
    let ledger = mesh.ledger().await.unwrap();
    regions.primary.behave(Answer::status(500).text("boom"));
    for _ in 0..ENOUGH {
        assert_eq!(ask(&mesh).await.status, 500);
    }
    regions.primary.behave(Behaviour::Serve);
    assert_from_primary(&ask(&mesh).await);
    ledger
        .responses(&[
            ("primary", "5xx", 7),
            ("primary", "none", 1),
            ("would_secondary", "5xx", 7),
            ("would_secondary", "skipped_breaker_open", 1),
        ])
        .await;
    assert_eq!(regions.secondary.count(), 0);
    mesh.assert_unharmed().await;
}

/// No answer has begun when the filter replies, so the reply is an answer like any other to the filters outside.
#[tokio::test]
async fn an_outer_filter_sees_the_answer() {
    let regions = Regions::start().await;
    let witness = json!({
        "name": "witness",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": { "inline_string":
                "function envoy_on_response(handle) handle:headers():add('x-outer', 'seen') end" },
        },
    });
    let mesh = guarded(&regions, &for_good()).outer_filter(witness).start().await.unwrap();
    open_primary(&regions, &mesh).await;
    let reply = ask(&mesh).await;
    assert_straight_from_secondary(&reply);
    assert_eq!(reply.header("x-outer"), Some("seen"));
    mesh.assert_unharmed().await;
}
