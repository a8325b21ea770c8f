//! Good answers that outlive Envoy: what of them the policy wants carried to the agent and back.

use std::cell::{Cell, RefCell};

use helius_policy::config::Config;
use helius_policy::http::Headers;
use helius_policy::last_good;
use helius_policy::time::{Clock, Timestamp};

use crate::host::{self, Envoy};

/// The archive of one worker, where the filter keeps anything and there is an agent.
#[derive(Debug)]
pub(crate) struct Archive(RefCell<Option<last_good::Archive>>);

impl Archive {
    /// `scope` tells the filter from others.
    pub(crate) fn new(config: &Config, scope: &str) -> Self {
        Self(RefCell::new(config.agent().and_then(|_| last_good::Archive::new(config, scope))))
    }

    /// Asks the next question.
    pub(crate) fn tick(&self, config: &Config, envoy: &Envoy, bodies: &Cell<u64>, now: Timestamp) {
        let (Ok(mut archive), Some(agent)) = (self.0.try_borrow_mut(), config.agent()) else { return };
        let Some(archive) = archive.as_mut() else { return };
        if let Some(question) = archive.next(bodies.get(), envoy, now) {
            let token = host::call(agent.cluster(), &question.headers, None, &question.body, question.timeout);
            archive.asked(token, now);
        }
    }

    /// A call of the root has been answered. Says whether it was a question of the archive.
    pub(crate) fn on_answered(
        &self,
        config: &Config,
        envoy: &Envoy,
        (salt, bodies): (u64, &Cell<u64>),
        token: u32,
        answer: impl FnOnce() -> (Headers, Vec<u8>),
    ) -> bool {
        let Ok(mut archive) = self.0.try_borrow_mut() else { return false };
        let Some(asking) = archive.as_mut().filter(|it| it.is_asked(token)) else { return false };
        let ((headers, body), now, mut kept_under) = (answer(), envoy.now(), bodies.get());
        asking.answered(&headers, &body, &mut kept_under, salt, envoy, now);
        bodies.set(kept_under);
        drop(archive);
        // What is next need not wait for a tick.
        self.tick(config, envoy, bodies, now);
        true
    }
}
