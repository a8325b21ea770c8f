//! A sidecar whose listener comes from a control plane, which here is a file that Envoy watches.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bootstrap::Bootstrap;
use crate::envoy::Envoy;
use crate::mesh::Mesh;
use crate::wait::wait_for;

const LISTENER: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
const TAKEN: &str = "envoy_listener_manager_lds_update_success";
const REFUSED: &str = "envoy_listener_manager_lds_update_rejected";

/// A running mesh of one sidecar to which other documents can be pushed.
#[derive(Debug)]
pub struct PushedMesh {
    mesh: Mesh,
    bootstrap: Bootstrap,
    directory: TempDir,
    version: u32,
}

impl Bootstrap {
    /// Starts Envoy with a listener that can be replaced while it runs.
    pub async fn start_pushed(mut self) -> anyhow::Result<PushedMesh> {
        let directory = tempfile::Builder::new().prefix("helius-pushed-").tempdir()?;
        let mut envoy = self.render()?;
        write_listener(directory.path(), &envoy, 1)?;
        envoy["static_resources"]["listeners"] = json!([]);
        envoy["node"] = json!({ "id": "pod", "cluster": "mesh" });
        envoy["dynamic_resources"] = json!({
            "lds_config": { "path_config_source": { "path": directory.path().join("listeners.json") } },
        });
        let envoy = Envoy::start(&envoy, self.concurrency).await?;
        let mesh = Mesh::running(envoy).await?;
        Ok(PushedMesh { mesh, bootstrap: self, directory, version: 1 })
    }
}

impl PushedMesh {
    /// The mesh as any other.
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// Pushes another document for the filter, and waits until Envoy has taken it.
    pub async fn push(&mut self, document: &str) -> anyhow::Result<()> {
        let before = self.mesh.stats().await?.sum(TAKEN, &[]);
        self.version += 1;
        self.bootstrap.set_document_text(document);
        write_listener(self.directory.path(), &self.bootstrap.render()?, self.version)?;
        wait_for("Envoy to take the listener", Duration::from_secs(10), async || {
            let stats = self.mesh.stats().await.ok()?;
            (stats.sum(TAKEN, &[]) > before || stats.sum(REFUSED, &[]) > 0).then_some(())
        })
        .await?;
        let refused = self.mesh.stats().await?.sum(REFUSED, &[]);
        anyhow::ensure!(refused == 0, "Envoy refused the listener");
        Ok(())
    }
}

/// Replaces the file in one step, which is the only way that Envoy notices.
fn write_listener(directory: &Path, envoy: &Value, version: u32) -> anyhow::Result<()> {
    let mut listener = envoy["static_resources"]["listeners"][0].clone();
    listener.as_object_mut().context("the bootstrap has no listener")?.insert("@type".to_owned(), LISTENER.into());
    let response = json!({ "version_info": version.to_string(), "resources": [listener] });
    let fresh = directory.join("fresh.json");
    std::fs::write(&fresh, response.to_string())?;
    std::fs::rename(fresh, directory.join("listeners.json"))?;
    Ok(())
}
