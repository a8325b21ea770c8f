//! The real Envoy with the real module, and everything around it that a test or a demonstration needs: regions
//! that answer, fail, hang or vanish on command, clients of both protocols, and what an operator sees: the counts, the
//! real Prometheus and Alertmanager, and what promtool and amtool say.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use helius_e2e::{Answer, Mesh, Upstream};
//!
//! let primary = Upstream::start("us-east-1").await?;
//! let secondary = Upstream::start("us-west-2").await?;
//! let mesh = Mesh::builder().assist(primary.addr(), secondary.addr()).start().await?;
//!
//! primary.behave(Answer::status(500).text("boom"));
//! let reply = mesh.post("/assist", r#"{"id": 7}"#).await?;
//! assert_eq!(reply.header("x-helius-region"), Some("us-west-2"));
//! # Ok(())
//! # }
//! ```

mod agent;
mod alert_rules;
mod alertmanager;
mod alone;
mod amtool;
mod behaviour;
mod black_hole;
mod bootstrap;
mod child;
mod client;
mod daemon;
mod envoy;
mod expression;
mod judgement;
mod ledger;
mod line;
mod load;
mod mesh;
mod native_failover;
mod port;
mod process;
mod program;
mod prometheus;
mod promtool;
mod pushed;
mod raw;
mod region;
mod resident_memory;
mod server;
mod stats;
mod upstream;
mod wait;

pub use agent::AgentProcess;
pub use alert_rules::{AlertRule, AlertRules};
pub use alertmanager::{AlertRouting, Alertmanager, HeldAlert, Notification, NotifiedAlert};
pub use alone::alone;
pub use amtool::Amtool;
pub use behaviour::{Answer, Behaviour, Ending};
pub use black_hole::BlackHole;
pub use bootstrap::{Bootstrap, DocumentFormat, repository};
pub use client::{Client, Connection, Failure, OpenReply, Protocol, Reply, Request};
pub use envoy::Envoy;
pub use expression::{compared_in, metrics_of, selections_in};
pub use judgement::Judgement;
pub use ledger::Ledger;
pub use load::{Arrival, ClosedLoop, LeanAnswer, LeanRegion, Mood, OpenLoop, Sent, Tally, lean_post};
pub use mesh::Mesh;
pub use port::ReservedPort;
pub use process::{RegionProcess, RegionProgram};
pub use prometheus::{Alert, AlertState, Labels, Prometheus, PrometheusSetup};
pub use promtool::Promtool;
pub use pushed::PushedMesh;
pub use raw::RawConnection;
pub use region::serve_region;
pub use resident_memory::resident_memory;
pub use stats::{Sample, Stats};
pub use upstream::{Recorded, Upstream};
pub use wait::wait_for;
