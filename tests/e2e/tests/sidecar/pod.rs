//! A pod of an example: its patched sidecar, and its agent.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use helius_e2e::{AgentProcess, Connection, Envoy, Reply, Request, ReservedPort, repository};
use helius_istio::applier::{Proxy, apply};
use helius_istio::plain_envoy::Surroundings;
use helius_istio::{Manifest, Sidecar, rendered, routing};
use serde_json::Value;
use tempfile::TempDir;

const TOKEN: &str = "open sesame";
/// Of the time of the dump.
const ISTIO: &str = "1.20.0";
const WORKERS: u32 = 2;

/// A sidecar before it is patched, and the port of the application in it.
pub(crate) struct Unpatched {
    pub(crate) port: u16,
    sidecar: Sidecar,
}

impl Unpatched {
    /// The small one of the repository, and where Istio's is published, that.
    pub(crate) fn all() -> Vec<Self> {
        let sidecars = Sidecar::all().unwrap().into_iter().zip([8080, 80]);
        sidecars.map(|(sidecar, port)| Self { port, sidecar }).collect()
    }

    /// The cluster in which Istio has the application.
    pub(crate) fn application(&self) -> String {
        format!("inbound|{}||", self.port)
    }
}

pub(crate) struct Pod {
    pub(crate) envoy: Envoy,
    pub(crate) agent: AgentProcess,
    sockets: TempDir,
    _ports: [ReservedPort; 2],
}

impl Pod {
    /// A pod of an example with this sidecar, and with these behind its clusters.
    pub(crate) async fn start(name: &str, unpatched: &Unpatched, endpoints: &[(&str, SocketAddr)]) -> Self {
        Self::of(&rendered::example(&repository(), name).unwrap(), unpatched, endpoints).await
    }

    /// The same with an example that was changed.
    pub(crate) async fn of(example: &[Manifest], unpatched: &Unpatched, endpoints: &[(&str, SocketAddr)]) -> Self {
        let mut sidecar = unpatched.sidecar.clone();
        let problems = apply(example, &Proxy::of(example, ISTIO).unwrap(), &mut sidecar);
        assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));

        let sockets = TempDir::new().unwrap();
        let [api, admin] = [ReservedPort::any().unwrap(), ReservedPort::any().unwrap()];
        let endpoints = endpoints.iter().map(|(name, addr)| ((*name).to_owned(), *addr));
        let surroundings = Surroundings {
            sockets: sockets.path(),
            module: &repository().join("dist/helius.wasm"),
            stat_tags: stat_tags(example),
            routes: routing::routes(example),
            endpoints: endpoints.chain([("helius_agent".to_owned(), api.addr())]).collect::<BTreeMap<_, _>>(),
        };
        let mut bootstrap = surroundings.bootstrap(&sidecar);
        bootstrap["admin"]["address"]["socket_address"]["port_value"] = admin.addr().port().into();

        let token = sockets.path().join("token");
        fs::write(&token, TOKEN).unwrap();
        let flags = ["--token-file", token.to_str().unwrap()];
        let agent = AgentProcess::start_at(api.addr(), admin.addr(), &flags).await.unwrap();
        let envoy = Envoy::start(&bootstrap, WORKERS).await.unwrap();
        Self { envoy, agent, sockets, _ports: [api, admin] }
    }

    /// Somebody asks the application on a port.
    pub(crate) async fn asked(&self, port: u16, request: Request) -> Reply {
        self.redirected("virtualInbound", port, request).await
    }

    /// The application asks others on a port.
    pub(crate) async fn asks(&self, port: u16, request: Request) -> Reply {
        self.redirected("virtualOutbound", port, request).await
    }

    async fn redirected(&self, listener: &str, port: u16, request: Request) -> Reply {
        let destination = SocketAddr::from((Ipv4Addr::new(10, 0, 0, 1), port));
        let mut connection = Connection::redirected(&self.sockets.path().join(listener), destination).await.unwrap();
        connection.send(request).await.unwrap()
    }

    /// Switches something at the agent, as an operator does who knows the token.
    pub(crate) async fn switch(&self, body: &Value) {
        let request = Request::post("/v1/overrides", body.to_string());
        let reply = self.agent.api().send(request.header("authorization", format!("Bearer {TOKEN}"))).await.unwrap();
        assert_eq!(reply.status, 201, "{}", reply.text());
    }

    pub(crate) async fn assert_unharmed(&self) {
        assert!(self.envoy.is_alive(), "Envoy has ended");
        assert_eq!(self.envoy.vm_failures().await.unwrap(), Vec::<String>::new());
    }
}

/// The words of the annotation by which Istio is asked to make labels.
fn stat_tags(example: &[Manifest]) -> Vec<String> {
    let deployment = example.iter().find(|it| it.kind() == "Deployment").unwrap();
    let words = deployment.text("/spec/template/metadata/annotations/sidecar.istio.io~1extraStatTags");
    words.split(',').map(str::to_owned).collect()
}
