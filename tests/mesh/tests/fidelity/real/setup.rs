//! Envoy's configuration and the regions behind it.

use anyhow::{Context, ensure};
use helius_e2e::{BlackHole, Bootstrap, Mesh, Protocol, Upstream};
use helius_mesh::{Behaviour, Ending, Exchange, Millis, Scenario, cluster, region_name};
use serde_json::{Value, json};

use super::{behaviour, translation};

const PRIMARY: &str = "primary";

/// What has to be there before the first request. Scenarios for which it is the same can share an Envoy.
#[derive(Debug)]
pub(super) struct Setup<'a> {
    scenario: &'a Scenario,
    clusters: Vec<Cluster>,
    /// Between the clients and Envoy, and between Envoy and the regions.
    pub(super) protocol: Protocol,
}

/// A region as Envoy knows it at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cluster {
    Accepting,
    Refusing,
    Unreachable,
    NoHosts,
    Overflowing,
    OverflowingLate,
    Unknown,
}

impl<'a> Setup<'a> {
    pub(super) fn of(scenario: &'a Scenario) -> anyhow::Result<Self> {
        ensure!(scenario.clock_steps.is_empty(), "the clock of the real Envoy does not step");
        let clusters = (0..count(scenario)).map(|region| cluster_of(scenario, region));
        let protocol = if has_trailers(scenario) { Protocol::Http2 } else { Protocol::Http1 };
        Ok(Self { scenario, clusters: clusters.collect::<Result<_, _>>()?, protocol })
    }

    /// The same text for all that can share an Envoy; none where nobody else can use it.
    pub(super) fn key(&self) -> Option<String> {
        let is_used_up = self.clusters.contains(&Cluster::OverflowingLate);
        // What a breaker knows stays in its Envoy.
        let has_breaker = self.scenario.document.routes.iter().any(|route| route.breaker.is_some());
        let has_agent = self.scenario.document.agent.is_some();
        let has_sequel = has_agent || self.scenario.exchanges.len() > 1 || !self.scenario.pushes.is_empty();
        let is_alone = is_used_up || has_breaker || has_sequel;
        let (envoy, document) = (&self.scenario.envoy, self.scenario.document.text());
        (!is_alone).then(|| format!("{envoy:?} {document} {:?} {:?}", self.clusters, self.protocol))
    }

    pub(super) async fn build(&self) -> anyhow::Result<(Bootstrap, Regions)> {
        let mut regions = Regions { upstreams: Vec::new(), holes: Vec::new() };
        let mut bootstrap = self.bootstrap()?;
        for (region, cluster) in self.clusters.iter().enumerate() {
            bootstrap = regions.add(bootstrap, region, *cluster, self.scenario.envoy.connect_timeout).await?;
        }
        bootstrap = bootstrap.buffer_limit(u32::try_from(self.scenario.envoy.buffer_limit)?);
        if self.protocol == Protocol::Http2 {
            bootstrap = bootstrap.http2_upstreams();
        }
        Ok((bootstrap, regions))
    }

    fn bootstrap(&self) -> anyhow::Result<Bootstrap> {
        let envoy = &self.scenario.envoy;
        let route = json!({
            "match": { "prefix": "/" },
            "route": { "cluster": PRIMARY, "timeout": seconds(envoy.route_timeout) },
        });
        let mut bootstrap = Mesh::builder()
            .envoy_routes(|routes| *routes = vec![route])
            .document_text(&self.scenario.document.text())
            .concurrency(u32::try_from(envoy.workers)?);
        if envoy.outer_filter {
            bootstrap = bootstrap.outer_filter(witness());
        }
        if !envoy.allow_on_headers_stop_iteration {
            bootstrap = bootstrap.without_stop_iteration();
        }
        Ok(bootstrap)
    }
}

/// A filter that leaves a trace on every answer that passes it.
fn witness() -> Value {
    let code = "function envoy_on_response(handle) handle:headers():add('x-outer', 'seen') end";
    json!({
        "name": "witness",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": { "inline_string": code },
        },
    })
}

/// A time as Envoy's configuration has it.
fn seconds(millis: Millis) -> Value {
    format!("{}.{:03}s", millis / 1000, millis % 1000).into()
}

/// How many regions there are in all documents.
fn count(scenario: &Scenario) -> usize {
    let pushed = scenario.pushes.iter().map(|(_, document)| document);
    let routes = pushed.chain([&scenario.document]).flat_map(|document| &document.routes);
    routes.map(|route| route.regions.len()).max().unwrap_or(0).max(1)
}

fn cluster_of(scenario: &Scenario, region: usize) -> anyhow::Result<Cluster> {
    let mut all = scenario.exchanges.iter().map(|exchange| match behaviour(exchange, region) {
        Behaviour::Answer(_) | Behaviour::Break(_) | Behaviour::Hang => Cluster::Accepting,
        Behaviour::Refuse => Cluster::Refusing,
        Behaviour::Unreachable => Cluster::Unreachable,
        Behaviour::NoHosts => Cluster::NoHosts,
        Behaviour::Overflow => Cluster::Overflowing,
        Behaviour::OverflowLate => Cluster::OverflowingLate,
        Behaviour::UnknownCluster => Cluster::Unknown,
    });
    let first = all.next().context("a scenario without exchanges")?;
    // A region can change its mind, Envoy's configuration does not.
    let is_regions = |cluster| matches!(cluster, Cluster::Accepting | Cluster::Refusing);
    let is_possible = all.all(|other| other == first || (is_regions(first) && is_regions(other)));
    ensure!(is_possible, "the cluster of region {region} cannot change between two exchanges");
    Ok(first)
}

/// HTTP/1.1 does not carry them all the way.
fn has_trailers(scenario: &Scenario) -> bool {
    let answered = |behaviour: &Behaviour| matches!(behaviour, Behaviour::Answer(it) if it.ending == Ending::Trailers);
    scenario.exchanges.iter().any(|exchange| exchange.request.trailers || exchange.regions.iter().any(answered))
}

#[derive(Debug)]
pub(super) struct Regions {
    upstreams: Vec<Upstream>,
    holes: Vec<BlackHole>,
}

impl Regions {
    async fn add(
        &mut self,
        bootstrap: Bootstrap,
        region: usize,
        kind: Cluster,
        connect_timeout: Millis,
    ) -> anyhow::Result<Bootstrap> {
        let (name, cluster) = (region_name(region), if region == 0 { PRIMARY.to_owned() } else { cluster(region) });
        let upstream = match kind {
            Cluster::Refusing => Upstream::start_refusing(&name)?,
            _ => Upstream::start(&name).await?,
        };
        let mut addr = upstream.addr();
        self.upstreams.push(upstream);
        if kind == Cluster::Unreachable {
            let hole = BlackHole::open().await?;
            addr = hole.addr();
            self.holes.push(hole);
        }
        if kind == Cluster::Unknown {
            return Ok(bootstrap);
        }
        let timeout = seconds(connect_timeout);
        let known = bootstrap.extra_cluster(&cluster, addr).cluster(&cluster, |it| it["connect_timeout"] = timeout);
        Ok(match kind {
            Cluster::NoHosts => known.without_endpoints(&cluster),
            // Full from the first request on, and known at once: no connection is ever made that could be idle.
            Cluster::Overflowing => known.circuit_breaker(&cluster, &json!({ "max_pending_requests": 0 })),
            // Known only when there is a connection, so only for the first request.
            Cluster::OverflowingLate => known.circuit_breaker(&cluster, &json!({ "max_requests": 0 })),
            _ => known,
        })
    }

    /// Tells each region what to do in an exchange.
    pub(super) async fn prepare(&mut self, index: usize, exchange: &Exchange) -> anyhow::Result<()> {
        for (region, upstream) in self.upstreams.iter_mut().enumerate() {
            let behaviour = behaviour(exchange, region);
            if behaviour == Behaviour::Refuse {
                upstream.refuse().await;
            } else if upstream.is_refusing() {
                upstream.accept().await?;
            }
            upstream.behave(translation::behaviour(&behaviour, region, index));
        }
        Ok(())
    }
}
