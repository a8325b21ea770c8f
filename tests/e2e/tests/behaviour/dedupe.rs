//! A message that comes many times reaches a region once, and its copies are answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use helius_e2e::{Answer, Behaviour, Bootstrap, Client, Ending, Mesh, RawConnection, Reply, Request, wait_for};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::regions::{QUESTION, Regions, assert_from_primary, assert_static};

const ID: &str = "x-message-id";

/// A route that de-duplicates so.
fn deduped(regions: &Regions, dedupe: &Value) -> Bootstrap {
    regions.mesh().assist_route(|route| {
        route["admission"] = json!({ "dedupe": dedupe });
        // Nobody here is late, however busy the machine is.
        route["upstream"]["timeout"] = "12s".into();
        for region in route["upstream"]["regions"].as_array_mut().unwrap() {
            region["timeout"] = "5s".into();
        }
    })
}

fn by_header() -> Value {
    json!({ "key": { "header": ID } })
}

async fn start(regions: &Regions, dedupe: &Value) -> Mesh {
    deduped(regions, dedupe).start().await.unwrap()
}

fn message(id: &str) -> Request {
    Request::post("/assist", QUESTION).header(ID, id)
}

fn assert_duplicate(reply: &Reply, of: &str) {
    assert_eq!((reply.status, reply.text().as_str()), (202, ""));
    assert_eq!(reply.marks(), [("duplicate", of)].into(), "it is no answer of a rung");
}

/// How many copies there are of each message, between 2 and 50.
fn copies(message: usize) -> usize {
    2 + message * 31 % 49
}

/// What a connection sends, one after the other: how often it was served, and how often told that it is a duplicate.
async fn send_all(client: Client, messages: Vec<usize>) -> [u64; 2] {
    let mut connection = client.connect().await.unwrap();
    let mut seen = [0; 2];
    for id in messages {
        let reply = connection.send(message(&id.to_string())).await.unwrap();
        let is_duplicate = reply.header("x-helius-duplicate").is_some();
        assert_eq!(reply.status, if is_duplicate { 202 } else { 200 });
        seen[usize::from(is_duplicate)] += 1;
    }
    seen
}

/// Ten connections share all copies, so that those of one message come at the same time and to every worker.
async fn bridge(workers: u32) {
    const MESSAGES: usize = 200;
    const CONNECTIONS: usize = 10;
    let regions = Regions::start().await;
    let mesh = deduped(&regions, &by_header()).concurrency(workers).start().await.unwrap();
    let all: Vec<_> = (0..MESSAGES).flat_map(|id| std::iter::repeat_n(id, copies(id))).collect();
    let clients = (0..CONNECTIONS).map(|first| {
        let share = all.iter().copied().skip(first).step_by(CONNECTIONS).collect();
        tokio::spawn(send_all(mesh.client(), share))
    });
    let (mut served, mut duplicates) = (0, 0);
    for client in clients.collect::<Vec<_>>() {
        let [once, again] = client.await.unwrap();
        served += once;
        duplicates += again;
    }
    let mut arrived = BTreeMap::<String, usize>::new();
    for request in regions.primary.requests() {
        *arrived.entry(request.header(ID).unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(arrived.len(), MESSAGES, "{workers} workers: none is lost");
    assert!(arrived.values().all(|count| *count == 1), "{workers} workers: {arrived:?}");
    assert_eq!((served, regions.secondary.count()), (MESSAGES as u64, 0));
    let stats = mesh.stats().await.unwrap();
    let counted = |decision| stats.sum("helius_admission_total", &[("decision", decision)]);
    let expected = (MESSAGES as u64, (all.len() - MESSAGES) as u64, 0);
    assert_eq!((counted("allowed"), counted("duplicate"), counted("undecided")), expected, "{workers} workers");
    assert_eq!(duplicates, expected.1);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_bridge_that_sends_each_message_up_to_fifty_times_is_heard_once() {
    for workers in [2, 4] {
        bridge(workers).await;
    }
}

#[tokio::test]
async fn the_copies_share_one_connection_over_http2_too() {
    let regions = Regions::start().await;
    let mesh = start(&regions, &by_header()).await;
    let connection = mesh.http2_client().connect().await.unwrap();
    let sends = (0..20).map(|_| {
        let mut connection = connection.share().unwrap();
        tokio::spawn(async move { connection.send(message("41")).await.unwrap().status })
    });
    let mut statuses = Vec::new();
    for send in sends.collect::<Vec<_>>() {
        statuses.push(send.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [&[200][..], &[202; 19]].concat());
    assert_eq!(regions.primary.count(), 1);
}

#[tokio::test]
async fn a_copy_is_turned_away_while_the_first_is_on_its_way_and_afterwards() {
    let regions = Regions::start().await;
    let mesh = start(&regions, &by_header()).await;
    let gate = Arc::new(Semaphore::new(0));
    regions.primary.behave(Answer::status(200).gated(["whole"], &gate));
    let ledger = mesh.ledger().await.unwrap();
    let mut connection = mesh.client().connect().await.unwrap();
    let first = connection.open(message("41")).await.unwrap();
    for _ in 0..3 {
        assert_duplicate(&mesh.send(message("41")).await.unwrap(), "in_flight");
    }
    gate.add_permits(1);
    assert_eq!(first.finish().await.unwrap().text(), "whole");
    for _ in 0..3 {
        assert_duplicate(&mesh.send(message("41")).await.unwrap(), "done");
    }
    regions.primary.behave(Behaviour::Serve);
    assert_from_primary(&mesh.send(message("42")).await.unwrap());
    assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
    assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
    assert_eq!(regions.primary.count(), 4, "what has no id is no copy of anything");
    ledger.admissions(&[("assist", "allowed", 4), ("assist", "duplicate", 6)]).await;
    ledger.responses(&[("primary", "none", 4)]).await;
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_first_that_fails_does_not_swallow_its_retry() {
    let regions = Regions::start().await;
    let with_static = start(&regions, &by_header()).await;
    let bootstrap = deduped(&regions, &by_header()).assist_route(|route| {
        route.as_object_mut().unwrap().remove("fail_open");
    });
    let without_static = bootstrap.start().await.unwrap();
    let failures = [
        (500, Answer::status(500).text("boom")),
        (429, Answer::rate_limited(1)),
        (404, Answer::status(404).text("no")),
    ];
    for (mesh, has_static) in [(&with_static, true), (&without_static, false)] {
        for (status, failure) in &failures {
            let id = status.to_string();
            regions.primary.behave(failure.clone());
            regions.secondary.behave(failure.clone());
            let reply = mesh.send(message(&id)).await.unwrap();
            if has_static && *status == 500 {
                assert_static(&reply, "5xx", "2");
            } else {
                assert_eq!(reply.status, *status);
            }
            regions.primary.behave(Behaviour::Serve);
            assert_from_primary(&mesh.send(message(&id)).await.unwrap());
            assert_duplicate(&mesh.send(message(&id)).await.unwrap(), "done");
        }
        mesh.assert_unharmed().await;
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_a_client_who_leaves_lets_the_retry_through() {
    let regions = Regions::start().await;
    let mesh = start(&regions, &by_header()).await;
    regions.primary.behave(Answer::status(200).drip(["begun"], Duration::ZERO).ending(Ending::Reset));
    mesh.send(message("41")).await.unwrap_err();
    regions.primary.behave(Behaviour::Hang);
    let mut client = RawConnection::connect(mesh.addr()).await.unwrap();
    let head = format!("POST /assist HTTP/1.1\r\nhost: a\r\n{ID}: 42\r\ncontent-length: {}\r\n\r\n", QUESTION.len());
    client.write(head + QUESTION).await.unwrap();
    regions.primary.wait_for_requests(2).await.unwrap();
    assert_duplicate(&mesh.send(message("42")).await.unwrap(), "in_flight");
    client.reset().unwrap();
    regions.primary.behave(Behaviour::Serve);
    for id in ["41", "42"] {
        let served = wait_for("the retry to go on", Duration::from_secs(5), async || {
            let reply = mesh.send(message(id)).await.ok()?;
            (reply.status == 200).then_some(reply)
        });
        assert_from_primary(&served.await.unwrap());
    }
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn another_regions_answer_is_an_answer() {
    let regions = Regions::start().await;
    let mesh = start(&regions, &by_header()).await;
    regions.primary.behave(Answer::status(500).text("boom"));
    assert_eq!(mesh.send(message("41")).await.unwrap().header("region"), Some("us-west-2"));
    assert_duplicate(&mesh.send(message("41")).await.unwrap(), "done");
    assert_eq!((regions.primary.count(), regions.secondary.count()), (1, 1));
}

#[tokio::test]
async fn duplicates_may_get_the_first_ones_answer_byte_for_byte() {
    let regions = Regions::start().await;
    let dedupe = json!({ "key": { "header": ID }, "replay_answer": true, "status": 409 });
    let mesh = start(&regions, &dedupe).await;
    let body = (0..=255).collect::<Vec<u8>>().repeat(40);
    let own = || Answer::status(201).header("content-type", "application/x-any").header("x-model", "v7");
    let pieces = body.chunks(1000).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let primary = [own().body(body.clone()), own().drip(pieces, Duration::from_millis(1))];
    for (index, answer) in primary.into_iter().enumerate() {
        regions.primary.behave(answer);
        let id = format!("primary-{index}");
        assert_same(&mesh, &id, &body, None).await;
    }
    regions.primary.behave(Answer::status(500).text("boom"));
    regions.secondary.behave(own().body(body.clone()));
    assert_same(&mesh, "secondary", &body, Some("us-west-2")).await;
    // One that is too long to be kept, or has no body at all.
    let mut served = regions.secondary.count() + regions.primary.count();
    for (id, answer, status) in [("long", own().body(vec![b'x'; 20_000]), 409), ("empty", Answer::status(204), 204)] {
        regions.primary.behave(answer);
        mesh.send(message(id)).await.unwrap();
        let reply = mesh.send(message(id)).await.unwrap();
        assert_eq!((reply.status, reply.body.len(), reply.marks()), (status, 0, [("duplicate", "done")].into()));
        served += 1;
    }
    assert_eq!(regions.primary.count() + regions.secondary.count(), served);
    mesh.assert_unharmed().await;
}

/// The message is served, and its copy gets the same answer.
async fn assert_same(mesh: &Mesh, id: &str, body: &[u8], region: Option<&str>) {
    let first = mesh.send(message(id)).await.unwrap();
    assert_eq!((first.status, first.header("x-helius-region")), (201, region));
    let second = mesh.send(message(id)).await.unwrap();
    assert_eq!(second.marks(), [("duplicate", "done")].into(), "it says nothing of how the first was served");
    for reply in [first, second] {
        assert_eq!(reply.status, 201, "{id}");
        assert_eq!((reply.header("content-type"), reply.header("x-model")), (Some("application/x-any"), Some("v7")));
        assert!(reply.body == body, "{id}: {} bytes", reply.body.len());
    }
}

#[tokio::test]
async fn a_message_may_be_known_by_its_body() {
    let regions = Regions::start().await;
    // Whether it may be sent again has nothing to do with it.
    let bootstrap = deduped(&regions, &json!({ "key": "body" }));
    let mesh = bootstrap.assist_route(|route| route["upstream"]["replay"]["methods"] = json!(["GET"]));
    let mesh = mesh.start().await.unwrap();
    let ledger = mesh.ledger().await.unwrap();
    for client in [mesh.client(), mesh.http2_client()] {
        client.send(Request::post("/assist", QUESTION)).await.unwrap();
        assert_duplicate(&client.send(Request::post("/assist", QUESTION)).await.unwrap(), "done");
    }
    for path in ["/assist?sensor=1", "/assist?sensor=2"] {
        assert_from_primary(&mesh.post(path, QUESTION).await.unwrap());
        assert_duplicate(&mesh.post(path, QUESTION).await.unwrap(), "done");
    }
    ledger.admissions(&[("assist", "allowed", 3), ("assist", "duplicate", 5)]).await;
    let long = "x".repeat(20_000);
    let dripping = || Request::post("/assist", "").chunks(["one", "two"]).pace(Duration::from_millis(20));
    for request in [Request::post("/assist", long.clone()), dripping()] {
        for _ in 0..2 {
            assert_eq!(mesh.send(request.clone()).await.unwrap().status, 200);
        }
    }
    for _ in 0..2 {
        assert_eq!(mesh.post("/assist", "").await.unwrap().status, 200, "nothing is no message");
    }
    ledger.admissions(&[("assist", "allowed", 5), ("assist", "duplicate", 5), ("assist", "undecided", 4)]).await;
    let arrived: Vec<_> = regions.primary.requests().iter().map(|request| request.body.len()).collect();
    assert_eq!(arrived, [QUESTION.len(), QUESTION.len(), QUESTION.len(), 20_000, 20_000, 6, 6, 0, 0]);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_route_need_not_know_its_regions() {
    let regions = Regions::start().await;
    for (dedupe, copy) in
        [(by_header(), message("41")), (json!({ "key": "body" }), Request::post("/assist", "reading"))]
    {
        let bootstrap = regions.mesh().assist_route(|route| {
            let route = route.as_object_mut().unwrap();
            route.insert("admission".to_owned(), json!({ "dedupe": dedupe }));
            route.remove("upstream");
            route.remove("fail_open");
        });
        let mesh = bootstrap.start().await.unwrap();
        let ledger = mesh.ledger().await.unwrap();
        regions.primary.behave(Answer::status(503).text("not now"));
        let failed = mesh.send(copy.clone()).await.unwrap();
        assert_eq!((failed.status, failed.text().as_str()), (503, "not now"));
        let mark = [("served-by", "primary"), ("region", "primary"), ("degraded", "5xx"), ("attempts", "1")];
        assert_eq!(failed.marks(), mark.into());
        // Longer than any timeout of the shipped document.
        regions.primary.behave(Answer::status(200).text("late").after(Duration::from_millis(600)));
        assert_eq!(mesh.send(copy.clone()).await.unwrap().text(), "late");
        assert_duplicate(&mesh.send(copy).await.unwrap(), "done");
        ledger.admissions(&[("assist", "allowed", 2), ("assist", "duplicate", 1)]).await;
        ledger.attempts(&[("primary", "5xx", 1), ("primary", "ok", 1)]).await;
        ledger.responses(&[("primary", "5xx", 1), ("primary", "none", 1)]).await;
        mesh.assert_unharmed().await;
    }
    assert_eq!((regions.primary.count(), regions.secondary.count()), (4, 0));
}

/// Envoy closes the connection of a client whom it answers in mid-request: a bridge would pay that for every copy.
#[tokio::test]
async fn a_duplicate_costs_no_connection() {
    let regions = Regions::start().await;
    let mesh = deduped(&regions, &by_header()).assist_route(|route| {
        route.as_object_mut().unwrap().retain(|key, _| !["upstream", "fail_open"].contains(&key.as_str()));
    });
    let mesh = mesh.start().await.unwrap();
    let mut connection = mesh.client().connect().await.unwrap();
    assert_from_primary(&connection.send(message("1")).await.unwrap());
    for _ in 0..5 {
        let reply = connection.send(message("1").body("x".repeat(12 * 1024))).await.unwrap();
        assert_duplicate(&reply, "done");
        assert_eq!(reply.header("connection"), None);
    }
    assert_eq!(regions.primary.count(), 1);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn what_the_ladder_leaves_alone_is_not_de_duplicated() {
    let regions = Regions::start().await;
    let mesh = start(&regions, &by_header()).await;
    let ledger = mesh.ledger().await.unwrap();
    for _ in 0..3 {
        let reply = mesh.send(message("41").header("accept", "text/event-stream")).await.unwrap();
        assert_from_primary(&reply);
    }
    assert_eq!(regions.primary.count(), 3);
    ledger.admissions(&[("assist", "allowed", 3)]).await;
}

#[tokio::test]
async fn shadow_mode_lets_every_copy_through_and_counts() {
    let regions = Regions::start().await;
    for dedupe in [by_header(), json!({ "key": "body", "replay_answer": true })] {
        let before = regions.primary.count();
        let bootstrap = deduped(&regions, &dedupe).configure(|document| document["mode"] = "shadow".into());
        let mesh = bootstrap.start().await.unwrap();
        let ledger = mesh.ledger().await.unwrap();
        for _ in 0..5 {
            assert_from_primary(&mesh.send(message("41")).await.unwrap());
        }
        assert_eq!(regions.primary.count() - before, 5);
        ledger.admissions(&[("assist", "allowed", 1), ("assist", "would_duplicate", 4)]).await;
    }
}

#[tokio::test]
async fn what_has_been_seen_outlives_a_configuration_push() {
    let regions = Regions::start().await;
    let bootstrap = deduped(&regions, &by_header());
    let document = bootstrap.document().to_string();
    let mut pushed = bootstrap.start_pushed().await.unwrap();
    assert_from_primary(&pushed.mesh().send(message("41")).await.unwrap());
    pushed.push(&document.replace("safemode_fallback", "another")).await.unwrap();
    for _ in 0..8 {
        assert_duplicate(&pushed.mesh().send(message("41")).await.unwrap(), "done");
    }
}
