//! A healthy primary: nobody notices the mesh.

use helius_e2e::{Answer, DocumentFormat, Mesh};

use crate::regions::{QUESTION, Regions, assert_from_primary};

async fn assert_untouched(mesh: &Mesh, regions: &Regions) {
    let ledger = mesh.ledger().await.unwrap();
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    assert_from_primary(&reply);
    assert_eq!(&regions.primary.take_requests()[0].body[..], QUESTION.as_bytes());
    assert_eq!(regions.secondary.count(), 0);
    ledger.attempts(&[("us-east-1", "ok", 1)]).await;
    ledger.responses(&[("primary", "none", 1)]).await;
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn its_answer_comes_untouched() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    assert_untouched(&mesh, &regions).await;
    let stats = mesh.stats().await.unwrap();
    let labels = [("service", "llm-router"), ("route", "assist"), ("region", "us-east-1"), ("verdict", "ok")];
    assert_eq!(stats.sum("helius_attempts_total", &labels), 1);
    assert_eq!(stats.sum("helius_filter_config_rejected", &[]), 0);
}

#[tokio::test]
async fn the_document_may_be_yaml_or_json() {
    let regions = Regions::start().await;
    for format in [DocumentFormat::Yaml, DocumentFormat::Json] {
        let mesh = regions.mesh().document_format(format).start().await.unwrap();
        assert_untouched(&mesh, &regions).await;
    }
}

#[tokio::test]
async fn every_good_status_is_an_answer() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    for status in [200, 201, 204, 302, 304] {
        regions.primary.behave(Answer::status(status).header("x-own", "kept"));
        let ledger = mesh.ledger().await.unwrap();
        let reply = mesh.post("/assist", QUESTION).await.unwrap();
        assert_eq!((reply.status, reply.header("x-own")), (status, Some("kept")));
        assert!(reply.marks().is_empty(), "{:?}", reply.marks());
        ledger.attempts(&[("us-east-1", "ok", 1)]).await;
        ledger.responses(&[("primary", "none", 1)]).await;
    }
    assert_eq!(regions.secondary.count(), 0);
    mesh.assert_unharmed().await;
}
