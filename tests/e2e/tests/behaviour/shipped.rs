//! The shipped bootstrap with both services, and real processes behind it.

use helius_e2e::{Mesh, RegionProcess};

#[tokio::test]
async fn both_services_are_covered_down_to_their_static_answers() {
    let mut east = RegionProcess::start("recommender", "us-east-1").await.unwrap();
    let mut west = RegionProcess::start("recommender", "us-west-2").await.unwrap();
    let mesh = Mesh::builder().predict(east.addr(), west.addr()).start().await.unwrap();
    let ask = async || mesh.post("/predict", r#"{"id": 3, "node_ids": [1, 2]}"#).await.unwrap();
    let ledger = mesh.ledger().await.unwrap();

    let reply = ask().await;
    assert_eq!((reply.status, reply.header("region")), (200, Some("us-east-1")));
    assert!(reply.marks().is_empty());

    east.fail_with(Some(500)).await.unwrap();
    let reply = ask().await;
    assert_eq!((reply.status, reply.header("region")), (200, Some("us-west-2")));
    assert_eq!((&reply.json()["id"], &reply.json()["predictions"][1]["node_id"]), (&3.into(), &2.into()));

    east.kill();
    assert_eq!(ask().await.marks().get("degraded"), Some(&"connect"));

    west.hang().unwrap();
    let reply = ask().await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.marks(), [("served-by", "static"), ("degraded", "connect"), ("attempts", "2")].into());
    let body = reply.json();
    assert_eq!((&body["predictions"], &body["source"]), (&serde_json::json!([]), &"safemode_fallback".into()));
    assert_eq!(body["confidence"].as_f64(), Some(0.0));

    // The assistant's regions were never started.
    let reply = mesh.post("/assist", "{}").await.unwrap();
    assert_eq!((reply.status, reply.json()["action"].as_str()), (200, Some("safemode_fallback")));

    east.restart().await.unwrap();
    west.kill();
    let reply = ask().await;
    assert_eq!((reply.status, reply.header("region")), (200, Some("us-east-1")));
    assert!(reply.marks().is_empty());

    ledger
        .responses(&[
            ("primary", "none", 2),
            ("secondary", "5xx", 1),
            ("secondary", "connect", 1),
            ("static", "connect", 2),
        ])
        .await;
    let stats = mesh.stats().await.unwrap();
    let labels = [("service", "llm-router"), ("route", "predict"), ("region", "us-west-2"), ("verdict", "timeout")];
    assert_eq!(stats.sum("helius_attempts_total", &labels), 1);
    mesh.assert_unharmed().await;
}
