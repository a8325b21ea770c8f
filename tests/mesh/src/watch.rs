//! What the world notes of attempts as they happen, and what it finds wrong with them.

use crate::agent::switched;
use crate::breakers::{Attempt, Broken, Door, TRANSITIONS_TOTAL, Told};
use crate::document::{Mode, Route, region_named};
use crate::fields::Fields;
use crate::flights::Owner;
use crate::host::label;
use crate::invariants::{BREAKER_GAUGE, CHAIN, WITHIN_BUDGET, WITHIN_SHARE};
use crate::record::Record;
use crate::scenario::Millis;
use crate::world::{Micros, World};

const ADMISSION_TOTAL: &str = "helius_admission_total";
const RESPONSES_TOTAL: &str = "helius_responses_total";

/// How long after a change the gauge may be wrong: a second, and a tick.
pub(crate) const SHOWN_WITHIN: Micros = 1_110_000;

impl World {
    /// A region is about to be asked, or Envoy is about to refuse it. `None` where it has no breaker.
    pub(crate) fn let_in(&self, exchange: usize, region: usize, timeout: Option<u32>, is_whole: bool) -> Option<Door> {
        let records = self.records.borrow();
        let record = records.get(exchange)?;
        let route = record.route()?;
        let is_first = !record.is_asked();
        if let Some(owner) = owner(record).filter(|_| !is_first) {
            let sent = self.flights.borrow_mut().send_again(&owner, exchange, route.budget());
            if let Err(what) = sent {
                self.wrong(&WITHIN_BUDGET, format!("{} is sent again: {what}", record.id));
            }
        }
        let (document, breaker) = (record.document.as_ref()?, record.breaker(region)?);
        let timeout = Millis::from(timeout.unwrap_or(u32::MAX));
        let attempt = Attempt { exchange, document, route, breaker, region, timeout, is_whole, is_first };
        let (door, broken) = self.breakers.borrow_mut().let_in(&attempt, (self.now.get(), self.wall()));
        self.all_wrong(record, broken);
        drop(records);
        self.record(exchange, |record| record.first_door = record.first_door.or(is_first.then_some(door)));
        Some(door)
    }

    /// The filter is about to be told what became of an attempt.
    pub(crate) fn tell(&self, exchange: usize, region: usize, told: Told) {
        let records = self.records.borrow();
        let Some((record, route)) = records.get(exchange).and_then(|it| Some((it, it.route()?))) else { return };
        self.breakers.borrow_mut().tell(exchange, &route.name, region, told, self.wall());
        if let Some(owner) = owner(record).filter(|_| region > 0) {
            self.flights.borrow_mut().settle(&owner, exchange);
        }
    }

    /// The filter gives up what is still under way of an exchange, at the primary too if that is over.
    pub(crate) fn abandon(&self, exchange: usize, is_over: bool) {
        let regions = self.records.borrow().get(exchange).and_then(|it| it.route()).map_or(0, |it| it.regions.len());
        for region in usize::from(!is_over)..regions {
            self.tell(exchange, region, Told::Abandoned);
        }
    }

    /// The good answer of the primary has ended, or has gone well for as long as an attempt may take.
    pub(crate) fn tell_success(&self, exchange: usize, is_last: bool) {
        if is_last && self.turns_out_refused(exchange) {
            return self.tell(exchange, 0, Told::Invalid);
        }
        let Some(took) = self.records.borrow().get(exchange).and_then(took) else { return };
        let has_gone_well = || {
            let records = self.records.borrow();
            let route = records.get(exchange).and_then(Record::route);
            let breakers = self.breakers.borrow();
            route.is_some_and(|route| breakers.has_gone_well_for_long(exchange, &route.name, 0, self.wall()))
        };
        if is_last || has_gone_well() {
            self.tell(exchange, 0, Told::Success { took });
        }
    }

    /// The filter has counted something for an exchange.
    pub(crate) fn counted(&self, exchange: usize, stat: &str) {
        self.record(exchange, |record| record.counted.push(stat.to_owned()));
        let now = (self.now.get(), self.wall());
        let records = self.records.borrow();
        let record = &records[exchange];
        if stat.ends_with(TRANSITIONS_TOTAL) {
            let mut broken = self.breakers.borrow_mut().count(stat, now);
            broken.extend(unfit(record, stat).map(|what| (&CHAIN, what)));
            return self.all_wrong(record, broken);
        }
        if stat.ends_with(ADMISSION_TOTAL) {
            self.decided(record, label(stat, "decision"));
        }
        if stat.ends_with(RESPONSES_TOTAL) && !label(stat, "served_by").starts_with("would_") {
            // One of several that a tick lets go on is over before the next one goes on.
            if let Some(owner) = owner(record) {
                self.flights.borrow_mut().end(&owner, exchange);
                self.finished(record, label(stat, "served_by"));
                self.count_answer(record, owner, label(stat, "served_by"));
            }
        }
        let Some(region) = region_named(label(stat, "region")) else { return };
        match (label(stat, "verdict"), record.breaker(region), owner(record)) {
            ("skipped_breaker_open", Some(breaker), _) if is_decided_now(record, region, now.0) => {
                let broken = self.breakers.borrow().kept_away(label(stat, "route"), region, breaker, now);
                self.all_wrong(record, broken);
            }
            ("skipped_budget", _, Some(owner)) => {
                let budget = record.route().and_then(Route::budget);
                if budget.is_none_or(|budget| self.flights.borrow().allows(&owner, exchange, budget)) {
                    self.wrong(&WITHIN_BUDGET, format!("{} is not sent again, and might be", record.id));
                }
            }
            _ => {}
        }
    }

    /// An answer is counted: one of which only a share may be made up.
    fn count_answer(&self, record: &Record, owner: Owner, served_by: &str) {
        let (Some(route), wall) = (record.route(), self.wall()) else { return };
        let Some(settings) = route.max_share.filter(|_| served_by != "none") else { return };
        let is_made_up = ["static", "last-good"].contains(&served_by);
        let (might_be, might_not) = self.made_up.borrow().might(&owner, settings, wall);
        self.made_up.borrow_mut().count(owner, wall, is_made_up);
        if !self.scenario.clock_steps.is_empty() {
            return;
        }
        // Who forces it wants it whatever the share.
        if is_made_up && !might_be && !route.switched.is_static {
            self.wrong(&WITHIN_SHARE, format!("the answer to {} is made up, beyond the share", record.id));
        }
        // Where there is a static response, nothing else leads to a refusal.
        if served_by == "refusal" && record.has_fixed(route) && !might_not {
            self.wrong(&WITHIN_SHARE, format!("{} is refused, within the share", record.id));
        }
    }

    /// An event is over.
    pub(crate) fn settle(&self) {
        for (rule, what) in self.breakers.borrow_mut().settle() {
            self.wrong(rule, what);
        }
    }

    /// Looks whether the gauges say what the counted changes say, and what `root` knows to be forced.
    pub(crate) fn look_at_gauges(&self, root: (usize, u32)) {
        let document = self.last_good.borrow();
        let (Some(document), metrics, breakers) = (&*document, self.metrics.borrow(), self.breakers.borrow()) else {
            return;
        };
        let is_new = |since: Micros| self.now.get() < since + SHOWN_WITHIN;
        let agent = self.agent.borrow();
        if is_new(self.pushed.get()) || is_new(agent.roots.changed) {
            return;
        }
        for (route, region, state, changed) in breakers.states() {
            let Some(it) = document.routes.iter().find(|it| it.name == route) else { continue };
            let mut headers = Fields::default();
            headers.push(":path", &it.path);
            let switched = switched(document, &headers, agent.roots.entries(root));
            let Some(it) = switched.routes.iter().find(|other| other.name == route) else { continue };
            let (Some(breaker), Some(region)) = (switched.breaker_of(it, region), it.regions.get(region)) else {
                continue;
            };
            let (service, region) = (&document.service, &region.name);
            let name =
                format!("service=.={service};.;route=.={route};.;region=.={region};.;telemetry_circuit_breaker_state");
            let expected = match breaker.mode {
                Mode::ForcedOpen => 2,
                Mode::ForcedClosed | Mode::Shadow | Mode::Off => 0,
                Mode::Enforce => state.code(),
            };
            let shown = metrics.value(&name);
            if shown != Some(expected) && !is_new(changed) {
                self.wrong(&BREAKER_GAUGE, format!("{region} of {route} is {state:?}, and the gauge says {shown:?}"));
            }
        }
    }

    fn all_wrong(&self, record: &Record, broken: Vec<Broken>) {
        for (rule, what) in broken {
            self.wrong(rule, format!("{}: {what}", record.id));
        }
    }
}

/// What is wrong with a change of a breaker that is told where to stand, and is told so to this exchange.
fn unfit(record: &Record, stat: &str) -> Option<String> {
    let mode = record.breaker(region_named(label(stat, "region"))?)?.mode;
    let (to, reason) = (label(stat, "to"), label(stat, "reason"));
    let is_right = match mode {
        Mode::Enforce => reason != "forced",
        Mode::ForcedOpen => (to, reason) == ("open", "forced"),
        Mode::ForcedClosed => (to, reason) == ("closed", "forced"),
        Mode::Shadow => to.starts_with("would_"),
        Mode::Off => false,
    };
    (!is_right).then(|| format!("it is {mode:?}, and goes to {to} by {reason}"))
}

/// Whether a region was passed over just now: where that was before this event, things may have changed since.
fn is_decided_now(record: &Record, region: usize, now: Micros) -> bool {
    if region == 0 { record.began.is_some_and(|(began, _)| began == now) } else { !record.may_be_last_resort() }
}

/// Whose budget an exchange shares.
pub(crate) fn owner(record: &Record) -> Option<Owner> {
    let (thread, root) = record.root?;
    Some((thread, root, record.route()?.name.clone()))
}

/// How long the primary took to begin its good answer; nobody knows where the client took time as well.
pub(crate) fn took(record: &Record) -> Option<Micros> {
    let asked = record.primary().filter(|asked| asked.outcome == Some("ok"))?;
    let took = asked.began?.saturating_sub(asked.at.1);
    Some(if asked.was_whole { took } else { 0 })
}
