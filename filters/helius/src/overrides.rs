//! What operators have switched: asked of the agent by one worker, and read by all from Envoy's shared data.
//!
//! The document that the agent gave last lies in shared data as it came. So it outlives a configuration push and a VM that
//! died, and whoever reads it judges it by the same rules as the agent. What is in force follows from it and from the time,
//! with every request: an override ends though nobody says so any more.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::rc::Rc;

use helius_policy::config::{Agent, Config};
use helius_policy::host::Host;
use helius_policy::http::Headers;
use helius_policy::overrides::{Active, Answered, InForce, Lease, Override, Poller};
use helius_policy::shared::{LAYOUT, SharedStore};
use helius_policy::time::{Clock, Timestamp};
use log::{info, warn};

use crate::host::{self, Envoy};
use crate::metrics::Metrics;

/// The overrides of one filter, as one worker knows them.
#[derive(Debug)]
pub(crate) struct Overrides {
    /// Where the agent's document lies.
    key: String,
    /// Where there is an agent.
    link: Option<Link>,
    known: RefCell<Known>,
    /// Whether this worker asks the agent, and so speaks for all.
    leads: Cell<bool>,
}

/// What reaches the agent.
#[derive(Debug)]
struct Link {
    cluster: String,
    lease: Lease,
    poller: RefCell<Poller>,
}

#[derive(Debug)]
struct Known {
    /// That of the document in shared data.
    version: Option<u32>,
    overrides: Vec<Override>,
    in_force: Rc<InForce>,
}

impl Overrides {
    /// What is known from before, which is in force from the first request on. `scope` tells the filter from others.
    pub(crate) fn new(config: &Config, scope: &str, metrics: &Metrics, envoy: &Envoy) -> Self {
        let link = config.agent().map(|agent| Link::new(agent, scope, envoy));
        let in_force = Rc::new(InForce::of(config, &[], envoy.now()));
        let known = Known { version: None, overrides: Vec::new(), in_force };
        let key = format!("{LAYOUT}/overrides/{scope}");
        let this = Self { key, link, known: RefCell::new(known), leads: Cell::new(false) };
        if this.link.is_some() {
            this.read(config, metrics, envoy, envoy.now());
        }
        this
    }

    /// What is in force `now`.
    pub(crate) fn in_force(&self, config: &Config, metrics: &Metrics, now: Timestamp) -> Rc<InForce> {
        let Ok(mut known) = self.known.try_borrow_mut() else { return Rc::new(InForce::of(config, &[], now)) };
        if known.in_force.is_outdated(now) {
            self.apply(&mut known, config, metrics, now);
        }
        known.in_force.clone()
    }

    /// Reads what another worker may have learnt, and asks the agent where that is this worker's part. A filter whose
    /// document is no longer in force leaves that to its successor, however long its last connections live.
    pub(crate) fn tick(
        &self,
        config: &Config,
        metrics: &Metrics,
        envoy: &Envoy,
        now: Timestamp,
        is_in_force: impl FnOnce() -> bool,
    ) {
        let Some(link) = &self.link else { return };
        self.read(config, metrics, envoy, now);
        self.in_force(config, metrics, now);
        self.leads.set(link.lease.hold(envoy, now, is_in_force));
        if let Ok(mut poller) = link.poller.try_borrow_mut()
            && self.leads.get()
            && let Some(poll) = poller.next(now)
        {
            let token = host::call(&link.cluster, &poll.headers, None, &[], poll.timeout);
            poller.asked(token, now);
            if token.is_none() && poller.is_news(true) {
                unreachable_agent(
                    config,
                    &format!("Envoy does not know the cluster {:?}, or it has no host", link.cluster),
                );
            }
        }
    }

    /// Whether it is this worker that speaks with the agent.
    pub(crate) const fn leads(&self) -> bool {
        self.leads.get()
    }

    fn read(&self, config: &Config, metrics: &Metrics, envoy: &Envoy, now: Timestamp) {
        let (Some(stored), Ok(mut known)) = (envoy.read(&self.key), self.known.try_borrow_mut()) else { return };
        if known.version == Some(stored.version) {
            return;
        }
        known.version = Some(stored.version);
        if let Ok(overrides) = Override::parse(&stored.record, now) {
            known.overrides = overrides;
            self.apply(&mut known, config, metrics, now);
        }
    }

    fn apply(&self, known: &mut Known, config: &Config, metrics: &Metrics, now: Timestamp) {
        let in_force = Rc::new(InForce::of(config, &known.overrides, now));
        metrics.show_overrides(&in_force);
        if self.leads.get() {
            tell_changes(config, known.in_force.active(), in_force.active(), now);
        }
        known.in_force = in_force;
    }

    /// A call of the root has been answered. Says whether it was a question to the agent.
    pub(crate) fn on_answered(
        &self,
        config: &Config,
        metrics: &Metrics,
        envoy: &Envoy,
        token: u32,
        answer: impl FnOnce() -> (Headers, Vec<u8>),
    ) -> bool {
        let Some(link) = &self.link else { return false };
        let Ok(mut poller) = link.poller.try_borrow_mut() else { return false };
        if !poller.is_asked(token) {
            return false;
        }
        let now = envoy.now();
        let (headers, body) = answer();
        match poller.answered(&headers, body, now) {
            Answered::Document(document) => match Override::parse(&document, now) {
                Ok(_) => {
                    if poller.is_news(false) {
                        info!("service={} the agent answers again", config.service());
                    }
                    if host::shared(&self.key) != document {
                        host::share(&self.key, &document);
                    }
                    self.read(config, metrics, envoy, now);
                }
                Err(why) => {
                    poller.refuse(now);
                    if poller.is_news(true) {
                        unreachable_agent(config, &why);
                    }
                }
            },
            Answered::Same => {
                poller.is_news(false);
            }
            Answered::Failed => {
                if poller.is_news(true) {
                    let status = headers.status().map_or_else(|| "nothing".to_owned(), |status| status.to_string());
                    unreachable_agent(config, &format!("it answered {status}"));
                }
            }
        }
        true
    }
}

impl Link {
    fn new(agent: &Agent, scope: &str, envoy: &Envoy) -> Self {
        Self {
            cluster: agent.cluster().to_owned(),
            lease: Lease::of_next(scope, envoy, envoy.random()),
            poller: RefCell::new(Poller::every(agent.poll_interval())),
        }
    }
}

/// Said once, until it answers again.
fn unreachable_agent(config: &Config, why: &dyn Display) {
    let service = config.service();
    warn!("service={service} the agent tells nothing about overrides, those that are known stay until they end: {why}");
}

/// A line for each override that begins or ends.
fn tell_changes(config: &Config, before: &[Active], after: &[Active], now: Timestamp) {
    let tell = |it: &Active, what: &str| {
        let (service, override_) = (config.service(), it.kind.word());
        let route = config.routes().get(it.route).map_or("", |route| route.name());
        let seconds = it.until.since(now).as_secs();
        info!("service={service} route={route} override={override_} {what} ends_in={seconds}s");
    };
    after.iter().filter(|it| !before.contains(it)).for_each(|it| tell(it, "begins"));
    before.iter().filter(|it| !after.contains(it)).for_each(|it| tell(it, "ends"));
}
