//! Both protocols and every form of a request.

use helius_e2e::{Answer, Behaviour, Mesh, RawConnection, Request};

use crate::regions::{QUESTION, Regions, assert_from_primary, assert_from_secondary, assert_static, match_methods};

async fn start_mesh(regions: &Regions) -> Mesh {
    let mesh = regions.mesh().assist_route(|route| match_methods(route, &["GET", "HEAD", "POST"]));
    mesh.start().await.unwrap()
}

fn failures() -> [Answer; 2] {
    [Answer::status(500).text("boom"), Answer::status(500)]
}

#[tokio::test]
async fn the_ladder_is_the_same_over_both_protocols() {
    let regions = Regions::start().await;
    for mesh in [regions.start_mesh().await, regions.mesh().http2_upstreams().start().await.unwrap()] {
        for client in [mesh.client(), mesh.http2_client()] {
            regions.primary.behave(Behaviour::Serve);
            regions.secondary.behave(Behaviour::Serve);
            let ask = || client.send(Request::post("/assist", QUESTION));
            assert_from_primary(&ask().await.unwrap());
            for failure in failures() {
                regions.primary.behave(failure);
                regions.secondary.behave(Behaviour::Serve);
                assert_from_secondary(&ask().await.unwrap(), "5xx");
                regions.secondary.behave(Answer::status(500));
                assert_static(&ask().await.unwrap(), "5xx", "2");
            }
            regions.primary.behave(Behaviour::Reset);
            regions.secondary.behave(Behaviour::Serve);
            assert_from_secondary(&ask().await.unwrap(), "reset");
            regions.secondary.behave(Behaviour::Close);
            assert_static(&ask().await.unwrap(), "reset", "2");
        }
        mesh.assert_unharmed().await;
    }
}

#[tokio::test]
async fn a_get_is_covered() {
    let regions = Regions::start().await;
    let mesh = start_mesh(&regions).await;
    for client in [mesh.client(), mesh.http2_client()] {
        for failure in failures() {
            regions.primary.behave(failure);
            regions.secondary.behave(Behaviour::Serve);
            let reply = client.send(Request::get("/assist")).await.unwrap();
            assert_eq!((reply.status, reply.header("region")), (200, Some("us-west-2")));
            assert_eq!(regions.secondary.take_requests()[0].method, "GET");
            regions.secondary.behave(Answer::status(500));
            assert_static(&client.send(Request::get("/assist")).await.unwrap(), "5xx", "2");
        }
    }
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_head_is_covered_and_has_no_body() {
    let regions = Regions::start().await;
    let mesh = start_mesh(&regions).await;
    let head = || Request::new("HEAD".parse().unwrap(), "/assist");
    for client in [mesh.client(), mesh.http2_client()] {
        for failure in failures() {
            regions.primary.behave(failure);
            regions.secondary.behave(Behaviour::Serve);
            regions.secondary.take_requests();
            let mut connection = client.connect().await.unwrap();
            let reply = connection.send(head()).await.unwrap();
            assert_eq!((reply.status, reply.header("region")), (200, Some("us-west-2")));
            assert_eq!(reply.marks().get("served-by"), Some(&"secondary"));
            assert!(reply.body.is_empty());
            assert_eq!(regions.secondary.take_requests()[0].method, "HEAD");
            regions.secondary.behave(Answer::status(500));
            let reply = connection.send(head()).await.unwrap();
            assert_eq!((reply.status, reply.body.len()), (200, 0));
            assert_eq!(reply.marks().get("served-by"), Some(&"static"));
            // A body that should not have been there would be read as the next answer.
            regions.primary.behave(Behaviour::Serve);
            let reply = connection.send(Request::post("/assist", QUESTION)).await.unwrap();
            assert_from_primary(&reply);
        }
    }
    mesh.assert_unharmed().await;
}

/// What Envoy makes up for a HEAD has no body that would say what went wrong.
#[tokio::test]
async fn a_head_is_counted_by_what_went_wrong() {
    let mut regions = Regions::start().await;
    let mesh = start_mesh(&regions).await;
    let head = || Request::new("HEAD".parse().unwrap(), "/assist");
    regions.primary.behave(Answer::status(500));
    regions.secondary.behave(Behaviour::Hang);
    let ledger = mesh.ledger().await.unwrap();
    assert_eq!(mesh.send(head()).await.unwrap().status, 200);
    ledger.attempts(&[("us-east-1", "5xx", 1), ("us-west-2", "timeout", 1)]).await;
    regions.secondary.refuse().await;
    let ledger = mesh.ledger().await.unwrap();
    assert_eq!(mesh.send(head()).await.unwrap().status, 200);
    ledger.attempts(&[("us-east-1", "5xx", 1), ("us-west-2", "connect", 1)]).await;
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_body_in_chunks_is_replayed_whole() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    regions.primary.behave(Answer::status(500).text("boom"));
    for client in [mesh.client(), mesh.http2_client()] {
        let (first, second) = QUESTION.split_at(9);
        let request = Request::post("/assist", "").chunks([first, second]);
        assert_from_secondary(&client.send(request).await.unwrap(), "5xx");
        assert_eq!(&regions.secondary.take_requests()[0].body[..], QUESTION.as_bytes());
        assert_eq!(&regions.primary.take_requests()[0].body[..], QUESTION.as_bytes());
    }
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_client_that_expects_to_be_asked_for_its_body() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    regions.primary.behave(Answer::status(500).text("boom"));
    let mut raw = RawConnection::connect(mesh.addr()).await.unwrap();
    let length = QUESTION.len();
    raw.write(format!("POST /assist HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n"))
        .await
        .unwrap();
    assert!(raw.read_until("\r\n\r\n").await.unwrap().starts_with(b"HTTP/1.1 100 "));
    raw.write(QUESTION).await.unwrap();
    let head = String::from_utf8_lossy(&raw.read_until("\r\n\r\n").await.unwrap()).into_owned();
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("x-helius-region: us-west-2"), "{head}");
    let asked = regions.secondary.requests();
    assert_eq!((&asked[0].body[..], asked[0].header("expect")), (QUESTION.as_bytes(), None));
    mesh.assert_unharmed().await;
}
