//! What the story is about: one Envoy, and two services in two regions, each a process of its own.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use helius_e2e::{AgentProcess, Envoy, RegionProcess, RegionProgram, ReservedPort, repository};

use crate::{REGION, agent, ports};

const PRIMARY: &str = "us-east-1";
const SECONDARY: &str = "us-west-2";
const WORKERS: u32 = 2;
/// What a request takes in a healthy region.
const HEALTHY: Duration = Duration::from_millis(20);
/// What it takes in a slow one: longer than `regions[].timeout` in `envoy/bootstrap.yaml`.
const SLOW: Duration = Duration::from_secs(3);
/// Below `target/`, where everything goes that can be thrown away.
pub(crate) const DIRECTORY: &str = "target/demo";
pub(crate) const ENVOY_LOG: &str = "target/demo/envoy.log";
const BOOTSTRAP: &str = "envoy/bootstrap.yaml";
const MODULE: &str = "dist/helius.wasm";

/// The running processes. Dropping it ends them all.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) envoy: Envoy,
    /// It is there as long as this is.
    _agent: AgentProcess,
    pub(crate) assist: Service,
    pub(crate) predict: Service,
}

/// One service in two regions.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) primary: RegionProcess,
    pub(crate) secondary: RegionProcess,
}

/// What happens in the world.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    Nothing,
    PrimarySlow,
    PrimaryDown,
    BothDown,
    Back,
    /// An operator takes the primary out of the ladder for a while.
    Switched,
}

impl World {
    /// Starts everything.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        ports::ensure_free()?;
        ensure!(repository().join(MODULE).is_file(), "there is no {MODULE}: `make wasm` builds it");
        std::fs::create_dir_all(repository().join(DIRECTORY)).with_context(|| format!("cannot make {DIRECTORY}"))?;
        let assist = Service::start("assist", ports::ASSIST).await?;
        let predict = Service::start("recommender", ports::PREDICT).await?;
        let root = repository();
        let envoy = Envoy::start_file(Path::new(BOOTSTRAP), &root.join(ENVOY_LOG), WORKERS).await?;
        let agent = agent::start().await?;
        Ok(Self { envoy, _agent: agent, assist, predict })
    }

    /// Makes it happen, to both services at once.
    pub(crate) async fn change(&mut self, change: Change) -> anyhow::Result<()> {
        if matches!(change, Change::Switched) {
            return agent::switch().await;
        }
        tokio::try_join!(self.assist.change(change), self.predict.change(change))?;
        Ok(())
    }

    /// Everything that a region can be killed or talked to by.
    pub(crate) fn regions(&self) -> [(&'static str, &'static str, &RegionProcess); 4] {
        [
            ("the assistant", PRIMARY, &self.assist.primary),
            ("the assistant", SECONDARY, &self.assist.secondary),
            ("the recommender", PRIMARY, &self.predict.primary),
            ("the recommender", SECONDARY, &self.predict.secondary),
        ]
    }
}

impl Service {
    async fn start(name: &str, [primary, secondary]: [std::net::SocketAddr; 2]) -> anyhow::Result<Self> {
        // `cargo run` builds no other program than this one, so this one takes the part of the regions too.
        let program = RegionProgram::this_one(REGION)?;
        let start = async |region, addr| {
            let started = RegionProcess::start_as(program.clone(), name, region, ReservedPort::at(addr)?).await?;
            started.set_latency(HEALTHY).await?;
            anyhow::Ok(started)
        };
        Ok(Self { primary: start(PRIMARY, primary).await?, secondary: start(SECONDARY, secondary).await? })
    }

    async fn change(&mut self, change: Change) -> anyhow::Result<()> {
        match change {
            Change::Nothing | Change::Switched => {}
            Change::PrimarySlow => self.primary.set_latency(SLOW).await?,
            Change::PrimaryDown => self.primary.kill(),
            Change::BothDown => self.secondary.kill(),
            Change::Back => {
                for region in [&mut self.primary, &mut self.secondary] {
                    region.restart().await?;
                    region.set_latency(HEALTHY).await?;
                }
            }
        }
        Ok(())
    }
}
