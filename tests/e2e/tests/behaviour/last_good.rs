//! No region gives an answer, and the newest good one to the same question is given again: to those who ask the same, and
//! never to anybody else.

use std::collections::BTreeMap;
use std::time::Duration;

use helius_e2e::{Answer, Behaviour, Bootstrap, Client, Mesh, Reply, Request, wait_for};
use hyper::Method;
use serde_json::{Value, json};

use crate::STRICT;
use crate::regions::{QUESTION, Regions, assert_static, marks};

/// Keeps the assistant's answers so, with the static one behind them.
fn keeping(regions: &Regions, last_good: &Value) -> Bootstrap {
    regions.mesh().assist_route(|route| {
        route["fail_open"]["last_good"] = last_good.clone();
        route["match"] = json!({ "path": "/assist" });
        // Nobody here is late, however busy the machine is.
        route["upstream"]["timeout"] = "12s".into();
        for region in route["upstream"]["regions"].as_array_mut().unwrap() {
            region["timeout"] = "5s".into();
        }
    })
}

async fn start(regions: &Regions, last_good: &Value) -> Mesh {
    keeping(regions, last_good).start().await.unwrap()
}

impl Regions {
    fn fail(&self) {
        self.primary.behave(Answer::status(500).text("boom"));
        self.secondary.behave(Answer::status(500).text("boom"));
    }
}

fn model(version: &str) -> Answer {
    Answer::status(200).header("x-model", version).json(&json!({ "action": version, "confidence": 0.9 }))
}

async fn ask(mesh: &Mesh) -> Reply {
    mesh.post("/assist", QUESTION).await.unwrap()
}

fn assert_last_good(reply: &Reply, version: &str, degraded: &str) {
    let expected = [("served-by", "last-good"), ("degraded", degraded), ("attempts", "2")];
    assert_eq!(marks(reply), expected.into());
    assert_eq!((reply.status, reply.header("x-model")), (200, Some(version)));
    assert_eq!(reply.json()["action"], version);
    assert!(reply.header("age").unwrap().parse::<u64>().unwrap() < 60);
    assert_eq!(reply.headers.get_all("age").iter().count(), 1);
}

#[tokio::test]
async fn the_newest_good_answer_is_given_again_and_says_so() {
    let mut regions = Regions::start().await;
    let mesh = start(&regions, &json!({})).await;
    for version in ["v1", "v2"] {
        regions.primary.behave(model(version));
        let reply = ask(&mesh).await;
        assert_eq!((marks(&reply), reply.header("age")), (BTreeMap::new(), None));
    }
    // With a body to replace and without one, and with nobody there: the filter delivers over different ways.
    for primary in [Answer::status(500).text("boom"), Answer::status(500)] {
        regions.fail();
        regions.primary.behave(primary);
        let ledger = mesh.ledger().await.unwrap();
        assert_last_good(&ask(&mesh).await, "v2", "5xx");
        ledger.attempts(&[("us-east-1", "5xx", 1), ("us-west-2", "5xx", 1)]).await;
        ledger.responses(&[("last-good", "5xx", 1)]).await;
    }
    regions.primary.refuse().await;
    regions.secondary.refuse().await;
    assert_last_good(&ask(&mesh).await, "v2", "connect");
    let other = mesh.post("/assist", r#"{"id": 7, "question": "what else?"}"#).await.unwrap();
    assert_static(&other, "connect", "2");
    assert!(mesh.envoy().log().contains("served_by=last-good degraded="), "the log says so");
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn without_a_static_answer_it_is_the_last_rung() {
    let regions = Regions::start().await;
    let bootstrap = keeping(&regions, &json!({}));
    let bootstrap = bootstrap.assist_route(|route| {
        route["fail_open"].as_object_mut().unwrap().remove("static");
    });
    let mesh = bootstrap.start().await.unwrap();
    regions.primary.behave(model("v1"));
    ask(&mesh).await;
    regions.fail();
    // Longer than what is held of a failure that may be the answer.
    for failure in [Answer::status(500).text("boom"), Answer::status(500).text(&"long".repeat(6_000))] {
        regions.primary.behave(failure);
        assert_last_good(&ask(&mesh).await, "v1", "5xx");
        let other = mesh.post("/assist", "{}").await.unwrap();
        assert_eq!((other.status, other.header("x-helius-served-by")), (500, Some("primary")));
    }
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn an_answer_of_the_secondary_is_kept_too() {
    let regions = Regions::start().await;
    let mesh = start(&regions, &json!({})).await;
    regions.fail();
    regions.secondary.behave(model("west"));
    assert_eq!(ask(&mesh).await.header("x-helius-served-by"), Some("secondary"));
    regions.fail();
    assert_last_good(&ask(&mesh).await, "west", "5xx");
}

#[tokio::test]
async fn an_invalid_answer_is_never_kept() {
    let regions = Regions::start().await;
    let bootstrap = keeping(&regions, &json!({})).assist_route(|route| {
        route["output"] = json!({ "min_confidence": { "pointer": "/confidence", "bound": 0.5 } });
        route["upstream"].as_object_mut().unwrap().remove("fail_on");
    });
    let mesh = bootstrap.start().await.unwrap();
    let invalid = || Answer::status(200).header("x-model", "bad").json(&json!({ "action": "bad" }));
    for (primary, secondary) in [(model("east"), invalid()), (invalid(), model("west")), (invalid(), invalid())] {
        regions.primary.behave(primary);
        regions.secondary.behave(secondary);
        ask(&mesh).await;
    }
    assert_last_good(&ask(&mesh).await, "west", "invalid_output");
    let fresh = mesh.post("/assist", "{}").await.unwrap();
    assert_static(&fresh, "invalid_output", "2");
}

/// Whatever makes an answer one that nobody else may have, each with a question of its own.
#[tokio::test]
async fn what_may_not_be_given_again_is_not_kept() {
    let regions = Regions::start().await;
    let mesh = start(&regions, &json!({ "max_body": "2KiB" })).await;
    let plain = || Answer::status(200).text("plain");
    let with = |name: &str, value: &str| plain().header(name, value);
    let cases: Vec<(&str, Answer, bool)> = vec![
        ("plain", plain(), true),
        ("in pieces", Answer::status(200).drip(["pla", "in"], Duration::from_millis(5)), true),
        ("201", Answer::status(201).text("plain"), true),
        ("204", Answer::status(204), false),
        ("206", Answer::status(206).text("plain"), false),
        ("302", Answer::status(302).text("plain"), false),
        ("404", Answer::status(404).text("plain"), false),
        ("empty", Answer::status(200), false),
        ("at the limit", Answer::status(200).text(&"a".repeat(2048)), true),
        ("over the limit", Answer::status(200).text(&"a".repeat(2049)), false),
        ("event stream", Answer::status(200).header("content-type", "text/event-stream").body("data: a\n\n"), false),
        ("encoded", with("content-encoding", "gzip"), false),
        ("cookie", with("set-cookie", "a=b"), false),
        ("no-store", with("cache-control", "max-age=3, no-store"), false),
        ("private", with("cache-control", "private"), false),
        ("varies", with("vary", "accept-encoding, accept-language"), false),
        ("varies with the encoding", with("vary", "accept-encoding"), true),
        ("degraded itself", with("x-helius-degraded", "5xx"), false),
        ("many headers", with("x-long", &"a".repeat(9_000)), false),
    ];
    // Each is asked for before the next one may take its place.
    for (number, (title, answer, is_kept)) in cases.into_iter().enumerate() {
        regions.primary.behave(answer);
        mesh.post("/assist", number.to_string()).await.unwrap();
        regions.fail();
        let reply = mesh.post("/assist", number.to_string()).await.unwrap();
        let served_by = if is_kept { "last-good" } else { "static" };
        assert_eq!(reply.header("x-helius-served-by"), Some(served_by), "{title}");
    }
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn an_answer_with_trailers_or_to_a_head_is_not_kept() {
    let regions = Regions::start().await;
    let mesh = keeping(&regions, &json!({ "key": ["path"] })).http2_upstreams().start().await.unwrap();
    regions.primary.behave(Answer::status(200).text("body").trailer("checksum", "abc"));
    let reply = mesh.http2_client().send(Request::post("/assist", QUESTION)).await.unwrap();
    // The answer to a call has lost them, and is whole without.
    assert_eq!(reply.trailers.is_some(), !STRICT);
    regions.fail();
    let served_by = if STRICT { "last-good" } else { "static" };
    assert_eq!(marks(&ask(&mesh).await).get("served-by"), Some(&served_by));

    let mesh = start(&regions, &json!({ "key": ["path"] })).await;
    let head = || Request::new(Method::HEAD, "/assist");
    regions.primary.behave(Behaviour::Serve);
    assert_eq!(mesh.send(head()).await.unwrap().status, 200);
    regions.fail();
    assert_eq!(mesh.send(head()).await.unwrap().header("x-helius-served-by"), Some("static"));
}

#[tokio::test]
async fn who_shows_credentials_neither_gets_nor_leaves_an_answer() {
    let regions = Regions::start().await;
    let mesh = start(&regions, &json!({})).await;
    let by_token = start(&regions, &json!({ "key": ["path", "body", { "header": "authorization" }] })).await;
    let aloud = start(&regions, &json!({ "across_credentials": true })).await;
    let of = |token: &str| Request::post("/assist", QUESTION).header("authorization", token);
    regions.primary.behave(model("of-a"));
    for mesh in [&mesh, &by_token, &aloud] {
        mesh.send(of("a")).await.unwrap();
    }
    mesh.send(Request::post("/assist", QUESTION).header("cookie", "id=a")).await.unwrap();
    regions.fail();
    assert_static(&ask(&mesh).await, "5xx", "2");
    assert_static(&mesh.send(of("a")).await.unwrap(), "5xx", "2");
    assert_static(&by_token.send(of("b")).await.unwrap(), "5xx", "2");
    assert_last_good(&by_token.send(of("a")).await.unwrap(), "of-a", "5xx");
    assert_last_good(&aloud.send(of("b")).await.unwrap(), "of-a", "5xx");

    regions.primary.behave(model("of-all"));
    ask(&mesh).await;
    regions.fail();
    assert_static(&mesh.send(of("a")).await.unwrap(), "5xx", "2");
    assert_last_good(&ask(&mesh).await, "of-all", "5xx");
}

#[tokio::test]
async fn how_old_it_is_is_said_and_what_is_too_old_is_not_given() {
    let regions = Regions::start().await;
    let mesh = start(&regions, &json!({ "fresh": "100s", "max_stale": "103s" })).await;
    regions.primary.behave(model("v1").header("age", "99"));
    assert_eq!(ask(&mesh).await.header("age"), Some("99"), "the first answer goes on untouched");
    regions.fail();
    let mut seen = Vec::new();
    wait_for("it to be too old", Duration::from_secs(20), async || {
        let reply = ask(&mesh).await;
        let Some(age) = reply.header("age").map(|age| age.parse::<u64>().unwrap()) else { return Some(()) };
        seen.push((age, reply.header("x-helius-stale").map(str::to_owned)));
        None
    })
    .await
    .unwrap();
    assert!(seen.is_sorted() && (99..=100).contains(&seen[0].0), "{seen:?}");
    assert!(seen.iter().all(|(age, stale)| (99..=103).contains(age) && (stale.is_some() == (*age >= 100))), "{seen:?}");
    assert_static(&ask(&mesh).await, "5xx", "2");
}

#[tokio::test]
async fn it_survives_a_pushed_document() {
    let regions = Regions::start().await;
    let bootstrap = keeping(&regions, &json!({}));
    let document = bootstrap.document().to_string();
    let mut pushed = bootstrap.start_pushed().await.unwrap();
    regions.primary.behave(model("v1"));
    ask(pushed.mesh()).await;
    pushed.push(&document.replace("us-west-2", "eu-west-1")).await.unwrap();
    regions.primary.behave(Answer::status(500).text("boom"));
    wait_for("every worker to have the new document", Duration::from_secs(5), async || {
        for _ in 0..8 {
            // One whose answer is not kept, and so takes nobody's place.
            let question = Request::get("/assist").header("cookie", "a=b");
            let reply = pushed.mesh().send(question).await.ok()?;
            (reply.header("x-helius-region")? == "eu-west-1").then_some(())?;
        }
        Some(())
    })
    .await
    .unwrap();
    regions.fail();
    assert_last_good(&ask(pushed.mesh()).await, "v1", "5xx");
    pushed.mesh().assert_unharmed().await;
}

#[tokio::test]
async fn shadow_mode_gives_nothing_and_counts_what_it_would_have_given() {
    let regions = Regions::start().await;
    let bootstrap = keeping(&regions, &json!({})).assist_route(|route| {
        route["upstream"]["regions"].as_array_mut().unwrap().truncate(1);
    });
    let document = bootstrap.document().to_string();
    let mut pushed = bootstrap.start_pushed().await.unwrap();
    regions.primary.behave(model("v1"));
    ask(pushed.mesh()).await;
    regions.fail();
    pushed.push(&document.replacen('{', r#"{"mode":"shadow","#, 1).replace(r#","mode":"enforce""#, "")).await.unwrap();
    wait_for("the document to be in force", Duration::from_secs(5), async || {
        (ask(pushed.mesh()).await.status == 500).then_some(())
    })
    .await
    .unwrap();
    let would = async || {
        let labels = [("served_by", "would_last_good"), ("degraded", "5xx")];
        pushed.mesh().stats().await.unwrap().sum("helius_responses_total", &labels)
    };
    wait_for("the count", Duration::from_secs(5), async || (would().await > 0).then_some(())).await.unwrap();
}

/// What a tenant asks. The regions answer with the question itself, so that an answer says whose it is.
fn of_tenant(tenant: usize, question: usize) -> Request {
    let body = format!("tenant {tenant} asks {question}");
    Request::post(&format!("/assist?u={tenant}"), body).header("x-tenant", tenant.to_string())
}

/// Asks everything, over and over, and counts how often his own answer was given again. Nothing else may be.
async fn ask_all(client: Client, tenant: usize, questions: usize, rounds: usize) -> usize {
    let mut connection = client.connect().await.unwrap();
    let mut again = 0;
    for round in 0..rounds {
        for question in 0..questions {
            let reply = connection.send(of_tenant(tenant, question)).await.unwrap();
            match reply.header("x-helius-served-by") {
                Some("static") => {}
                served_by => {
                    assert_eq!(reply.text(), format!("tenant {tenant} asks {question}"), "{served_by:?} in {round}");
                    again += usize::from(served_by == Some("last-good"));
                }
            }
        }
    }
    again
}

async fn tenants(workers: u32) {
    const TENANTS: usize = 12;
    const QUESTIONS: usize = 10;
    let regions = Regions::start().await;
    // Far fewer places than questions, so that all tenants share them.
    let key = json!({ "key": ["path", { "header": "x-tenant" }, "body"], "max_entries": 16 });
    let mesh = keeping(&regions, &key).concurrency(workers).start().await.unwrap();
    let mut again = 0;
    for round in 0..6 {
        // While all is well, while all fail, and while the primary fails for some.
        match round % 3 {
            0 => regions.primary.behave(Behaviour::Echo),
            1 => regions.fail(),
            _ => regions.secondary.behave(Behaviour::Echo),
        }
        let asking: Vec<_> =
            (0..TENANTS).map(|tenant| tokio::spawn(ask_all(mesh.client(), tenant, QUESTIONS, 2))).collect();
        for tenant in asking {
            again += tenant.await.unwrap();
        }
    }
    assert!(again > 0, "somebody was given his own answer again");
    // Who asks with the words of another, and is not him.
    regions.primary.behave(Behaviour::Echo);
    let secret = of_tenant(1, 1);
    mesh.send(secret.clone()).await.unwrap();
    regions.fail();
    let body = "tenant 1 asks 1";
    let attempts = [
        Request::post("/assist?u=1", body),
        Request::post("/assist?u=1", body).header("x-tenant", ""),
        Request::post("/assist?u=1", body).header("x-tenant", "2"),
        Request::post("/assist?u=1", body).header("x-tenant", "1").header("x-tenant", "2"),
        Request::post("/assist?u=1", body).header("x-tenant", "2").header("x-tenant", "1"),
        Request::post("/assist?u=1", body).header("x-tenant", "1").header("authorization", "x"),
        Request::post("/assist?u=2", body).header("x-tenant", "1"),
        Request::post("/assist", body).header("x-tenant", "1"),
        Request::post("/assist?u=1", "tenant 1 asks").header("x-tenant", "1"),
        Request::new(Method::PUT, "/assist?u=1").body(body).header("x-tenant", "1"),
        Request::post("/assist?u=1", body).header("x-tenant", "1").header("host", "elsewhere"),
    ];
    for attempt in attempts {
        let reply = mesh.send(attempt.clone()).await.unwrap();
        assert_eq!(reply.header("x-helius-served-by"), Some("static"), "{attempt:?}");
    }
    let own = mesh.send(secret).await.unwrap();
    assert_eq!((own.header("x-helius-served-by"), own.text().as_str()), (Some("last-good"), body));
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn no_tenant_is_ever_given_the_answer_to_another() {
    for workers in [2, 4] {
        tenants(workers).await;
    }
}

/// Its client would take for done what was not.
#[tokio::test]
async fn what_may_not_be_sent_again_is_not_answered_from_what_was_kept() {
    let regions = Regions::start().await;
    let bootstrap = keeping(&regions, &json!({})).assist_route(|route| {
        route["upstream"]["replay"] = json!({ "methods": ["GET", "PUT"] });
    });
    let mesh = bootstrap.start().await.unwrap();
    regions.primary.behave(model("v1"));
    let with = |method| Request::new(method, "/assist").body(QUESTION);
    for method in [Method::POST, Method::PUT] {
        mesh.send(with(method)).await.unwrap();
    }
    regions.fail();
    let reply = mesh.send(with(Method::POST)).await.unwrap();
    assert_eq!(reply.header("x-helius-served-by"), Some("static"));
    assert_eq!(reply.header("x-helius-not-replayable"), Some("method"));
    let reply = mesh.send(with(Method::PUT)).await.unwrap();
    assert_eq!((reply.header("x-helius-served-by"), reply.header("x-model")), (Some("last-good"), Some("v1")));
}
