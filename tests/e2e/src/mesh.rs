//! One pod's sidecar under test: the edited bootstrap, running.

use std::net::SocketAddr;

use bytes::Bytes;
use serde_json::Value;

use crate::bootstrap::Bootstrap;
use crate::client::{Client, Failure, Protocol, Reply, Request};
use crate::envoy::Envoy;
use crate::ledger::Ledger;
use crate::port::ReservedPort;
use crate::stats::Stats;

impl Bootstrap {
    /// Starts Envoy with it.
    pub async fn start(mut self) -> anyhow::Result<Mesh> {
        let rendered: Value = self.render()?;
        let envoy = Envoy::start(&rendered, self.concurrency).await?;
        let mesh = Mesh::running(envoy).await?;
        Ok(Mesh { _nowhere: Some(self.nowhere), ..mesh })
    }
}

/// A running mesh of one sidecar.
#[derive(Debug)]
pub struct Mesh {
    envoy: Envoy,
    addr: SocketAddr,
    /// Keeps the port that clusters without an address lead to from being taken by somebody who answers.
    _nowhere: Option<ReservedPort>,
}

impl Mesh {
    /// The shipped bootstrap, to be edited and started.
    ///
    /// # Panics
    ///
    /// When the shipped bootstrap cannot be read: nothing could be tested then.
    pub fn builder() -> Bootstrap {
        Bootstrap::shipped().unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// A mesh around an Envoy that is ready.
    pub(crate) async fn running(envoy: Envoy) -> anyhow::Result<Self> {
        let addr = envoy.listener().await?;
        Ok(Self { envoy, addr, _nowhere: None })
    }

    /// Where its clients connect.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A client over HTTP/1.1.
    pub fn client(&self) -> Client {
        Client::new(self.addr, Protocol::Http1)
    }

    /// A client over HTTP/2.
    pub fn http2_client(&self) -> Client {
        Client::new(self.addr, Protocol::Http2)
    }

    /// Sends a request over a connection of its own.
    pub async fn send(&self, request: Request) -> Result<Reply, Failure> {
        self.client().send(request).await
    }

    /// Posts JSON over a connection of its own.
    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Result<Reply, Failure> {
        self.send(Request::post(path, body)).await
    }

    /// The Envoy itself.
    pub fn envoy(&self) -> &Envoy {
        &self.envoy
    }

    /// All stats at this moment.
    pub async fn stats(&self) -> anyhow::Result<Stats> {
        self.envoy.stats().await
    }

    /// Begins to count from here.
    pub async fn ledger(&self) -> anyhow::Result<Ledger<'_>> {
        Ledger::open(self).await
    }

    /// Whether Envoy runs.
    pub fn is_alive(&self) -> bool {
        self.envoy.is_alive()
    }

    /// Every sign that a VM of the module died; empty is good.
    pub async fn vm_failures(&self) -> anyhow::Result<Vec<String>> {
        self.envoy.vm_failures().await
    }

    /// Asserts that whatever happened before has harmed neither Envoy nor the module.
    ///
    /// # Panics
    ///
    /// When Envoy has ended or a VM has died.
    pub async fn assert_unharmed(&self) {
        assert!(self.is_alive(), "Envoy has ended");
        match self.vm_failures().await {
            Ok(failures) => assert!(failures.is_empty(), "the module failed: {failures:#?}"),
            Err(error) => panic!("Envoy does not tell its stats: {error:#}"),
        }
    }
}
