//! Trailers, which only HTTP/2 carries all the way.

use helius_e2e::{Answer, Mesh, Request};

use crate::regions::{QUESTION, Regions, assert_from_secondary, assert_static};

async fn start_mesh(regions: &Regions) -> Mesh {
    regions.mesh().http2_upstreams().start().await.unwrap()
}

#[tokio::test]
async fn those_of_a_good_answer_are_intact() {
    let regions = Regions::start().await;
    let mesh = start_mesh(&regions).await;
    regions.primary.behave(Answer::status(200).text("body").trailer("checksum", "abc"));
    let reply = mesh.http2_client().send(Request::post("/assist", QUESTION)).await.unwrap();
    assert_eq!((reply.status, reply.text().as_str()), (200, "body"));
    assert_eq!(reply.trailers.as_ref().unwrap()["checksum"], "abc");
    assert!(reply.marks().is_empty());
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_failed_answer_with_trailers_is_replaced() {
    let regions = Regions::start().await;
    let mesh = start_mesh(&regions).await;
    let failures = [
        Answer::status(500).text("boom").trailer("checksum", "abc"),
        // No body, only headers and trailers.
        Answer::status(500).trailer("checksum", "abc"),
    ];
    for failure in failures {
        for client in [mesh.client(), mesh.http2_client()] {
            println!("primary: {failure:?}");
            regions.primary.behave(failure.clone());
            regions.secondary.behave(helius_e2e::Behaviour::Serve);
            let ledger = mesh.ledger().await.unwrap();
            assert_from_secondary(&client.send(Request::post("/assist", QUESTION)).await.unwrap(), "5xx");
            ledger.attempts(&[("us-east-1", "5xx", 1), ("us-west-2", "ok", 1)]).await;
            ledger.responses(&[("secondary", "5xx", 1)]).await;
            regions.secondary.behave(failure.clone());
            assert_static(&client.send(Request::post("/assist", QUESTION)).await.unwrap(), "5xx", "2");
        }
    }
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_secondary_with_trailers_answers() {
    let regions = Regions::start().await;
    let mesh = start_mesh(&regions).await;
    regions.secondary.behave(Answer::status(200).text("body").trailer("checksum", "abc"));
    for failure in [Answer::status(500).text("boom"), Answer::status(500)] {
        regions.primary.behave(failure);
        let reply = mesh.http2_client().send(Request::post("/assist", QUESTION)).await.unwrap();
        assert_eq!((reply.status, reply.text().as_str()), (200, "body"));
        assert_eq!(reply.marks().get("served-by"), Some(&"secondary"));
    }
    mesh.assert_unharmed().await;
}
