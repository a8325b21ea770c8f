//! The filter as configured: one for each worker thread, shared by the exchanges of that thread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use helius_policy::budget::Budget;
use helius_policy::config::Config;
use helius_policy::degraded_share::DegradedShare;
use helius_policy::drill;
use helius_policy::journal::Journal;
use helius_policy::retry_budget::RetryBudget;
use helius_policy::salt::Salt;
use helius_policy::ticks::Ticks;
use helius_policy::time::{Clock, Timestamp};
use log::{error, info};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{BufferType, ContextType, MapType};

use crate::archive::Archive;
use crate::config_store::{ConfigStore, Refused, fingerprint};
use crate::drills::Drills;
use crate::host::{self, Envoy};
use crate::metrics::{Metrics, set_config_rejected};
use crate::overrides::Overrides;
use crate::patience::{Patience, TICK};
use crate::stream::{StreamFilter, answer_of_call};

/// The label of a filter that never had a good configuration, and so does not know its service's name.
const UNKNOWN_SERVICE: &str = "unknown";

/// Memory for the copies of a worker's requests, in bytes: a thousand requests of the default `max_body` at the same
/// time, and a sixteenth of what Envoy lets a VM have.
const COPIES: usize = 64 << 20;

/// Time from one look at where the routes stand to the next.
const SHOW_STATE_EVERY: Duration = Duration::from_secs(1);

/// A good configuration and what goes with it.
#[derive(Debug)]
pub(crate) struct Plugin {
    pub(crate) config: Config,
    pub(crate) metrics: Metrics,
    pub(crate) overrides: Overrides,
    archive: Archive,
    /// For each route.
    pub(crate) journals: RefCell<Vec<Journal>>,
    pub(crate) patience: Patience,
    pub(crate) drills: Drills,
    /// Places for drills.
    pub(crate) drill_places: Rc<Budget>,
    pub(crate) copies: Rc<Budget>,
    /// For each route.
    pub(crate) retries: Vec<Rc<RetryBudget>>,
    /// For each route.
    pub(crate) answers: Vec<Rc<DegradedShare>>,
    /// For each route: whether it has been said that Envoy's own timeout is too short.
    pub(crate) timeouts_told: Vec<Cell<bool>>,
    pub(crate) envoy: Envoy,
    pub(crate) salt: u64,
    pub(crate) bodies_salt: Cell<u64>,
}

impl Plugin {
    fn new(config: Config, scope: &str) -> Self {
        let envoy = Envoy::new();
        let metrics = Metrics::define(&config);
        let overrides = Overrides::new(&config, scope, &metrics, &envoy);
        metrics.show_state(&overrides.in_force(&config, &metrics, envoy.now()), &envoy);
        let archive = Archive::new(&config, scope);
        let journals = RefCell::new(vec![Journal::default(); config.routes().len()]);
        let copies = Rc::new(Budget::new(COPIES));
        let retries = config.routes().iter().map(|_| Rc::default()).collect();
        let answers = config.routes().iter().map(|_| Rc::default()).collect();
        let timeouts_told = config.routes().iter().map(|_| Cell::default()).collect();
        let now = envoy.now();
        let (salt, bodies_salt) = (Salt::Places.agreed(&envoy, now), Cell::new(Salt::Bodies.agreed(&envoy, now)));
        let (patience, drills) = (Patience::default(), Drills::default());
        let drill_places = Rc::new(Budget::new(drill::MOST));
        Self {
            config,
            metrics,
            overrides,
            archive,
            journals,
            patience,
            drills,
            drill_places,
            copies,
            retries,
            answers,
            timeouts_told,
            envoy,
            salt,
            bodies_salt,
        }
    }
}

/// The filter in one VM. Without a good configuration every request passes untouched.
#[derive(Debug)]
pub(crate) struct FilterRoot {
    context_id: u32,
    plugin: Option<Rc<Plugin>>,
    /// Tells the document in force from those that came after it.
    document: u64,
    store: Option<ConfigStore>,
    ticks: Ticks,
    /// Since the last look at where the routes stand.
    unseen: Duration,
}

impl FilterRoot {
    pub(crate) const fn new(context_id: u32) -> Self {
        Self {
            context_id,
            plugin: None,
            document: 0,
            store: None,
            ticks: Ticks::every(TICK, Timestamp::from_nanos(0)),
            unseen: Duration::ZERO,
        }
    }

    fn accept(&mut self, config: Config, document: &[u8], store: &ConfigStore) {
        store.keep(document);
        // A gauge that was never set is shown to nobody, and a 0 is something to be sure of.
        set_config_rejected(config.service(), false);
        if let Some(refused) = store.refused() {
            set_config_rejected(&refused.service, false);
            store.set_refused(None);
            info!("the configuration is good again: service {}", config.service());
        }
        self.plugin = Some(Rc::new(Plugin::new(config, store.scope())));
        self.document = fingerprint(document);
    }

    /// Whether no other document has come since. A listener that has been replaced lives on until its last connections
    /// have ended, and its filter with it.
    fn is_in_force(&self) -> bool {
        self.store.as_ref().is_some_and(|store| fingerprint(&store.last_good()) == self.document)
    }

    /// Goes on with the last good configuration, and says why.
    fn refuse(&mut self, why: &impl std::fmt::Display, document: &[u8], store: &ConfigStore) {
        if self.plugin.is_none() {
            let last_good = store.last_good();
            self.plugin = Config::parse(&last_good).ok().map(|config| Rc::new(Plugin::new(config, store.scope())));
            self.document = fingerprint(&last_good);
        }
        let service = self.plugin.as_ref().map_or(UNKNOWN_SERVICE, |plugin| plugin.config.service());
        set_config_rejected(service, true);
        let refused = Refused { service: service.to_owned(), fingerprint: fingerprint(document) };
        if store.refused().as_ref() != Some(&refused) {
            let instead = match &self.plugin {
                Some(_) => "the last good one stays in force",
                None => "there was no good one before, so every request passes untouched",
            };
            error!("the configuration is refused, and {instead}:\n{why}");
            store.set_refused(Some(&refused));
        }
    }
}

/// This context goes: what has not been handed on would go with it.
///
/// Not in `on_done`, which comes just before: Envoy would then ask every stream for it too, and a call costs more than most
/// of what is done in one.
impl Drop for FilterRoot {
    fn drop(&mut self) {
        if let Some(plugin) = &self.plugin {
            plugin.metrics.flush();
        }
    }
}

impl Context for FilterRoot {
    /// Of a call that was made in a tick.
    fn on_http_call_response(&mut self, token: u32, headers: usize, body_size: usize, _trailers: usize) {
        if let Some(plugin) = &self.plugin {
            let answer = || {
                let headers = host::headers(MapType::HttpCallResponseHeaders);
                (headers, host::body(BufferType::HttpCallResponseBody, body_size))
            };
            let Plugin { config, metrics, envoy, .. } = plugin.as_ref();
            let is_from_agent = plugin.overrides.on_answered(config, metrics, envoy, token, answer)
                || plugin.archive.on_answered(config, envoy, (plugin.salt, &plugin.bodies_salt), token, answer);
            if is_from_agent {
                return;
            }
            let event = answer_of_call(headers, body_size);
            if !plugin.drills.on_answered(plugin, token, &event) {
                plugin.patience.on_answered(token, event);
            }
        }
    }
}

impl RootContext for FilterRoot {
    fn on_configure(&mut self, size: usize) -> bool {
        let document = host::body(BufferType::PluginConfiguration, size);
        let store = ConfigStore::of_this_filter();
        match Config::parse(&document) {
            Ok(config) => self.accept(config, &document, &store),
            Err(why) => self.refuse(&why, &document, &store),
        }
        self.store = Some(store);
        self.ticks = Ticks::every(TICK, Envoy::new().now());
        host::set_tick(TICK);
        // "No" would abort Envoy's start, or refuse the whole listener.
        true
    }

    fn on_tick(&mut self) {
        if let Some(plugin) = &self.plugin {
            let now = plugin.envoy.now();
            let passed = self.ticks.come(now);
            let next = plugin.patience.tick(passed);
            host::act_for(self.context_id);
            plugin.drills.tick(plugin);
            plugin.metrics.flush();
            let (config, metrics) = (&plugin.config, &plugin.metrics);
            plugin.overrides.tick(config, metrics, &plugin.envoy, now, || self.is_in_force());
            if plugin.overrides.leads() {
                plugin.archive.tick(config, &plugin.envoy, &plugin.bodies_salt, now);
            }
            self.unseen = self.unseen.saturating_add(passed);
            if self.unseen >= SHOW_STATE_EVERY && self.is_in_force() {
                self.unseen = Duration::ZERO;
                // Another worker may have adopted that of an earlier Envoy.
                plugin.bodies_salt.set(Salt::Bodies.agreed(&plugin.envoy, now));
                metrics.show_state(&plugin.overrides.in_force(config, metrics, now), &plugin.envoy);
            }
            if next != self.ticks.period() {
                self.ticks = Ticks::every(next, now);
                host::set_tick(next);
            }
        }
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(StreamFilter::new(context_id, self.plugin.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
