//! `envoy/gateway`, as Envoy Gateway writes it for Envoy: the filter is off but on the routes of its policy.

use helius_e2e::{Answer, Client, Envoy, Protocol, Reply, Request, Upstream, repository};
use helius_istio::envoy_gateway::{cluster_name, manifests, translate};
use helius_istio::plain_envoy::lead_to;
use serde_json::{Value, json};

struct Gateway {
    envoy: Envoy,
    client: Client,
    regions: [Upstream; 2],
}

impl Gateway {
    async fn start(is_patched: bool) -> Self {
        let regions = [Upstream::start("us-east-1").await.unwrap(), Upstream::start("us-west-2").await.unwrap()];
        let manifests = manifests().unwrap();
        let mut translated = translate(&manifests, &repository().join("dist/helius.wasm"), is_patched).unwrap();
        let route = manifests.iter().find(|it| it.kind() == "HTTPRoute").unwrap();
        for cluster in &mut translated.clusters {
            let region = &regions[usize::from(cluster["name"] != cluster_name(route))];
            *cluster = reached(cluster, region);
        }
        let bootstrap = json!({
            "admin": { "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } } },
            "static_resources": { "listeners": [translated.listener], "clusters": translated.clusters },
        });
        let envoy = Envoy::start(&bootstrap, 2).await.unwrap();
        let client = Client::new(envoy.listener().await.unwrap(), Protocol::Http1);
        Self { envoy, client, regions }
    }

    async fn assist(&self) -> Reply {
        self.client.send(Request::post("/assist", r#"{"question": "what now?"}"#)).await.unwrap()
    }
}

/// A cluster with a stand-in behind it, which knows no TLS.
fn reached(cluster: &Value, region: &Upstream) -> Value {
    let mut cluster = json!({
        "name": cluster["name"], "type": "STATIC", "connect_timeout": cluster["connect_timeout"],
    });
    lead_to(&mut cluster, region.addr());
    cluster
}

#[tokio::test]
async fn a_gateway_walks_down_the_ladder() {
    let mut gateway = Gateway::start(true).await;
    let answer = |from: &str| Answer::status(200).json(&json!({ "action": from, "confidence": 0.9 }));
    gateway.regions[0].behave(answer("east"));
    gateway.regions[1].behave(answer("west"));
    let reply = gateway.assist().await;
    assert_eq!((reply.json()["action"].as_str(), reply.marks().len()), (Some("east"), 0));
    gateway.regions[0].behave(Answer::status(200).text("nonsense"));
    let reply = gateway.assist().await;
    assert_eq!((reply.json()["action"].as_str(), reply.marks()["degraded"]), (Some("west"), "invalid_output"));
    for region in &mut gateway.regions {
        region.refuse().await;
    }
    let reply = gateway.assist().await;
    assert_eq!((reply.status, reply.json()["confidence"].as_f64()), (200, Some(0.0)));
    assert_eq!((reply.marks()["served-by"], reply.marks()["degraded"]), ("static", "connect"));
    assert_eq!(gateway.envoy.vm_failures().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn without_its_patches_it_answers_too_but_judges_nothing() {
    let gateway = Gateway::start(false).await;
    gateway.regions[0].behave(Answer::status(200).json(&json!({ "action": "east", "confidence": 0.9 })));
    // A good answer is held until it is given up, and the other region is a cluster that nobody has added.
    let reply = gateway.assist().await;
    assert_eq!((reply.status, reply.marks()["served-by"], reply.marks()["degraded"]), (200, "static", "timeout"));
    assert_eq!(gateway.envoy.vm_failures().await.unwrap(), Vec::<String>::new());
}
