//! A breaker in shadow mode changes no answer and no request: it only says what it would have done.

use std::collections::BTreeMap;

use helius_e2e::{Answer, Behaviour, Bootstrap, Mesh, Recorded, Reply, Request, Upstream, alone};
use hyper::HeaderMap;
use serde_json::{Value, json};

use crate::figures::tell;
use crate::sidecar::{CONSECUTIVE, told, transitions};

const QUESTION: &str = r#"{"id": 7, "question": "does it hold?"}"#;
/// Of each kind: more than it takes to open a breaker.
const EACH: u32 = CONSECUTIVE + 3;
/// What differs from one moment to the next.
const MOMENTARY: [&str; 3] = ["date", "x-envoy-upstream-service-time", "x-request-id"];

/// Everything that a client can tell two answers apart by, or a region two requests.
type Seen = (String, BTreeMap<String, Vec<Vec<u8>>>, Vec<u8>);

/// A sidecar with regions of its own.
struct Side {
    primary: Upstream,
    secondary: Upstream,
    mesh: Mesh,
}

#[tokio::test]
async fn a_breaker_in_shadow_mode_changes_nothing() {
    let told = assert_changes_nothing("enforce", "shadow").await;
    tell(&format!("a breaker in shadow mode, answers all the same: {told}"));
}

#[tokio::test]
async fn a_breaker_changes_nothing_in_a_document_in_shadow_mode() {
    let told = assert_changes_nothing("shadow", "enforce").await;
    tell(&format!("a document in shadow mode, answers all the same: {told}"));
}

/// Compares with a sidecar without the section, and returns what the breaker would have done.
async fn assert_changes_nothing(document: &str, breaker: &str) -> String {
    let _machine = alone().await;
    let mut without = Side::start(document, None).await;
    let mut shadow = Side::start(document, Some(json!({ "mode": breaker }))).await;
    for behaviour in behaviours() {
        for side in [&without, &shadow] {
            side.primary.behave(behaviour.clone());
        }
        assert_same(&without, &shadow, &format!("{behaviour:?}")).await;
    }
    for side in [&mut without, &mut shadow] {
        side.primary.refuse().await;
    }
    assert_same(&without, &shadow, "refused").await;
    shadow.mesh.assert_unharmed().await;
    let stats = shadow.mesh.stats().await.unwrap();
    assert!(transitions(&stats, "assist", "would_open") > 0, "nothing was at stake");
    told(&stats)
}

fn behaviours() -> [Behaviour; 8] {
    [
        Behaviour::Serve,
        Answer::status(404).text("no").into(),
        Answer::status(500).header("x-own", b"\xff\xfe").text("boom").into(),
        Answer::status(503).into(),
        Behaviour::Reset,
        Behaviour::Hang,
        Behaviour::Serve,
        Answer::rate_limited(7).into(),
    ]
}

impl Side {
    async fn start(document: &str, breaker: Option<Value>) -> Self {
        let (primary, secondary) =
            (Upstream::start("us-east-1").await.unwrap(), Upstream::start("us-west-2").await.unwrap());
        let mesh = bootstrap(&primary, &secondary, document, breaker).start().await.unwrap();
        Self { primary, secondary, mesh }
    }

    async fn ask(&self) -> Seen {
        let Reply { status, headers, body, .. } = self.mesh.send(question()).await.unwrap();
        (status.to_string(), told_apart_by(&headers), body.to_vec())
    }

    /// What the regions were asked since the last time.
    fn asked(&self) -> [Vec<Seen>; 2] {
        [&self.primary, &self.secondary].map(|region| region.take_requests().iter().map(seen).collect())
    }
}

fn bootstrap(primary: &Upstream, secondary: &Upstream, document: &str, breaker: Option<Value>) -> Bootstrap {
    let bootstrap = Mesh::builder().assist(primary.addr(), secondary.addr());
    let bootstrap = bootstrap.breakers(&breaker.unwrap_or_default()).assist_route(|route| {
        for region in route["upstream"]["regions"].as_array_mut().unwrap() {
            region["timeout"] = "100ms".into();
        }
    });
    // In shadow mode the timeouts of the document do not hold, so Envoy's own has to end what hangs.
    let bootstrap = bootstrap.envoy_routes(|routes| routes[0]["route"]["timeout"] = json!("0.3s"));
    bootstrap.configure(|it| it["mode"] = document.into())
}

fn question() -> Request {
    // With a name of its own for the host: the two sidecars have different ports.
    Request::post("/assist", QUESTION).header("host", "assistant")
}

async fn assert_same(without: &Side, shadow: &Side, what: &str) {
    for number in 0..EACH {
        let expected = without.ask().await;
        assert_eq!(shadow.ask().await, expected, "answer {number}: {what}");
    }
    assert_eq!(shadow.asked(), without.asked(), "what the regions were asked: {what}");
}

fn seen(request: &Recorded) -> Seen {
    (format!("{} {}", request.method, request.path), told_apart_by(&request.headers), request.body.to_vec())
}

fn told_apart_by(headers: &HeaderMap) -> BTreeMap<String, Vec<Vec<u8>>> {
    let mut all: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| !MOMENTARY.contains(&name.as_str())) {
        all.entry(name.to_string()).or_default().push(value.as_bytes().to_vec());
    }
    all
}
