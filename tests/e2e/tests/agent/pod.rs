//! A pod whose operators can switch things: a mesh, and beside it an agent that knows a token and watches a file.

use std::fs;
use std::path::{Path, PathBuf};

use helius_e2e::{AgentProcess, Bootstrap, Mesh, Reply, Request, ReservedPort};
use serde_json::Value;
use tempfile::TempDir;

const TOKEN: &str = "open sesame";

pub(crate) struct Pod {
    pub(crate) mesh: Mesh,
    pub(crate) agent: AgentProcess,
    directory: TempDir,
    _api: ReservedPort,
}

impl Pod {
    /// Where the agent looks for a file of overrides in a pod with this directory.
    pub(crate) fn overrides_file(directory: &Path) -> PathBuf {
        directory.join("overrides.yaml")
    }

    /// Starts both. What is in the directory is there when the agent begins.
    pub(crate) async fn start(bootstrap: Bootstrap, directory: TempDir) -> Self {
        let (admin, api) = (ReservedPort::any().unwrap(), ReservedPort::any().unwrap());
        let (token, file) = (directory.path().join("token"), Self::overrides_file(directory.path()));
        fs::write(&token, TOKEN).unwrap();
        let flags = ["--token-file", token.to_str().unwrap(), "--overrides-file", file.to_str().unwrap()];
        let agent = AgentProcess::start_at(api.addr(), admin.addr(), &flags).await.unwrap();
        let mesh = bootstrap.endpoint("helius_agent", api.addr()).admin(admin.addr()).start().await.unwrap();
        Self { mesh, agent, directory, _api: api }
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Asks the agent as an operator does who knows the token.
    pub(crate) async fn ask(&self, method: &str, body: &Value) -> Reply {
        let request = Request::new(method.parse().unwrap(), "/v1/overrides").body(body.to_string());
        self.agent.api().send(request.header("authorization", format!("Bearer {TOKEN}"))).await.unwrap()
    }

    /// Asserts that every worker has connections, so that what holds for all of them holds for it.
    pub(crate) async fn assert_spread(&self, workers: u32) {
        let stats = self.mesh.envoy().admin_get("/stats?filter=worker_.*downstream_cx_total").await.unwrap();
        let of_listener = stats.lines().filter(|line| line.starts_with("listener.127"));
        let counts: Vec<u32> = of_listener.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
        assert_eq!(counts.len(), workers as usize, "{stats}");
        assert!(counts.iter().all(|count| *count > 0), "{stats}");
    }
}
