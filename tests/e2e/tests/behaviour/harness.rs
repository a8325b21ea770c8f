//! The harness itself, against an Envoy without our filter: what the other tests rely on.

use std::time::Duration;

use helius_e2e::{
    Answer, Behaviour, Ending, Failure, Mesh, RawConnection, RegionProcess, Request, ReservedPort, Upstream,
};
use serde_json::json;

async fn bare(primary: &Upstream) -> Mesh {
    let mesh = Mesh::builder().without_filter().endpoint("llm_assistant_us_east_1", primary.addr());
    mesh.start().await.unwrap()
}

#[tokio::test]
async fn a_stand_in_answers_and_remembers_over_both_protocols() {
    let primary = Upstream::start("us-east-1").await.unwrap();
    let mesh = bare(&primary).await;
    for client in [mesh.client(), mesh.http2_client()] {
        let reply = client.send(Request::post("/assist", r#"{"id": 7}"#).header("x-odd", b"\xff")).await.unwrap();
        assert_eq!(reply.status, 200);
        assert_eq!(reply.json()["id"], 7);
        assert_eq!(reply.header("region"), Some("us-east-1"));
        let seen = primary.take_requests();
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].method, "POST");
        assert_eq!(seen[0].path, "/assist");
        assert_eq!(&seen[0].body[..], br#"{"id": 7}"#);
        assert_eq!(seen[0].headers["x-odd"].as_bytes(), b"\xff");
    }
}

#[tokio::test]
async fn a_failing_stand_in_is_what_envoy_takes_it_for() {
    let mut primary = Upstream::start("us-east-1").await.unwrap();
    let mesh = Mesh::builder()
        .without_filter()
        .endpoint("llm_assistant_us_east_1", primary.addr())
        .envoy_routes(|routes| routes[0]["route"]["timeout"] = json!("0.3s"));
    let mesh = mesh.start().await.unwrap();
    let cases: [(Behaviour, u16, &str); 6] = [
        (Answer::status(500).text("boom").into(), 500, "boom"),
        (Answer::status(500).into(), 500, ""),
        (Behaviour::Reset, 503, "connection termination"),
        (Behaviour::Close, 503, "connection termination"),
        (Behaviour::Hang, 504, "upstream request timeout"),
        (Answer::status(200).text("late").after(Duration::from_secs(2)).into(), 504, "upstream request timeout"),
    ];
    for (behaviour, status, text) in cases {
        primary.behave(behaviour.clone());
        let reply = mesh.post("/assist", "{}").await.unwrap();
        assert_eq!(reply.status, status, "{behaviour:?}");
        assert!(reply.text().contains(text), "{behaviour:?}: {}", reply.text());
    }
    primary.behave(Behaviour::Serve);
    primary.refuse().await;
    let reply = mesh.post("/assist", "{}").await.unwrap();
    assert_eq!(reply.status, 503);
    assert!(reply.text().contains("connection failure"), "{}", reply.text());
    primary.accept().await.unwrap();
    assert_eq!(mesh.post("/assist", "{}").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_failure_in_mid_body_reaches_the_client_as_a_truncation() {
    let primary = Upstream::start("us-east-1").await.unwrap();
    let mesh = bare(&primary).await;
    for ending in [Ending::Reset, Ending::Close] {
        primary.behave(Answer::status(200).text("half").ending(ending));
        match mesh.post("/assist", "{}").await {
            Err(Failure::Truncated { reply, .. }) => {
                assert_eq!((reply.status, reply.text().as_str()), (200, "half"));
            }
            other => panic!("{ending:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn trailers_events_and_upgrades_come_through() {
    let primary = Upstream::start("us-east-1").await.unwrap();
    let mesh = Mesh::builder()
        .without_filter()
        .endpoint("llm_assistant_us_east_1", primary.addr())
        .http2_upstreams()
        .start()
        .await
        .unwrap();
    primary.behave(Answer::status(200).text("body").trailer("checksum", "abc"));
    let reply = mesh.http2_client().send(Request::post("/assist", "{}")).await.unwrap();
    assert_eq!(reply.trailers.unwrap()["checksum"], "abc");

    primary.behave(Answer::event_stream(&["one", "two"], Duration::from_millis(10)));
    let mut connection = mesh.client().connect().await.unwrap();
    let mut open = connection.open(Request::get("/assist")).await.unwrap();
    assert_eq!(open.next().await.unwrap().unwrap(), "data: one\n\n");
    assert_eq!(open.next().await.unwrap().unwrap(), "data: two\n\n");
    drop((open, connection));

    let primary = Upstream::start("us-east-1").await.unwrap();
    let mesh = bare(&primary).await;
    primary.behave(Behaviour::Upgrade);
    let mut raw = RawConnection::connect(mesh.addr()).await.unwrap();
    raw.write("GET /assist HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n").await.unwrap();
    let head = raw.read_until("\r\n\r\n").await.unwrap();
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    raw.write("ping").await.unwrap();
    assert_eq!(raw.read_until("ping").await.unwrap(), b"ping");
}

#[tokio::test]
async fn messages_of_many_headers_pass_where_the_limit_is_raised() {
    let primary = Upstream::start("us-east-1").await.unwrap();
    let mesh = Mesh::builder().without_filter().max_headers(500);
    let mesh = mesh.endpoint("llm_assistant_us_east_1", primary.addr()).start().await.unwrap();
    let mut answer = Answer::status(200);
    let mut request = Request::post("/assist", "{}");
    for number in 0..200 {
        answer = answer.header(&format!("x-answer-{number}"), "a");
        request = request.header(&format!("x-question-{number}"), "q");
    }
    primary.behave(answer);
    let reply = mesh.send(request).await.unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("x-answer-199"), Some("a"));
    assert_eq!(primary.requests()[0].header("x-question-199"), Some("q"));
}

#[tokio::test]
async fn a_region_process_is_killed_hung_and_restarted() {
    let mut region = RegionProcess::start("recommender", "us-east-1").await.unwrap();
    let mesh = Mesh::builder()
        .without_filter()
        .endpoint("recommender_us_east_1", region.addr())
        .envoy_routes(|routes| routes[1]["route"]["timeout"] = json!("0.3s"));
    let mesh = mesh.start().await.unwrap();
    let ask = async || mesh.post("/predict", r#"{"id": 3, "node_ids": [1, 2]}"#).await.unwrap();

    let reply = ask().await;
    assert_eq!(reply.header("region"), Some("us-east-1"));
    assert_eq!(reply.json()["predictions"][1]["node_id"], 2);
    assert_eq!(reply.json()["id"], 3);
    assert_eq!(mesh.post("/predict", "{").await.unwrap().status, 400);

    region.kill();
    assert_eq!(ask().await.status, 503);
    region.restart().await.unwrap();
    assert_eq!(ask().await.status, 200);
    region.hang().unwrap();
    assert_eq!(ask().await.status, 504);
    region.resume().unwrap();
    assert_eq!(ask().await.status, 200);
    region.set_latency(Duration::from_secs(3)).await.unwrap();
    assert_eq!(ask().await.status, 504);
    region.set_latency(Duration::ZERO).await.unwrap();
    region.fail_with(Some(500)).await.unwrap();
    assert_eq!(ask().await.status, 500);
    region.fail_with(None).await.unwrap();
    assert_eq!(ask().await.status, 200);
}

#[tokio::test]
async fn a_region_process_says_when_its_port_is_taken() {
    let port = ReservedPort::any().unwrap();
    let _listener = port.listen().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_region"));
    command.args(["--service", "assist", "--region", "us-east-1", "--listen", &port.addr().to_string()]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains(&format!("cannot listen on {}", port.addr())), "{message}");
    assert!(message.contains("in use"), "{message}");
}

#[tokio::test]
async fn an_envoy_that_cannot_start_tells_why() {
    let broken = Mesh::builder().without_filter().envoy_routes(|routes| routes[0]["route"]["timeout"] = json!("soon"));
    let error = broken.start().await.unwrap_err();
    assert!(format!("{error:#}").contains("soon"), "{error:#}");
}
