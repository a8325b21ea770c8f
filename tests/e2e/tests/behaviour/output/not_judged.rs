//! Answers that are looked at in no case, and what is done so that there are few of them.

use std::collections::BTreeMap;
use std::time::Duration;

use helius_e2e::{Answer, Behaviour, Request};
use hyper::Method;
use serde_json::json;

use super::answers::invalid;
use super::{judged, question, rules, start};
use crate::STRICT;
use crate::regions::{Regions, assert_from_secondary, marks, match_methods};

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
    if STRICT {
        // The answer to a call comes whole or not at all: a route whose answers stream is not one for strict mode.
        return assert_from_secondary(&mesh.send(question()).await.unwrap(), "timeout");
    }
    let mut connection = mesh.client().connect().await.unwrap();
    let mut reply = connection.open(question()).await.unwrap();
    assert_eq!(reply.next().await.unwrap().unwrap(), "data: 1\n\n");
    assert_eq!((reply.so_far.status, marks(&reply.so_far)), (200, BTreeMap::new()));
    assert_eq!(regions.secondary.count(), 0);
    drop(reply);
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
