//! Shadow mode decides and counts, and changes nothing.

use std::collections::BTreeMap;

use helius_e2e::{Answer, Behaviour, Bootstrap, Mesh, Reply, Request};
use serde_json::json;

use crate::regions::{QUESTION, Regions};

/// Everything a client can tell two answers apart by, but for what differs from one moment to the next.
pub(crate) fn seen(reply: &Reply) -> (u16, BTreeMap<String, Vec<Vec<u8>>>, Vec<u8>) {
    let mut headers: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for (name, value) in &reply.headers {
        if !matches!(name.as_str(), "date" | "x-envoy-upstream-service-time") {
            headers.entry(name.to_string()).or_default().push(value.as_bytes().to_vec());
        }
    }
    (reply.status, headers, reply.body.to_vec())
}

fn impatient(bootstrap: Bootstrap) -> Bootstrap {
    // In shadow mode the timeouts of the document do not hold, so Envoy's own has to end what hangs.
    bootstrap.envoy_routes(|routes| routes[0]["route"]["timeout"] = json!("0.3s"))
}

async fn start_shadow(regions: &Regions) -> Mesh {
    let shadow = impatient(regions.mesh()).configure(|document| document["mode"] = json!("shadow"));
    shadow.start().await.unwrap()
}

#[tokio::test]
async fn its_answers_are_those_without_the_filter() {
    let mut regions = Regions::start().await;
    let bare = impatient(regions.mesh()).without_filter().start().await.unwrap();
    let shadow = start_shadow(&regions).await;
    let behaviours: [Behaviour; 10] = [
        Behaviour::Serve,
        Answer::status(204).into(),
        Answer::status(404).text("no").into(),
        Answer::rate_limited(7).into(),
        Answer::status(500).header("x-own", b"\xff\xfe").text("boom").into(),
        Answer::status(500).into(),
        Answer::status(503).text("overloaded").into(),
        Behaviour::Reset,
        Behaviour::Close,
        Behaviour::Hang,
    ];
    for behaviour in behaviours {
        regions.primary.behave(behaviour.clone());
        let expected = bare.post("/assist", QUESTION).await.unwrap();
        let reply = shadow.post("/assist", QUESTION).await.unwrap();
        assert_eq!(seen(&reply), seen(&expected), "{behaviour:?}");
    }
    regions.primary.refuse().await;
    let expected = bare.post("/assist", QUESTION).await.unwrap();
    assert_eq!(seen(&shadow.post("/assist", QUESTION).await.unwrap()), seen(&expected));
    assert_eq!(regions.secondary.count(), 0);
    shadow.assert_unharmed().await;
}

#[tokio::test]
async fn the_region_is_asked_as_without_the_filter() {
    let regions = Regions::start().await;
    let bare = impatient(regions.mesh()).without_filter().start().await.unwrap();
    let shadow = start_shadow(&regions).await;
    for mesh in [&bare, &shadow] {
        mesh.send(Request::post("/assist", QUESTION).header("host", "assistant")).await.unwrap();
    }
    let asked = regions.primary.requests();
    let headers = |index: usize| {
        let mut headers = asked[index].headers.clone();
        headers.remove("x-request-id");
        headers
    };
    assert_eq!(headers(1), headers(0));
    assert_eq!(asked[1].body, asked[0].body);
}

#[tokio::test]
async fn it_counts_what_it_would_have_done() {
    let regions = Regions::start().await;
    let mesh = start_shadow(&regions).await;

    let ledger = mesh.ledger().await.unwrap();
    mesh.post("/assist", QUESTION).await.unwrap();
    ledger.attempts(&[("us-east-1", "ok", 1)]).await;
    ledger.responses(&[("primary", "none", 1)]).await;

    let failures: [(Behaviour, &str); 4] = [
        (Answer::status(500).text("boom").into(), "5xx"),
        (Answer::status(500).into(), "5xx"),
        (Behaviour::Reset, "reset"),
        (Behaviour::Hang, "timeout"),
    ];
    for (behaviour, verdict) in failures {
        regions.primary.behave(behaviour);
        let ledger = mesh.ledger().await.unwrap();
        mesh.post("/assist", QUESTION).await.unwrap();
        ledger.attempts(&[("us-east-1", verdict, 1)]).await;
        ledger.responses(&[("primary", verdict, 1), ("would_secondary", verdict, 1)]).await;
    }
    // Over the cap, so that only the static answer would have been left.
    let ledger = mesh.ledger().await.unwrap();
    regions.primary.behave(Answer::status(500).text("boom"));
    let reply = mesh.post("/assist", vec![b'x'; 64 * 1024 + 1]).await.unwrap();
    assert_eq!((reply.status, reply.text().as_str()), (500, "boom"));
    ledger.responses(&[("primary", "5xx", 1), ("would_static", "5xx", 1)]).await;
    assert_eq!(regions.secondary.count(), 0);
    mesh.assert_unharmed().await;
}
