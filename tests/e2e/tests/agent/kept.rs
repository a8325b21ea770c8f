//! Good answers that outlive Envoy: the pod starts anew, no region is there, and the last good answer comes all the same.

use std::time::Duration;

use helius_e2e::{AgentProcess, Behaviour, Bootstrap, Mesh, Request, ReservedPort, Upstream, wait_for};
use serde_json::json;
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(20);

/// The ports of a pod, the same in each of its lives. (The client's authority has the port in it, and is part of the key.)
struct Ports {
    listener: ReservedPort,
    admin: ReservedPort,
    api: ReservedPort,
}

impl Ports {
    fn reserve() -> Self {
        let any = || ReservedPort::any().unwrap();
        Self { listener: any(), admin: any(), api: any() }
    }

    fn bootstrap(&self, region: &Upstream) -> Bootstrap {
        let bootstrap = Mesh::builder().listener(self.listener.addr()).admin(self.admin.addr()).without_breakers();
        let bootstrap = bootstrap.endpoint("llm_assistant_us_east_1", region.addr());
        bootstrap.endpoint("helius_agent", self.api.addr()).assist_route(|route| {
            route["fail_open"]["last_good"] = json!({ "key": ["path", "body"] });
        })
    }

    async fn agent(&self, flags: &[&str]) -> AgentProcess {
        AgentProcess::start_at(self.api.addr(), self.admin.addr(), flags).await.unwrap()
    }
}

fn question(id: u32) -> Request {
    Request::post("/assist", format!(r#"{{"id": {id}}}"#))
}

#[tokio::test]
async fn the_last_good_answer_is_there_when_the_pod_has_started_anew() {
    let region = Upstream::start("us-east-1").await.unwrap();
    let ports = Ports::reserve();
    let state = TempDir::new().unwrap();
    let flags = ["--state-dir", state.path().to_str().unwrap()];
    let agent = ports.agent(&flags).await;
    let mesh = ports.bootstrap(&region).start().await.unwrap();
    for id in [1, 2] {
        assert_eq!(mesh.send(question(id)).await.unwrap().json()["id"], id);
    }
    let kept = wait_for("both answers to lie on disk", SOON, async || {
        let reply = agent.api().send(Request::get("/v1/last-good/llm-router/assist")).await.unwrap();
        (reply.text().lines().count() == 2).then_some(())
    });
    kept.await.unwrap();
    drop((mesh, agent));

    // Another Envoy and another agent; nothing is left but the directory.
    region.behave(Behaviour::Reset);
    let _agent = ports.agent(&flags).await;
    let mesh = ports.bootstrap(&region).start().await.unwrap();
    for id in [1, 2] {
        let again = wait_for("the answer of the life before", SOON, async || {
            let reply = mesh.send(question(id)).await.unwrap();
            (reply.header("x-helius-served-by") == Some("last-good")).then_some(reply)
        });
        let again = again.await.unwrap();
        assert_eq!((again.status, &again.json()["id"]), (200, &json!(id)));
        assert!(again.header("age").is_some());
    }
    let other = mesh.send(question(3)).await.unwrap();
    assert_eq!(other.header("x-helius-served-by"), Some("static"), "nobody gets another one's answer");
    mesh.assert_unharmed().await;
}
