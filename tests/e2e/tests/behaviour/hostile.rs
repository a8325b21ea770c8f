//! Messages that nobody should send, and every one of which somebody sends.

use std::time::Duration;

use helius_e2e::{Answer, Behaviour, Mesh, RawConnection, Request, wait_for};
use hyper::header::HeaderValue;
use serde_json::json;

use crate::STRICT;
use crate::regions::{
    PRIMARY_CLUSTER, QUESTION, Regions, SECONDARY_CLUSTER, assert_from_primary, assert_from_secondary,
    assert_marked_secondary, assert_static_body,
};

/// Bytes that are allowed in a header's value and are no UTF-8.
const NOT_TEXT: &[u8] = b"caf\xe9 \xff\xfe";

async fn assert_next_is_served(mesh: &Mesh, regions: &Regions) {
    mesh.assert_unharmed().await;
    regions.secondary.behave(Behaviour::Serve);
    regions.primary.behave(Answer::status(500).text("boom"));
    assert_from_secondary(&mesh.post("/assist", QUESTION).await.unwrap(), "5xx");
    regions.primary.behave(Behaviour::Serve);
    assert_from_primary(&mesh.post("/assist", QUESTION).await.unwrap());
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_request_with_headers_that_are_not_text_reaches_only_the_primary() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    for client in [mesh.client(), mesh.http2_client()] {
        for name in ["x-odd", "accept", "content-type", "user-agent"] {
            println!("{name}");
            let request = Request::new("POST".parse().unwrap(), "/assist").header(name, NOT_TEXT).body(QUESTION);
            regions.primary.behave(Behaviour::Serve);
            assert_from_primary(&client.send(request.clone()).await.unwrap());
            assert_eq!(regions.primary.take_requests()[0].headers[name].as_bytes(), NOT_TEXT);
            for failure in [Answer::status(500).text("boom"), Answer::status(500)] {
                regions.primary.behave(failure);
                let reply = client.send(request.clone()).await.unwrap();
                assert_static_body(&reply);
                // A callout carries text only, and without the header it would be another request.
                assert_eq!(reply.marks().get("not-replayable"), Some(&"headers"));
            }
            regions.primary.take_requests();
        }
    }
    assert_eq!(regions.secondary.count(), 0);
    assert_next_is_served(&mesh, &regions).await;
}

#[tokio::test]
async fn answers_with_headers_that_are_not_text() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    let odd = || Answer::status(200).header("x-odd", NOT_TEXT).header("content-type", NOT_TEXT).body("fine");
    for client in [mesh.client(), mesh.http2_client()] {
        let ask = || client.send(Request::post("/assist", QUESTION));
        regions.primary.behave(odd());
        let reply = ask().await.unwrap();
        assert_eq!(reply.status, 200);
        assert_eq!(reply.headers.get("x-odd").map(HeaderValue::as_bytes), (!STRICT).then_some(NOT_TEXT));
        regions.secondary.behave(odd());
        // Where there is a body to replace, every byte comes through; a reply of the filter's own carries text only.
        for (failure, kept) in [(Answer::status(500).body("boom"), true), (Answer::status(500), false)] {
            regions.primary.behave(failure.header("x-odd", NOT_TEXT).header("content-type", NOT_TEXT));
            let reply = ask().await.unwrap();
            assert_eq!((reply.status, reply.text().as_str()), (200, "fine"));
            let kept = kept && !STRICT;
            assert_eq!(reply.headers.get("x-odd").map(HeaderValue::as_bytes), kept.then_some(NOT_TEXT));
            assert_marked_secondary(&reply, "5xx");
        }
    }
    assert_next_is_served(&mesh, &regions).await;
}

#[tokio::test]
async fn request_lines_that_are_none() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    for line in [
        "P\u{d6}ST /assist HTTP/1.1",
        "POST /assist\u{ff} HTTP/1.1",
        "POST  HTTP/1.1",
        "GET * HTTP/1.1",
        "POST /assist HTTP/9",
    ] {
        let mut raw = RawConnection::connect(mesh.addr()).await.unwrap();
        raw.write(format!("{line}\r\nhost: a\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")).await.unwrap();
        raw.read_to_end().await.unwrap();
    }
    assert_next_is_served(&mesh, &regions).await;
}

#[tokio::test]
async fn two_hundred_headers_go_to_every_region_and_back() {
    let regions = Regions::start().await;
    let mesh = regions.mesh().max_headers(500).start().await.unwrap();
    let mut request = Request::post("/assist", QUESTION);
    let mut failure = Answer::status(500).text("boom");
    let mut answer = Answer::status(200).text("fine");
    for number in 0..200 {
        let name = format!("x-many-{number}");
        request = request.header(&name, format!("asked {number}"));
        failure = failure.header(&name, "failed");
        answer = answer.header(&name, format!("answered {number}"));
    }
    regions.primary.behave(failure);
    regions.secondary.behave(answer);
    let reply = mesh.send(request).await.unwrap();
    assert_eq!(reply.status, 200);
    assert_marked_secondary(&reply, "5xx");
    assert_eq!(reply.header("x-many-199"), Some("answered 199"));
    assert_eq!(regions.secondary.take_requests()[0].header("x-many-199"), Some("asked 199"));
    assert_next_is_served(&mesh, &regions).await;
}

#[tokio::test]
async fn more_headers_than_envoy_takes() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    let mut request = Request::post("/assist", QUESTION);
    let mut answer = Answer::status(200).text("fine");
    for number in 0..200 {
        request = request.header(&format!("x-many-{number}"), "asked");
        answer = answer.header(&format!("x-many-{number}"), "answered");
    }
    assert_eq!(mesh.send(request).await.unwrap().status, 431);
    // A region that breaks Envoy's rules has failed, whoever it is.
    regions.primary.behave(answer.clone());
    assert_from_secondary(&mesh.post("/assist", QUESTION).await.unwrap(), "reset");
    regions.secondary.behave(answer);
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    assert_eq!((reply.status, reply.json()["action"].as_str()), (200, Some("safemode_fallback")));
    assert_next_is_served(&mesh, &regions).await;
}

#[tokio::test]
async fn a_client_cannot_pretend_to_be_the_filter() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    let request =
        Request::post("/assist", QUESTION).header("x-helius-served-by", "static").header("x-helius-attempts", "99");
    assert_from_primary(&mesh.send(request.clone()).await.unwrap());
    regions.primary.behave(Answer::status(500).text("boom"));
    assert_from_secondary(&mesh.send(request).await.unwrap(), "5xx");
    assert_next_is_served(&mesh, &regions).await;
}

#[tokio::test]
async fn a_region_that_is_degraded_itself_says_so_behind_our_marks() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    regions.secondary.behave(Answer::status(200).header("x-helius-degraded", "timeout").text("fine"));
    for failure in [Answer::status(500).text("boom"), Answer::status(500)] {
        regions.primary.behave(failure);
        let reply = mesh.post("/assist", QUESTION).await.unwrap();
        assert_marked_secondary(&reply, "5xx");
        let degraded: Vec<_> = reply.headers.get_all("x-helius-degraded").iter().collect();
        assert_eq!(degraded, ["5xx", "timeout"]);
    }
    regions.secondary.behave(Behaviour::Serve);
    assert_next_is_served(&mesh, &regions).await;
}

#[tokio::test]
async fn a_storm_of_failing_requests() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    let ledger = mesh.ledger().await.unwrap();
    let failures: [Behaviour; 4] =
        [Answer::status(500).text("boom").into(), Answer::status(500).into(), Behaviour::Reset, Behaviour::Close];
    for failure in failures {
        regions.primary.behave(failure);
        let mut requests = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let client = mesh.client();
            requests.spawn(async move { client.send(Request::post("/assist", QUESTION)).await });
        }
        while let Some(reply) = requests.join_next().await {
            assert_eq!(reply.unwrap().unwrap().status, 200);
        }
    }
    ledger.responses(&[("secondary", "5xx", 200), ("secondary", "reset", 200)]).await;
    assert_next_is_served(&mesh, &regions).await;
}

/// The worker keeps 64 MiB of requests at most; whoever comes then is served too, and told why no other region was asked.
#[tokio::test]
async fn more_requests_at_once_than_the_worker_may_keep() {
    const REQUESTS: usize = 1300;
    let mut regions = Regions::start().await;
    let enough = json!({ "max_requests": 5000 });
    let mesh = regions.mesh().http2_upstreams().circuit_breaker(PRIMARY_CLUSTER, &enough);
    let mesh = mesh.circuit_breaker(SECONDARY_CLUSTER, &enough).concurrency(1).assist_route(|route| {
        route["upstream"]["timeout"] = json!("60s");
        route["upstream"]["regions"][0]["timeout"] = json!("30s");
        route["upstream"]["regions"][1]["timeout"] = json!("30s");
    });
    let mesh = mesh.start().await.unwrap();
    regions.primary.behave(Behaviour::Hang);
    let body = format!(r#"{{"id": 7, "question": "{}"}}"#, "?".repeat(60 * 1024));
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..REQUESTS / 100 {
        let connection = mesh.http2_client().connect().await.unwrap();
        for _ in 0..100 {
            let (mut connection, request) = (connection.share().unwrap(), Request::post("/assist", body.clone()));
            requests.spawn(async move { connection.send(request).await });
        }
    }
    let all_are_there = async || (regions.primary.count() >= REQUESTS).then_some(());
    wait_for("every request to be at the primary", Duration::from_secs(30), all_are_there).await.unwrap();
    regions.primary.refuse().await;
    let mut told = 0;
    while let Some(reply) = requests.join_next().await {
        let reply = reply.unwrap().unwrap();
        assert_eq!(reply.status, 200);
        told += usize::from(reply.header("x-helius-not-replayable") == Some("memory"));
    }
    // Each takes its body and a share for its headers.
    assert!((200..300).contains(&told), "{told}");
    regions.primary.accept().await.unwrap();
    assert_next_is_served(&mesh, &regions).await;
}
