//! Something that plays the pod's agent: it tells the filter what operators have switched, but does not wait with it.

use std::time::{Duration, SystemTime};

use helius_e2e::{Answer, Bootstrap, Upstream};
use helius_mesh::{AgentEvent, Lie, Override, document_of};

/// The cluster of `envoy/bootstrap.yaml`.
const CLUSTER: &str = "helius_agent";

/// An agent behind Envoy.
#[derive(Debug)]
pub(super) struct Agent {
    upstream: Upstream,
    /// By the event that has set it, with its end.
    overrides: Vec<(usize, Override, SystemTime)>,
    version: usize,
    lie: Option<Lie>,
}

impl Agent {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let this = Self { upstream: Upstream::start("agent").await?, overrides: Vec::new(), version: 0, lie: None };
        this.tell();
        Ok(this)
    }

    /// Tells Envoy where it is.
    pub(super) fn known_to(&self, bootstrap: Bootstrap) -> Bootstrap {
        let port = self.upstream.addr().port();
        bootstrap.cluster(CLUSTER, |cluster| {
            let endpoint = &mut cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"];
            endpoint["address"]["socket_address"]["port_value"] = port.into();
        })
    }

    pub(super) async fn on(&mut self, index: usize, event: &AgentEvent) -> anyhow::Result<()> {
        match event {
            AgentEvent::Set(what) => {
                let until = SystemTime::now() + Duration::from_millis(what.lasts);
                self.overrides.push((index, what.clone(), until));
            }
            AgentEvent::Clear(event) => self.overrides.retain(|(it, ..)| it != event),
            AgentEvent::Dies => self.upstream.refuse().await,
            AgentEvent::Returns { remembers } => {
                self.overrides.retain(|_| *remembers);
                self.upstream.accept().await?;
            }
            AgentEvent::Lies(lie) => self.lie = Some(*lie),
            AgentEvent::Recovers => self.lie = None,
        }
        self.version += 1;
        self.tell();
        Ok(())
    }

    fn tell(&self) {
        let mut document = document_of(self.overrides.iter().map(|(_, what, until)| (what, *until)));
        let status = if self.lie == Some(Lie::Error) { 500 } else { 200 };
        if matches!(self.lie, Some(Lie::Garbage | Lie::Mistake)) {
            document = document.replacen(':', ": { nobody: ", 1);
        }
        let answer = Answer::status(status).header("etag", format!("\"v{}\"", self.version));
        self.upstream.behave(answer.body(document));
    }
}
