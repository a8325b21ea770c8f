//! A breaker where all workers find it: in Envoy's shared data.

use super::admission::{Admission, Admitted, Attempt, Permit};
use super::outcome::Outcome;
use super::settings::{Eject, Mode, Settings};
use super::transition::{State, Transition};
use super::{Breaker, admission};
use crate::host::Host;
use crate::shared::{LAYOUT, SharedStore, update};
use crate::time::Timestamp;

/// The breaker of one region of one route.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedBreaker {
    key: String,
    settings: Settings,
}

impl SharedBreaker {
    /// The breaker of `region` on the route whose shared state lies under `scope`.
    pub fn new(scope: &str, region: &str, settings: Settings) -> Self {
        Self { key: format!("{LAYOUT}/breaker/{scope}/{region}"), settings }
    }

    /// The same breaker, which rejects nobody.
    #[must_use]
    pub fn in_shadow(mut self) -> Self {
        if matches!(self.settings.mode, Mode::Enforce | Mode::ForcedOpen) {
            self.settings.mode = Mode::Shadow;
        }
        self
    }

    /// The same breaker in another mode.
    #[must_use]
    pub fn in_mode(mut self, mode: Mode) -> Self {
        self.settings.mode = mode;
        self
    }

    /// The same breaker, which opens for invalid output as `eject` says.
    #[must_use]
    pub fn ejecting(mut self, eject: Eject) -> Self {
        self.settings.eject = Some(eject);
        self
    }

    /// What is set about it.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where it stands for those who ask it: one that acts on nobody counts as closed.
    pub fn effective_state(&self, store: &impl SharedStore) -> State {
        match self.settings.mode {
            Mode::Enforce => self.state(store),
            Mode::ForcedOpen => State::Open,
            Mode::ForcedClosed | Mode::Shadow | Mode::Off => State::Closed,
        }
    }

    /// Where its record stands.
    pub fn state(&self, store: &impl SharedStore) -> State {
        store.read(&self.key).map_or(State::Closed, |stored| Breaker::decode(&stored.record).state())
    }

    /// Asks whether a call may go to the region `now`.
    pub fn admit(&self, attempt: Attempt, now: Timestamp, host: &impl Host) -> Admission {
        let random = host.random();
        self.ask(host, |breaker| breaker.admit(&self.settings, now, attempt, random))
    }

    /// Asks once more, after every region has rejected the call.
    pub fn admit_last_resort(&self, attempt: Attempt, now: Timestamp, host: &impl Host) -> Admission {
        let random = host.random();
        self.ask(host, |breaker| breaker.admit_last_resort(&self.settings, now, attempt, random))
    }

    fn ask(&self, store: &impl SharedStore, mut decide: impl FnMut(&mut Breaker) -> Admission) -> Admission {
        // A breaker that cannot be asked protects nobody, and must not harm anybody either.
        let unknown = Admitted::Allow { permit: admission::UNKNOWN, would_reject: false };
        let unknown = Admission { admitted: unknown, transition: None, changed: false };
        if self.settings.mode == Mode::Off {
            return unknown;
        }
        let asked = update(store, &self.key, |record| {
            let mut breaker = Breaker::decode(record);
            let admission = decide(&mut breaker);
            (admission, admission.changed.then(|| breaker.encode().to_vec()))
        });
        asked.unwrap_or(unknown)
    }

    /// Takes the outcome of a call that was admitted with `permit`, and says what the breaker did.
    ///
    /// Where all workers change the record at the same moment, ten times over, the outcome is lost: the slot of a probe
    /// lapses by itself, and of a thousand calls one more or less says nothing.
    pub fn record(&self, permit: Permit, outcome: Outcome, host: &impl Host) -> Option<Transition> {
        if permit.is_of_nobody() {
            return None;
        }
        let (now, random) = (host.now(), host.random());
        let recorded = update(host, &self.key, |record| {
            let before = Breaker::decode(record);
            let mut breaker = before;
            let transition = breaker.record(&self.settings, now, permit, outcome, random);
            (transition, (breaker != before).then(|| breaker.encode().to_vec()))
        });
        recorded.unwrap_or_default()
    }
}
