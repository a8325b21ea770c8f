//! Streams of events on a route that covers them: until the first event another region may take over, and never after.

use std::time::Duration;

use helius_e2e::{Answer, Behaviour, Ending, Failure, Mesh, Reply, Request};
use hyper::Method;
use serde_json::{Value, json};

use crate::regions::{QUESTION, Regions, assert_marked_secondary, marks};

const CONTENT_TYPE: &str = "content-type";
const EVENT_STREAM: &str = "text/event-stream";

fn question() -> Request {
    Request::post("/assist", QUESTION).header("accept", EVENT_STREAM)
}

async fn start(regions: &Regions) -> Mesh {
    let covering = |route: &mut Value| route["upstream"]["event_streams"] = json!(true);
    regions.mesh().assist_route(covering).start().await.unwrap()
}

fn streaming(pieces: &[&'static str]) -> Answer {
    Answer::status(200).header(CONTENT_TYPE, EVENT_STREAM).drip(pieces.to_vec(), Duration::from_millis(10))
}

/// What the lines of data say.
fn data(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.header(CONTENT_TYPE), Some(EVENT_STREAM));
    let text = reply.text();
    assert!(text.ends_with("\n\n"), "{text:?}");
    text.lines().filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned).collect()
}

#[tokio::test]
async fn events_come_as_they_are_sent() {
    let regions = Regions::start().await;
    let mesh = start(&regions).await;
    for client in [mesh.client(), mesh.http2_client()] {
        regions.primary.behave(Answer::event_stream(&["one", "two"], Duration::from_millis(100)));
        let mut connection = client.connect().await.unwrap();
        let mut open = connection.open(question()).await.unwrap();
        assert_eq!(open.next().await.unwrap().unwrap(), "data: one\n\n");
        assert_eq!(open.next().await.unwrap().unwrap(), "data: two\n\n");
        assert!(marks(&open.so_far).is_empty());
        drop((open, connection));
    }
    assert_eq!(regions.secondary.count(), 0);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn until_the_first_event_the_secondary_takes_over() {
    let regions = Regions::start().await;
    let mesh = start(&regions).await;
    regions.secondary.behave(streaming(&["data: a\n\n", "data: b\n\n"]));
    let comment = ": still here\n\n";
    let failures: [(Behaviour, &str); 6] = [
        (Answer::status(500).text("boom").into(), "5xx"),
        (Behaviour::Reset, "reset"),
        (Behaviour::Hang, "timeout"),
        (streaming(&[]).into(), "reset"),
        (streaming(&[comment]).into(), "reset"),
        (streaming(&[comment]).ending(Ending::Stall).into(), "timeout"),
    ];
    for (behaviour, verdict) in failures {
        println!("primary: {behaviour:?}");
        regions.primary.behave(behaviour);
        for client in [mesh.client(), mesh.http2_client()] {
            let ledger = mesh.ledger().await.unwrap();
            let reply = client.send(question()).await.unwrap();
            assert_eq!(data(&reply), ["a", "b"]);
            assert_marked_secondary(&reply, verdict);
            ledger.attempts(&[("us-east-1", verdict, 1), ("us-west-2", "ok", 1)]).await;
        }
        mesh.assert_unharmed().await;
    }
}

#[tokio::test]
async fn after_the_first_event_nobody_does() {
    let regions = Regions::start().await;
    let mesh = start(&regions).await;
    let ledger = mesh.ledger().await.unwrap();
    regions.primary.behave(streaming(&["data: one\n\n"]).ending(Ending::Reset));
    match mesh.send(question()).await {
        Err(Failure::Truncated { reply, .. }) => assert_eq!(reply.text(), "data: one\n\n"),
        other => panic!("{other:?}"),
    }
    assert_eq!(regions.secondary.count(), 0);
    ledger.attempts(&[("us-east-1", "reset", 1)]).await;
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn the_static_answer_is_a_stream_of_one_event() {
    let mut regions = Regions::start().await;
    let mesh = start(&regions).await;
    regions.primary.behave(streaming(&[]));
    regions.secondary.refuse().await;
    for client in [mesh.client(), mesh.http2_client()] {
        let reply = client.send(question()).await.unwrap();
        assert_eq!(marks(&reply).get("served-by"), Some(&"static"));
        let [event] = data(&reply).try_into().unwrap();
        let body: Value = serde_json::from_str(&event).unwrap();
        assert_eq!((&body["action"], body["confidence"].as_f64()), (&json!("safemode_fallback"), Some(0.0)));
    }
    // Who does not ask for a stream gets none.
    regions.primary.behave(Answer::status(500));
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    assert_eq!(reply.header(CONTENT_TYPE), Some("application/json"));
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn where_nothing_stands_ready_it_is_refused_and_that_is_counted() {
    let mut regions = Regions::start().await;
    let bare = |route: &mut Value| {
        route["upstream"]["event_streams"] = json!(true);
        route.as_object_mut().unwrap().retain(|key, _| !["fail_open", "output"].contains(&key.as_str()));
    };
    let mesh = regions.mesh().assist_route(bare).start().await.unwrap();
    regions.primary.behave(streaming(&[]));
    regions.secondary.refuse().await;
    let ledger = mesh.ledger().await.unwrap();
    let reply = mesh.send(question()).await.unwrap();
    assert_eq!((reply.status, marks(&reply).get("served-by")), (503, Some(&"refusal")));
    ledger.responses(&[("refusal", "reset", 1)]).await;
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn what_breaks_off_before_its_first_event_is_ended_by_envoy() {
    let regions = Regions::start().await;
    let mesh = start(&regions).await;
    regions.primary.behave(streaming(&[": still here\n\n"]).ending(Ending::Reset));
    let ledger = mesh.ledger().await.unwrap();
    let reply = mesh.send(question()).await.unwrap();
    assert!(matches!(reply.status, 502 | 503) && marks(&reply).is_empty(), "{reply:?}");
    assert_eq!(regions.secondary.count(), 0);
    ledger.attempts(&[("us-east-1", "reset", 1)]).await;
    ledger.responses(&[("primary", "reset", 1)]).await;
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn an_answer_that_says_that_there_is_no_stream_is_the_answer() {
    let regions = Regions::start().await;
    let mesh = start(&regions).await;
    regions.primary.behave(Answer::status(204).header(CONTENT_TYPE, EVENT_STREAM));
    let reply = mesh.send(question()).await.unwrap();
    assert_eq!((reply.status, marks(&reply).len()), (204, 0), "{reply:?}");
    regions.primary.behave(streaming(&[]));
    let reply = mesh.send(Request::new(Method::HEAD, "/assist").header("accept", EVENT_STREAM)).await.unwrap();
    assert_eq!((reply.status, marks(&reply).len()), (200, 0), "{reply:?}");
    assert_eq!(regions.secondary.count(), 0);
    mesh.assert_unharmed().await;
}
