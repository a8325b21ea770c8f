//! A region as a process of its own, to be killed, stopped and restarted like the real thing.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::child::LeashedChild;
use crate::client::{Client, Protocol, Request};
use crate::port::ReservedPort;
use crate::wait::wait_for;

const START: Duration = Duration::from_secs(10);

/// The process `region`, which knows nothing of the mesh. Its port stays reserved while it is dead, so that it is
/// refused connections and comes back on the same one. Dropping this kills it.
#[derive(Debug)]
pub struct RegionProcess {
    program: RegionProgram,
    service: String,
    region: String,
    port: ReservedPort,
    child: Option<LeashedChild>,
}

impl RegionProcess {
    /// Starts a region of `assist` or `recommender` on a free port.
    pub async fn start(service: &str, region: &str) -> anyhow::Result<Self> {
        Self::start_on(service, region, ReservedPort::any()?).await
    }

    /// Starts it on a port that the caller chose.
    pub async fn start_on(service: &str, region: &str, port: ReservedPort) -> anyhow::Result<Self> {
        Self::start_as(RegionProgram::beside()?, service, region, port).await
    }

    /// Starts it as another program than `region`.
    pub async fn start_as(
        program: RegionProgram,
        service: &str,
        region: &str,
        port: ReservedPort,
    ) -> anyhow::Result<Self> {
        let mut this = Self { program, service: service.to_owned(), region: region.to_owned(), port, child: None };
        this.restart().await?;
        Ok(this)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.port.addr()
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(LeashedChild::id)
    }

    /// What starts it by hand.
    pub fn command_line(&self) -> String {
        let (program, arguments) = (self.program.path.display(), self.arguments().join(" "));
        format!("{program} {arguments}")
    }

    /// Kills it as the kernel does when memory is short: connections under way are reset, new ones refused.
    pub fn kill(&mut self) {
        self.child = None;
    }

    /// Stops it: it accepts connections (the kernel does) and never answers.
    pub fn hang(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on after [`hang`](Self::hang).
    pub fn resume(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    /// Kills it if it runs, and starts it anew on the same port.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.kill();
        let mut command = Command::new(&self.program.path);
        command.args(self.arguments()).stdin(Stdio::null()).stdout(Stdio::null());
        let mut child =
            LeashedChild::spawn(&mut command).with_context(|| format!("cannot run {}", self.command_line()))?;
        let what = format!("{} in {} to accept connections", self.service, self.region);
        let accepting = wait_for(&what, START, async || {
            let accepts = TcpStream::connect(self.addr()).await.is_ok();
            (accepts || !child.is_running()).then_some(accepts)
        });
        ensure!(accepting.await?, "{} in {} ended while it started", self.service, self.region);
        self.child = Some(child);
        Ok(())
    }

    /// How long it takes for every answer from now on.
    pub async fn set_latency(&self, latency: Duration) -> anyhow::Result<()> {
        let milliseconds = u64::try_from(latency.as_millis())?;
        self.control(&json!({ "latency_ms": milliseconds })).await
    }

    /// Answers every request with this status, as a service does whose model could not be loaded; `None` ends it.
    pub async fn fail_with(&self, status: Option<u16>) -> anyhow::Result<()> {
        self.control(&json!({ "fail_with": status })).await
    }

    fn arguments(&self) -> Vec<String> {
        let address = self.addr().to_string();
        let own = ["--service", &self.service, "--region", &self.region, "--listen", &address];
        self.program.part.iter().map(String::as_str).chain(own).map(str::to_owned).collect()
    }

    async fn control(&self, change: &Value) -> anyhow::Result<()> {
        let request = Request::new(hyper::Method::PUT, "/control").body(change.to_string());
        let reply = Client::new(self.addr(), Protocol::Http1).send(request).await?;
        ensure!(reply.status == 200, "{} in {} refused {change}: {}", self.service, self.region, reply.text());
        Ok(())
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        match &self.child {
            Some(child) => Ok(child.signal(signal)?),
            None => bail!("{} in {} does not run", self.service, self.region),
        }
    }
}

impl fmt::Display for RegionProcess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} in {}", self.service, self.region)
    }
}

/// The program that a region runs as.
#[derive(Debug, Clone)]
pub struct RegionProgram {
    path: PathBuf,
    /// The first argument, by which a program of several parts knows that it is to be a region.
    part: Option<String>,
}

impl RegionProgram {
    /// The program `region`, which cargo puts beside whatever uses it; tests are one directory deeper.
    pub fn beside() -> anyhow::Result<Self> {
        let own = std::env::current_exe()?;
        let directories = own.ancestors().skip(1).take(2);
        let found = directories.map(|directory| directory.join("region")).find(|candidate| candidate.is_file());
        let path = found.context("the program `region` is not built: `cargo build -p helius-e2e`")?;
        Ok(Self { path, part: None })
    }

    /// The running program itself, which calls [`serve_region`](crate::serve_region) when its first argument is
    /// `part`: `cargo run` builds no other.
    pub fn this_one(part: &str) -> anyhow::Result<Self> {
        Ok(Self { path: std::env::current_exe()?, part: Some(part.to_owned()) })
    }
}
