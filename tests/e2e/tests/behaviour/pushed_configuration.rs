//! Documents that come while Envoy runs: a bad one leaves the last good one in force, and says so.

use std::time::Duration;

use helius_e2e::{Answer, Mesh, wait_for};

use crate::regions::{QUESTION, Regions, assert_from_primary, assert_from_secondary, assert_static};

const GAUGE: &str = "helius_filter_config_rejected";

async fn wait_for_gauge(mesh: &Mesh, value: u64) {
    wait_for("the gauge", Duration::from_secs(5), async || {
        let stats = mesh.stats().await.ok()?;
        (stats.sum(GAUGE, &[("service", "llm-router")]) == value).then_some(())
    })
    .await
    .unwrap();
}

fn complaints(mesh: &Mesh) -> usize {
    mesh.envoy().log().matches("the configuration is refused, and the last good one stays in force").count()
}

#[tokio::test]
async fn a_bad_document_leaves_the_last_good_one_in_force() {
    let mut regions = Regions::start().await;
    let bootstrap = regions.mesh();
    let good = bootstrap.document().to_string();
    let mut pushed = bootstrap.start_pushed().await.unwrap();
    assert_from_primary(&pushed.mesh().post("/assist", QUESTION).await.unwrap());

    pushed.push("service: llm-router\nroutes: nowhere").await.unwrap();
    wait_for_gauge(pushed.mesh(), 1).await;
    assert_eq!(complaints(pushed.mesh()), 1, "every thread reads the document, and one of them says so");
    regions.primary.refuse().await;
    // More often than there are workers: each of them goes on with the last good document.
    for _ in 0..8 {
        assert_from_secondary(&pushed.mesh().post("/assist", QUESTION).await.unwrap(), "connect");
    }

    pushed.push(&good.replace("us-west-2", "eu-west-1")).await.unwrap();
    wait_for_gauge(pushed.mesh(), 0).await;
    wait_for("every worker to have the new document", Duration::from_secs(5), async || {
        let mut regions_named = Vec::new();
        for _ in 0..8 {
            let reply = pushed.mesh().post("/assist", QUESTION).await.ok()?;
            regions_named.push(reply.header("x-helius-region")?.to_owned());
        }
        regions_named.iter().all(|name| name == "eu-west-1").then_some(())
    })
    .await
    .unwrap();
    pushed.mesh().assert_unharmed().await;
}

#[tokio::test]
async fn a_good_document_after_a_bad_start_takes_over() {
    let regions = Regions::start().await;
    let good = regions.mesh().document().to_string();
    let mut pushed = regions.mesh().document_text("routes: {").start_pushed().await.unwrap();
    regions.primary.behave(Answer::status(500).text("boom"));
    assert_eq!(pushed.mesh().post("/assist", QUESTION).await.unwrap().status, 500);
    pushed.push(&good).await.unwrap();
    wait_for("the filter to protect", Duration::from_secs(5), async || {
        (pushed.mesh().post("/assist", QUESTION).await.ok()?.status == 200).then_some(())
    })
    .await
    .unwrap();
    assert_eq!(pushed.mesh().stats().await.unwrap().sum(GAUGE, &[]), 0);
}

#[tokio::test]
async fn a_push_in_the_middle_of_requests_loses_none() {
    let regions = Regions::start().await;
    let bootstrap = regions.mesh();
    let good = bootstrap.document().to_string();
    let mut pushed = bootstrap.start_pushed().await.unwrap();
    regions.primary.behave(Answer::status(500).text("boom"));
    regions.secondary.behave(Answer::status(500).text("boom").after(Duration::from_millis(300)));
    let (client, body) = (pushed.mesh().client(), QUESTION);
    let asked = tokio::spawn(async move { client.send(helius_e2e::Request::post("/assist", body)).await });
    regions.secondary.wait_for_requests(1).await.unwrap();
    pushed.push(&good.replace("us-west-2", "eu-west-1")).await.unwrap();
    assert_static(&asked.await.unwrap().unwrap(), "5xx", "2");
    pushed.mesh().assert_unharmed().await;
}
