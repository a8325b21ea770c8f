//! An answer that comes with a good status and that its reader cannot use: another region's takes its place, and no
//! client ever sees it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use helius_e2e::{Answer, Behaviour, Bootstrap, Client, Ending, Mesh, Reply, Request, wait_for};
use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::breaker::{OPEN, assert_straight_from_secondary, for_good, state, transitions};
use crate::outer_filters::witness;
use crate::regions::{
    QUESTION, Regions, assert_from_primary, assert_from_secondary, assert_static, assert_static_body, marks,
    match_methods,
};
use crate::shadow::seen;
use crate::sizes::received_of_primary;

/// Longer answers become a reply of the filter's own.
const IN_PLACE: usize = 32 * 1024;
/// Stands in bodies that nobody may see.
const SECRET: &str = "zanzibar";

/// By these, what the stand-in regions say of themselves is valid.
fn rules() -> Value {
    json!({
        "schema": {
            "type": "object",
            "required": ["action", "confidence"],
            "properties": { "action": { "type": "string" }, "confidence": { "type": "number" } },
        },
        "min_confidence": { "pointer": "/confidence", "bound": 0.5 },
        "max_body": 1024,
    })
}

/// By this, what [`sized`] makes is valid.
fn any_length() -> Value {
    json!({ "schema": { "type": "object", "required": ["a"] } })
}

/// Judges what the assistant's regions say. Every failure leads to the next rung, as where `fail_on` is not written.
fn judged(bootstrap: Bootstrap, output: &Value) -> Bootstrap {
    bootstrap.assist_route(|route| {
        route["output"] = output.clone();
        route["upstream"].as_object_mut().unwrap().remove("fail_on");
    })
}

fn without_static(bootstrap: Bootstrap) -> Bootstrap {
    bootstrap.assist_route(|route| {
        route.as_object_mut().unwrap().remove("fail_open");
    })
}

/// For answers that take their time.
fn with_much_time(bootstrap: Bootstrap) -> Bootstrap {
    bootstrap.assist_route(|route| {
        route["upstream"]["timeout"] = "9s".into();
        route["upstream"]["regions"][0]["timeout"] = "8s".into();
    })
}

async fn start(regions: &Regions, output: &Value) -> Mesh {
    judged(regions.mesh(), output).start().await.unwrap()
}

fn question() -> Request {
    Request::post("/assist", QUESTION)
}

async fn ask(mesh: &Mesh) -> Reply {
    mesh.send(question()).await.unwrap()
}

/// A valid body of so many bytes, from 8. Not all the same, so that a piece that comes twice or not at all is noticed.
fn sized(size: usize) -> Bytes {
    let text: String = ('a'..='w').cycle().take(size - 8).collect();
    format!("{{\"a\":\"{text}\"}}").into()
}

/// An invalid answer: it is not sure of itself in any number.
fn invalid() -> Answer {
    Answer::status(200).json(&json!({ "action": SECRET, "confidence": SECRET }))
}

/// The ways in which a body may come: at once with its length, without it, and in fifty pieces.
fn ways(body: &Bytes) -> [Answer; 3] {
    let answer = Answer::status(200)
        .header("content-type", "application/json")
        .header("x-own", "one")
        .header("x-own", "two")
        .header("set-cookie", "a=b");
    let pieces: Vec<_> = body.chunks(body.len().div_ceil(50)).map(Bytes::copy_from_slice).collect();
    [
        answer.clone().body(body.clone()),
        answer.clone().drip([body.clone()], Duration::ZERO),
        answer.drip(pieces, Duration::from_millis(1)),
    ]
}

/// Asserts that two answers are the same to whoever reads them; how the length of a long one is told may differ.
fn assert_same(reply: &Reply, expected: &Reply) {
    let told = |reply: &Reply| {
        let (status, mut headers, body) = seen(reply);
        if body.len() > IN_PLACE {
            headers.retain(|name, _| !["content-length", "transfer-encoding"].contains(&name.as_str()));
        }
        (status, headers, body)
    };
    let ((status, headers, body), (expected_status, expected_headers, expected_body)) = (told(reply), told(expected));
    assert_eq!((status, headers), (expected_status, expected_headers));
    assert!(body == expected_body, "{} bytes came instead of {}", body.len(), expected_body.len());
}

#[tokio::test]
async fn a_valid_answer_comes_as_it_would_without_the_filter() {
    let regions = Regions::start().await;
    for upstreams in [Bootstrap::without_breakers, Bootstrap::http2_upstreams] {
        let bare = upstreams(regions.mesh()).without_filter().start().await.unwrap();
        let mesh = with_much_time(judged(upstreams(regions.mesh()), &any_length())).start().await.unwrap();
        let ledger = mesh.ledger().await.unwrap();
        let mut asked = 0;
        // Over connections that stay open: that an answer was held must not cost its client the connection.
        let clients = [(bare.client(), mesh.client()), (bare.http2_client(), mesh.http2_client())];
        for (to_bare, to_mesh) in clients {
            let (mut to_bare, mut to_mesh) = (to_bare.connect().await.unwrap(), to_mesh.connect().await.unwrap());
            for size in [10, 16 * 1024, 16 * 1024 + 1, IN_PLACE, IN_PLACE + 1, 200 * 1024] {
                for answer in ways(&sized(size)) {
                    regions.primary.behave(answer);
                    let expected = to_bare.send(question()).await.unwrap();
                    let reply = to_mesh.send(question()).await.unwrap();
                    assert!(reply.body == sized(size), "{} bytes came instead of {size}", reply.body.len());
                    assert_same(&reply, &expected);
                    asked += 1;
                }
            }
        }
        ledger.attempts(&[("us-east-1", "ok", asked)]).await;
        ledger.responses(&[("primary", "none", asked)]).await;
        mesh.assert_unharmed().await;
    }
    assert_eq!(regions.secondary.count(), 0);
}

#[tokio::test]
async fn the_bytes_of_a_valid_answer_may_be_any_that_http_allows() {
    let regions = Regions::start().await;
    let bare = regions.mesh().http2_upstreams().without_filter().start().await.unwrap();
    let mesh = judged(regions.mesh().http2_upstreams(), &any_length()).start().await.unwrap();
    for size in [10, IN_PLACE] {
        let answer = Answer::status(206).header("x-own", b"\xff\xfe").body(sized(size)).trailer("checksum", "abc");
        regions.primary.behave(answer);
        for (to_bare, to_mesh) in [(bare.client(), mesh.client()), (bare.http2_client(), mesh.http2_client())] {
            let (expected, reply) = (to_bare.send(question()).await.unwrap(), to_mesh.send(question()).await.unwrap());
            assert_same(&reply, &expected);
            assert_eq!(reply.trailers, expected.trailers);
        }
    }
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn filters_outside_see_a_valid_answer_that_is_not_long() {
    let regions = Regions::start().await;
    let bootstrap = judged(regions.mesh(), &any_length());
    let mesh = bootstrap.outer_filter(witness("x-outer")).inner_filter(witness("x-inner")).start().await.unwrap();
    for size in [10, IN_PLACE] {
        for answer in ways(&sized(size)) {
            regions.primary.behave(answer);
            let reply = ask(&mesh).await;
            assert!(reply.body == sized(size), "{} bytes came instead of {size}", reply.body.len());
            assert_eq!((reply.header("x-outer"), reply.header("x-inner")), (Some("200"), Some("200")));
        }
    }
    mesh.assert_unharmed().await;
}

/// What Envoy may hold is what a sidecar of Istio may.
#[tokio::test]
async fn a_valid_answer_comes_whole_where_envoy_may_hold_little() {
    let regions = Regions::start().await;
    let bootstrap = with_much_time(judged(regions.mesh(), &any_length()));
    let mesh = bootstrap.buffer_limit(32 * 1024).start().await.unwrap();
    for size in [10, 16 * 1024, 16 * 1024 + 1, IN_PLACE] {
        for answer in ways(&sized(size)) {
            regions.primary.behave(answer);
            for client in [mesh.client(), mesh.http2_client()] {
                assert_valid(&client.send(question()).await.unwrap(), size);
            }
        }
    }
    for size in [IN_PLACE + 1, 200 * 1024] {
        for client in [mesh.client(), mesh.http2_client()] {
            assert_valid(&ask_piece_by_piece(&mesh, client, &regions, &sized(size)).await, size);
        }
    }
    // All at once is more than Envoy takes, unless it reads it in pieces: its own answer then, and never half of one.
    regions.primary.behave(Answer::status(200).body(sized(200 * 1024)));
    let reply = ask(&mesh).await;
    assert!(reply.status == 500 || reply.body == sized(200 * 1024), "{} with {} bytes", reply.status, reply.body.len());
    regions.primary.behave(Answer::status(200).body(sized(10)));
    assert_valid(&ask(&mesh).await, 10);
    mesh.assert_unharmed().await;
}

fn assert_valid(reply: &Reply, size: usize) {
    assert_eq!((reply.status, marks(reply)), (200, BTreeMap::new()), "{} bytes of {size}", reply.body.len());
    assert!(reply.body == sized(size), "{} bytes came instead of {size}", reply.body.len());
}

/// Each piece is sent when Envoy has read the one before, so that none comes with another one.
async fn ask_piece_by_piece(mesh: &Mesh, client: Client, regions: &Regions, body: &Bytes) -> Reply {
    let gate = Arc::new(Semaphore::new(0));
    let pieces: Vec<_> = body.chunks(8 * 1024).map(Bytes::copy_from_slice).collect();
    regions.primary.behave(Answer::status(200).gated(pieces.clone(), &gate));
    let before = received_of_primary(mesh).await;
    let feed = async {
        let mut sent = before;
        for piece in &pieces {
            gate.add_permits(1);
            sent += piece.len();
            let has_arrived = async || (received_of_primary(mesh).await >= sent).then_some(());
            wait_for("a piece of the answer", Duration::from_secs(5), has_arrived).await.unwrap();
        }
    };
    tokio::join!(client.send(question()), feed).0.unwrap()
}

/// Every way to be useless with a good status.
fn invalid_answers() -> Vec<(&'static str, Answer)> {
    let said = |body: &'static [u8]| Answer::status(200).header("content-type", "application/json").body(body);
    let good = r#"{"action":"act","confidence":0.9}"#;
    let padded = |size: usize| good.to_owned() + &" ".repeat(size - good.len());
    vec![
        ("a wrong type", said(br#"{"action":"act","confidence":"0.9"}"#)),
        ("a key is missing", said(br#"{"confidence":0.9}"#)),
        ("not JSON", said(b"<html>busy</html>")),
        ("it does not say that it is JSON, and it is none", Answer::status(200).text("busy")),
        ("JSON that ends too early", said(br#"{"action":"act","confidence":0.9"#)),
        ("a key that is there twice", said(br#"{"action":"act","confidence":0.9,"confidence":0.9}"#)),
        ("not text", said(b"{\"action\":\"\xff\xfe\",\"confidence\":0.9}")),
        ("nothing", Answer::status(200)),
        ("nothing, and it did not say so before", Answer::status(200).drip(Vec::<Bytes>::new(), Duration::ZERO)),
        ("too long by a byte", Answer::status(200).body(padded(1025))),
        ("too long by far", Answer::status(200).body(padded(100 * 1024))),
        ("too long by far, in pieces", Answer::status(200).drip([padded(600), padded(600)], Duration::from_millis(1))),
        ("not sure enough", said(br#"{"action":"act","confidence":0.49}"#)),
        ("another good status", Answer::status(201).text("busy")),
        ("as it is", Answer::status(200).header("content-encoding", "identity").text("busy")),
    ]
}

#[tokio::test]
async fn an_invalid_answer_is_covered_by_the_secondary() {
    let regions = Regions::start().await;
    let mesh = start(&regions, &rules()).await;
    assert_from_primary(&ask(&mesh).await);
    for (what, answer) in invalid_answers() {
        println!("primary: {what}");
        regions.primary.behave(answer);
        for client in [mesh.client(), mesh.http2_client()] {
            let ledger = mesh.ledger().await.unwrap();
            assert_from_secondary(&client.send(question()).await.unwrap(), "invalid_output");
            ledger.attempts(&[("us-east-1", "invalid_output", 1), ("us-west-2", "ok", 1)]).await;
            ledger.responses(&[("secondary", "invalid_output", 1)]).await;
        }
    }
    mesh.assert_unharmed().await;
    regions.primary.behave(Behaviour::Serve);
    assert_from_primary(&ask(&mesh).await);
}

#[tokio::test]
async fn what_a_schema_cannot_say_is_looked_at_too() {
    let regions = Regions::start().await;
    let output = json!({
        "finite_numbers": true, "non_empty": "/items", "unique_ids": { "list": "/items", "key": "id" },
    });
    let mesh = start(&regions, &output).await;
    let good = Answer::status(200).header("region", "us-west-2").json(&json!({ "id": 7, "items": [{ "id": 1 }] }));
    regions.secondary.behave(good);
    for body in [
        r#"{"items":[]}"#,
        r#"{"items":null}"#,
        r#"{"other":[1]}"#,
        r#"{"items":[{"id":1},{"id":2},{"id":1}]}"#,
        r#"{"items":[{"id":1,"score":1e999}]}"#,
    ] {
        println!("primary: {body}");
        regions.primary.behave(Answer::status(200).body(body));
        assert_from_secondary(&ask(&mesh).await, "invalid_output");
    }
    let body = r#"{"items":[{"id":1,"score":1e9},{"id":2},{"id":"1"}]}"#;
    regions.primary.behave(Answer::status(200).body(body));
    let reply = ask(&mesh).await;
    assert_eq!((reply.text().as_str(), marks(&reply)), (body, BTreeMap::new()));
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn an_answer_of_just_the_length_that_is_allowed_is_valid() {
    let regions = Regions::start().await;
    let mut output = any_length();
    for (max_body, size) in [(1024, 1024), (IN_PLACE, IN_PLACE), (1 << 17, 1 << 17)] {
        output["max_body"] = max_body.into();
        let mesh = start(&regions, &output).await;
        for (longer, is_valid) in [(0, true), (1, false)] {
            for answer in ways(&sized(size + longer)) {
                regions.primary.behave(answer);
                let reply = without_secondary(&regions, &mesh).await;
                if is_valid {
                    assert_valid(&reply, size);
                } else {
                    assert_static(&reply, "invalid_output", "2");
                }
            }
        }
        mesh.assert_unharmed().await;
    }
}

async fn without_secondary(regions: &Regions, mesh: &Mesh) -> Reply {
    regions.secondary.behave(Answer::status(500).text("boom"));
    ask(mesh).await
}

#[tokio::test]
async fn two_invalid_answers_mean_the_static_one() {
    let regions = Regions::start().await;
    let mesh = start(&regions, &rules()).await;
    regions.primary.behave(invalid());
    for (what, answer) in invalid_answers() {
        println!("secondary: {what}");
        regions.secondary.behave(answer);
        let ledger = mesh.ledger().await.unwrap();
        assert_static(&ask(&mesh).await, "invalid_output", "2");
        ledger.attempts(&[("us-east-1", "invalid_output", 1), ("us-west-2", "invalid_output", 1)]).await;
        ledger.responses(&[("static", "invalid_output", 1)]).await;
    }
    // The secondary is judged whatever the primary did wrong.
    for primary in [Answer::status(500).text("boom"), Answer::status(500)] {
        regions.primary.behave(primary);
        let ledger = mesh.ledger().await.unwrap();
        assert_static(&ask(&mesh).await, "5xx", "2");
        ledger.attempts(&[("us-east-1", "5xx", 1), ("us-west-2", "invalid_output", 1)]).await;
    }
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn without_a_static_answer_the_filter_refuses_rather_than_pass_on_an_invalid_one() {
    let regions = Regions::start().await;
    let mesh = without_static(judged(regions.mesh(), &rules())).start().await.unwrap();
    let long = json!({ "action": [SECRET, "x".repeat(100 * 1024)] });
    let seconds: [(Behaviour, &str); 3] = [
        (invalid().into(), "invalid_output"),
        (Answer::status(500).text("boom").into(), "5xx"),
        (Behaviour::Reset, "reset"),
    ];
    for primary in [invalid(), Answer::status(200).json(&long), invalid().drip([SECRET], Duration::from_millis(1))] {
        regions.primary.behave(primary);
        for (secondary, verdict) in &seconds {
            regions.secondary.behave(secondary.clone());
            for client in [mesh.client(), mesh.http2_client()] {
                let ledger = mesh.ledger().await.unwrap();
                assert_refused(&client.send(question()).await.unwrap(), "2");
                ledger.attempts(&[("us-east-1", "invalid_output", 1), ("us-west-2", verdict, 1)]).await;
                ledger.responses(&[("refusal", "invalid_output", 1)]).await;
            }
        }
    }
    // No other region may be asked.
    regions.primary.behave(invalid());
    let reply = mesh.post("/assist", "x".repeat(64 * 1024 + 1)).await.unwrap();
    assert_eq!(marks(&reply).get("not-replayable"), Some(&"body"));
    assert_eq!((reply.status, reply.text().as_str()), (503, "no region gave a valid answer\n"));

    // A failure of the primary that says so itself is better than none.
    regions.primary.behave(Answer::status(500).text("boom"));
    regions.secondary.behave(invalid());
    let reply = ask(&mesh).await;
    assert_eq!((reply.status, reply.text().as_str()), (500, "boom"));
    let expected = [("served-by", "primary"), ("region", "us-east-1"), ("degraded", "5xx"), ("attempts", "2")];
    assert_eq!(marks(&reply), expected.into());
    mesh.assert_unharmed().await;
}

fn assert_refused(reply: &Reply, attempts: &str) {
    assert_eq!((reply.status, reply.text().as_str()), (503, "no region gave a valid answer\n"));
    let expected = [("served-by", "refusal"), ("degraded", "invalid_output"), ("attempts", attempts)];
    assert_eq!(marks(reply), expected.into());
    assert!(!format!("{reply:?}").contains(SECRET), "{reply:?}");
}

#[tokio::test]
async fn what_is_no_whole_readable_answer_is_not_judged() {
    let regions = Regions::start().await;
    let mesh = judged(regions.mesh(), &rules()).assist_route(|route| match_methods(route, &["POST", "HEAD"]));
    let mesh = mesh.start().await.unwrap();
    for answer in [
        Answer::status(204),
        Answer::status(302).header("location", "/elsewhere").text("elsewhere"),
        Answer::status(404).text("no"),
        Answer::status(422).json(&json!({ "confidence": "none" })),
        Answer::status(200).header("content-type", "text/event-stream; charset=utf-8").body("data: 1\n\n"),
        Answer::status(200).header("content-encoding", "gzip").header("content-type", "application/json").body("\x1f"),
    ] {
        println!("primary: {answer:?}");
        regions.primary.behave(answer);
        for client in [mesh.client(), mesh.http2_client()] {
            assert_eq!(marks(&client.send(question()).await.unwrap()), BTreeMap::new());
        }
    }
    regions.primary.behave(Behaviour::Serve);
    let reply = mesh.send(Request::new(Method::HEAD, "/assist")).await.unwrap();
    assert_eq!((reply.status, reply.body.len(), marks(&reply)), (200, 0, BTreeMap::new()));
    assert_eq!(regions.secondary.count(), 0);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn an_event_stream_is_not_held() {
    let regions = Regions::start().await;
    let mesh = start(&regions, &rules()).await;
    regions.primary.behave(Answer::event_stream(&["1", "2"], Duration::from_millis(10)));
    let mut connection = mesh.client().connect().await.unwrap();
    let mut reply = connection.open(question()).await.unwrap();
    assert_eq!(reply.next().await.unwrap().unwrap(), "data: 1\n\n");
    assert_eq!((reply.so_far.status, marks(&reply.so_far)), (200, BTreeMap::new()));
    assert_eq!(regions.secondary.count(), 0);
    drop(reply);
    mesh.assert_unharmed().await;
}

/// As in the shipped document. Nothing would follow from it, so nothing is held back for it either.
#[tokio::test]
async fn an_invalid_answer_that_is_not_listed_passes_and_is_counted() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().assist_route(|route| {
        assert!(!route["upstream"]["fail_on"].as_array().unwrap().contains(&"invalid_output".into()));
        route["output"] = rules();
    });
    let mesh = mesh.start().await.unwrap();
    for (what, answer) in invalid_answers() {
        println!("primary: {what}");
        regions.primary.behave(answer.header("x-own", "kept"));
        for client in [mesh.client(), mesh.http2_client()] {
            let ledger = mesh.ledger().await.unwrap();
            let reply = client.send(question()).await.unwrap();
            assert_eq!((reply.header("x-own"), marks(&reply)), (Some("kept"), BTreeMap::new()));
            ledger.attempts(&[("us-east-1", "invalid_output", 1)]).await;
            ledger.responses(&[("primary", "invalid_output", 1)]).await;
        }
    }
    assert_eq!(regions.secondary.count(), 0);
    mesh.assert_unharmed().await;
}

fn ejecting(regions: &Regions) -> Bootstrap {
    let mut breaker = for_good();
    // So that nothing else opens it.
    breaker["consecutive_failures"] = 0.into();
    breaker["failure_rate"] = 1.into();
    let mut output = rules();
    output["eject"] = json!({ "invalid": 5, "of": 20 });
    judged(regions.mesh().breakers(&breaker), &output)
}

#[tokio::test]
async fn a_region_that_answers_nonsense_now_and_then_is_left_alone() {
    let regions = Regions::start().await;
    let mesh = ejecting(&regions).start().await.unwrap();
    for bad in 1..=5 {
        assert_eq!(state(&mesh, "us-east-1").await, 0, "after {} of them", bad - 1);
        regions.primary.behave(Behaviour::Serve);
        assert_from_primary(&ask(&mesh).await);
        regions.primary.behave(invalid());
        assert_from_secondary(&ask(&mesh).await, "invalid_output");
    }
    regions.primary.take_requests();
    for _ in 0..4 {
        assert_straight_from_secondary(&ask(&mesh).await);
    }
    assert_eq!((regions.primary.count(), state(&mesh, "us-east-1").await), (0, OPEN));
    assert_eq!(transitions(&mesh, "open", "invalid_output").await, 1);
    let line = "service=llm-router route=assist region=us-east-1 breaker=open from=closed reason=invalid_output";
    assert_eq!(mesh.envoy().log().matches(line).count(), 1);

    // The secondary's answer is judged also where the primary was not asked.
    regions.secondary.behave(invalid());
    let reply = ask(&mesh).await;
    assert_static_body(&reply);
    let expected = [("served-by", "static"), ("degraded", "skipped_breaker_open"), ("attempts", "1")];
    assert_eq!(marks(&reply), expected.into());
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn fewer_invalid_answers_than_eject_says_open_nothing() {
    let regions = Regions::start().await;
    let mesh = ejecting(&regions).start().await.unwrap();
    for answers in 0..30 {
        let is_invalid = answers % 5 == 0;
        regions.primary.behave(if is_invalid { invalid().into() } else { Behaviour::Serve });
        let reply = ask(&mesh).await;
        assert_eq!(marks(&reply).get("degraded"), is_invalid.then_some(&"invalid_output"), "after {answers} answers");
    }
    assert_eq!(state(&mesh, "us-east-1").await, 0);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn invalid_answers_in_a_row_open_a_breaker_as_other_failures_do() {
    let regions = Regions::start().await;
    let mesh = judged(regions.mesh().breakers(&for_good()), &rules()).start().await.unwrap();
    regions.primary.behave(invalid());
    for _ in 0..7 {
        assert_from_secondary(&ask(&mesh).await, "invalid_output");
    }
    assert_straight_from_secondary(&ask(&mesh).await);
    assert_eq!(transitions(&mesh, "open", "consecutive_failures").await, 1);
    mesh.assert_unharmed().await;
}

/// The client has seen nothing of it, so unlike an answer that is not judged it can be given up.
#[tokio::test]
async fn an_answer_that_comes_too_slowly_is_given_up() {
    let regions = Regions::start().await;
    let mesh = start(&regions, &any_length()).await;
    regions.secondary.behave(Answer::status(200).header("region", "us-west-2").json(&json!({ "id": 7, "a": "" })));
    let pieces: Vec<_> = sized(1000).chunks(5).map(Bytes::copy_from_slice).collect();
    let dripping = Answer::status(200).drip(pieces, Duration::from_millis(50));
    let stalling = Answer::status(200).body(sized(1000)).ending(Ending::Stall);
    for (what, answer) in [("drips", dripping), ("stalls", stalling)] {
        println!("primary: {what}");
        regions.primary.behave(answer);
        for client in [mesh.client(), mesh.http2_client()] {
            let ledger = mesh.ledger().await.unwrap();
            assert_from_secondary(&client.send(question()).await.unwrap(), "timeout");
            ledger.attempts(&[("us-east-1", "timeout", 1), ("us-west-2", "ok", 1)]).await;
            ledger.responses(&[("secondary", "timeout", 1)]).await;
        }
    }
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_while_it_is_held_ends_with_envoys_own_error() {
    let regions = Regions::start().await;
    let mesh = start(&regions, &any_length()).await;
    for ending in [Ending::Reset, Ending::Close] {
        println!("ending: {ending:?}");
        regions.primary.behave(Answer::status(200).body(sized(100)).ending(ending));
        let ledger = mesh.ledger().await.unwrap();
        let reply = ask(&mesh).await;
        assert!(matches!(reply.status, 502..=504) && marks(&reply).is_empty(), "{reply:?}");
        ledger.attempts(&[("us-east-1", "reset", 1)]).await;
        ledger.responses(&[("primary", "reset", 1)]).await;
        mesh.assert_unharmed().await;
    }
    assert_eq!(regions.secondary.count(), 0);
    regions.primary.behave(Answer::status(200).body(sized(100)));
    assert_valid(&ask(&mesh).await, 100);
}

#[tokio::test]
async fn a_client_that_leaves_while_its_answer_is_held_harms_nobody() {
    let regions = Regions::start().await;
    let mesh = with_much_time(judged(regions.mesh(), &any_length())).start().await.unwrap();
    let ledger = mesh.ledger().await.unwrap();
    let before = received_of_primary(&mesh).await;
    regions.primary.behave(Answer::status(200).body(sized(100)).ending(Ending::Stall));
    let mut connection = mesh.client().connect().await.unwrap();
    let leaves = tokio::spawn(async move { connection.send(question()).await });
    let has_arrived = async || (received_of_primary(&mesh).await >= before + 100).then_some(());
    wait_for("the beginning of the answer", Duration::from_secs(5), has_arrived).await.unwrap();
    leaves.abort();
    ledger.attempts(&[("us-east-1", "abandoned", 1)]).await;
    ledger.responses(&[("none", "none", 1)]).await;
    regions.primary.behave(Answer::status(200).body(sized(100)));
    assert_valid(&ask(&mesh).await, 100);
    assert_eq!(regions.secondary.count(), 0);
    mesh.assert_unharmed().await;
}

/// A compressed answer cannot be judged, so nobody asks for one.
#[tokio::test]
async fn a_region_is_not_told_that_the_client_reads_compressed_answers() {
    let regions = Regions::start().await;
    for (mode, is_told) in [("enforce", false), ("shadow", true)] {
        let mesh = judged(regions.mesh(), &rules()).configure(|document| document["mode"] = mode.into());
        let mesh = mesh.start().await.unwrap();
        regions.primary.behave(invalid());
        mesh.send(question().header("accept-encoding", "gzip, br")).await.unwrap();
        for request in [regions.primary.take_requests(), regions.secondary.take_requests()].concat() {
            assert_eq!(request.header("accept-encoding"), is_told.then_some("gzip, br"), "{mode}");
        }
        mesh.assert_unharmed().await;
    }
}

#[tokio::test]
async fn shadow_mode_changes_nothing_and_counts_what_it_would_have_done() {
    let regions = Regions::start().await;
    let bare = regions.mesh().without_filter().start().await.unwrap();
    let shadow = judged(regions.mesh(), &rules()).configure(|document| document["mode"] = "shadow".into());
    let mesh = shadow.start().await.unwrap();
    for (what, answer) in invalid_answers() {
        println!("primary: {what}");
        regions.primary.behave(answer);
        let ledger = mesh.ledger().await.unwrap();
        assert_eq!(seen(&ask(&mesh).await), seen(&ask(&bare).await));
        ledger.attempts(&[("us-east-1", "invalid_output", 1)]).await;
        ledger.responses(&[("primary", "invalid_output", 1), ("would_secondary", "invalid_output", 1)]).await;
    }
    // Over the cap, so that only the static answer would have been left.
    regions.primary.behave(invalid());
    let ledger = mesh.ledger().await.unwrap();
    assert!(marks(&mesh.post("/assist", "x".repeat(64 * 1024 + 1)).await.unwrap()).is_empty());
    ledger.responses(&[("primary", "invalid_output", 1), ("would_static", "invalid_output", 1)]).await;

    regions.primary.behave(Behaviour::Serve);
    let ledger = mesh.ledger().await.unwrap();
    assert_from_primary(&ask(&mesh).await);
    ledger.attempts(&[("us-east-1", "ok", 1)]).await;
    ledger.responses(&[("primary", "none", 1)]).await;
    assert_eq!(regions.secondary.count(), 0);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn shadow_mode_holds_nothing_back() {
    let regions = Regions::start().await;
    let shadow = judged(regions.mesh(), &any_length()).configure(|document| document["mode"] = "shadow".into());
    let mesh = shadow.start().await.unwrap();
    let gate = Arc::new(Semaphore::new(1));
    regions.primary.behave(Answer::status(200).gated([r#"{"a""#, ":1}"], &gate));
    let mut connection = mesh.client().connect().await.unwrap();
    let ledger = mesh.ledger().await.unwrap();
    let mut reply = connection.open(question()).await.unwrap();
    assert_eq!(reply.next().await.unwrap().unwrap(), r#"{"a""#, "the rest has not been sent");
    gate.add_permits(1);
    assert_eq!(reply.finish().await.unwrap().text(), ":1}");
    ledger.attempts(&[("us-east-1", "ok", 1)]).await;
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn the_log_says_where_and_which_rule_and_never_what_stands_there() {
    let regions = Regions::start().await;
    let cases = [
        (invalid(), r#"rule=type at="/confidence""#),
        (Answer::status(200).json(&json!({ "action": SECRET })), r#"rule=required at="""#),
        (Answer::status(200).text(SECRET), r#"rule=not_json at="""#),
    ];
    for (answer, wrong) in cases {
        for mode in ["enforce", "shadow"] {
            // A mesh for each, because a route writes one line in a second.
            let mesh = judged(regions.mesh(), &rules()).configure(|document| document["mode"] = mode.into());
            let mesh = mesh.start().await.unwrap();
            regions.primary.behave(answer.clone());
            regions.secondary.behave(answer.clone());
            ask(&mesh).await;
            let line = format!("service=llm-router route=assist region=us-east-1 invalid_output {wrong} held_back=0");
            let is_told = async || (mesh.envoy().log().matches(&line).count() == 1).then_some(());
            let told = wait_for(&line, Duration::from_secs(5), is_told).await;
            assert!(told.is_ok(), "{line} is not in the log:\n{}", mesh.envoy().log_tail());
            assert!(!mesh.envoy().log().contains(SECRET), "a value stands in the log:\n{}", mesh.envoy().log_tail());
        }
    }
}
