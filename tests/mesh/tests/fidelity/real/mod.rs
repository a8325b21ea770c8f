//! A scenario on the real Envoy, with regions and clients in this process.

mod agent;
mod setup;
mod translation;

use std::time::Duration;

use anyhow::{Context, ensure};
use helius_e2e::{Failure, Mesh, Protocol, PushedMesh, Reply, wait_for};
use helius_mesh::{AgentEvent, Behaviour, Document, Exchange, Scenario};
use tokio::time::{Instant, sleep_until, timeout};

use self::agent::Agent;
use self::setup::{Regions, Setup};
use crate::outcome::{Counts, End, Outcome, Seen, is_compared, is_counted, series};

/// The filter counts an exchange when Envoy logs it, and a call may go on after that.
const SETTLES: Duration = Duration::from_secs(3);

/// The same text for scenarios that can be played to the same Envoy, one after the other.
pub(crate) fn shared_key(scenario: &Scenario) -> Option<String> {
    Setup::of(scenario).ok()?.key()
}

/// An Envoy and the regions behind it.
pub(crate) struct Stage {
    envoy: Envoy,
    regions: Regions,
    /// Where the document has one.
    agent: Option<Agent>,
    protocol: Protocol,
    /// Gauges that stand since the start belong to the first scenario.
    is_fresh: bool,
}

impl Stage {
    /// Sets up what the scenario needs.
    pub(crate) async fn of(scenario: &Scenario) -> anyhow::Result<Self> {
        let setup = Setup::of(scenario)?;
        let (mut bootstrap, regions) = setup.build().await?;
        let agent = if scenario.document.agent.is_some() { Some(Agent::start().await?) } else { None };
        if let Some(agent) = &agent {
            bootstrap = agent.known_to(bootstrap);
        }
        let envoy = if scenario.pushes.is_empty() {
            Envoy::Fixed(Box::new(bootstrap.start().await?))
        } else {
            Envoy::Pushed(Box::new(bootstrap.start_pushed().await?))
        };
        Ok(Self { envoy, regions, agent, protocol: setup.protocol, is_fresh: true })
    }

    /// Plays a scenario. The stats are read until they are the `expected` ones, or for long enough.
    pub(crate) async fn play(&mut self, scenario: &Scenario, expected: &Counts) -> anyhow::Result<Outcome> {
        let before = if self.is_fresh { Counts::new() } else { count(self.envoy.mesh()).await? };
        self.is_fresh = false;
        let began = Instant::now();
        let mut exchanges = Vec::new();
        for (at, event) in events(scenario) {
            sleep_until(began + Duration::from_millis(at)).await;
            match event {
                Event::Push(document) => self.envoy.push(document).await?,
                Event::Agent(index, event) => {
                    if let Some(agent) = &mut self.agent {
                        agent.on(index, event).await?;
                    }
                }
                Event::Exchange(index, exchange) => {
                    self.regions.prepare(index, exchange).await?;
                    exchanges.push(ask(self.envoy.mesh(), self.protocol, index, exchange).await?);
                }
            }
        }
        let stats = settled(self.envoy.mesh(), &before, expected).await;
        let failures = self.envoy.mesh().vm_failures().await?;
        ensure!(failures.is_empty(), "the module failed: {failures:#?}");
        Ok(Outcome { exchanges, stats })
    }
}

enum Envoy {
    Fixed(Box<Mesh>),
    Pushed(Box<PushedMesh>),
}

impl Envoy {
    fn mesh(&self) -> &Mesh {
        match self {
            Self::Fixed(mesh) => mesh,
            Self::Pushed(pushed) => pushed.mesh(),
        }
    }

    async fn push(&mut self, document: &Document) -> anyhow::Result<()> {
        match self {
            Self::Fixed(_) => Ok(()),
            Self::Pushed(pushed) => pushed.push(&document.text()).await,
        }
    }
}

enum Event<'a> {
    Exchange(usize, &'a Exchange),
    Push(&'a Document),
    Agent(usize, &'a AgentEvent),
}

/// What happens, in order. An exchange begins when the one before it has ended, at the earliest.
fn events(scenario: &Scenario) -> Vec<(u64, Event<'_>)> {
    let exchanges = scenario.exchanges.iter().enumerate();
    let mut events: Vec<_> = exchanges.map(|(index, it)| (it.at, Event::Exchange(index, it))).collect();
    events.extend(scenario.pushes.iter().map(|(at, document)| (*at, Event::Push(document))));
    events.extend(scenario.agent.iter().enumerate().map(|(index, (at, event))| (*at, Event::Agent(index, event))));
    events.sort_by_key(|(at, _)| *at);
    events
}

async fn ask(mesh: &Mesh, protocol: Protocol, index: usize, exchange: &Exchange) -> anyhow::Result<Seen> {
    let client = match protocol {
        Protocol::Http1 => mesh.client(),
        Protocol::Http2 => mesh.http2_client(),
    };
    let answer = client.send(translation::request(&exchange.request, index, protocol)?);
    let answer = match exchange.leaves_after {
        None => answer.await,
        // Dropping the request closes its connection.
        Some(after) => match timeout(Duration::from_millis(after), answer).await {
            Ok(answer) => answer,
            Err(_) => return Ok(Seen::default()),
        },
    };
    match answer {
        Ok(reply) => Ok(seen(End::Whole, &reply)),
        Err(Failure::Truncated { reply, .. }) => Ok(seen(End::Truncated, &reply)),
        Err(failure) => Err(failure).with_context(|| format!("exchange {index}")),
    }
}

fn seen(end: End, reply: &Reply) -> Seen {
    let mut seen = Seen { end, status: reply.status, body: reply.body.to_vec(), ..Seen::default() };
    for (name, value) in reply.headers.iter().filter(|(name, _)| is_compared(name.as_str())) {
        let value = value.as_bytes().escape_ascii().to_string();
        seen.headers.entry(name.to_string()).or_default().push(value);
    }
    for (name, value) in reply.trailers.iter().flatten() {
        seen.trailers.insert(name.to_string(), value.as_bytes().escape_ascii().to_string());
    }
    seen
}

async fn settled(mesh: &Mesh, before: &Counts, expected: &Counts) -> Counts {
    let mut counts = Counts::new();
    let agreed = wait_for("the stats", SETTLES, async || {
        counts = count(mesh).await.ok()?;
        for (series, value) in &mut counts {
            *value -= before.get(series).copied().unwrap_or(0).min(*value);
        }
        counts.retain(|_, value| *value > 0);
        (counts == *expected).then_some(())
    });
    // Whoever compares says what is different.
    let _ = agreed.await;
    counts
}

async fn count(mesh: &Mesh) -> anyhow::Result<Counts> {
    let stats = mesh.stats().await?;
    let samples = ["helius_", "telemetry_"].into_iter().flat_map(|prefix| stats.beginning(prefix));
    let samples = samples.filter(|sample| sample.value > 0 && is_counted(&sample.name));
    let labelled = samples.map(|sample| {
        let labels = sample.labels.iter().map(|(label, value)| (label.as_str(), value.as_str()));
        (series(&sample.name, labels), sample.value)
    });
    Ok(labelled.collect())
}

/// What a region does in an exchange.
fn behaviour(exchange: &Exchange, region: usize) -> Behaviour {
    exchange.regions.get(region).cloned().unwrap_or_default()
}
