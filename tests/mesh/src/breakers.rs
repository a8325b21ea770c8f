//! What the world knows of each circuit breaker: the changes that were counted, the attempts that were let in while it
//! stood as it stood, and what the filter has been told of them. The filter itself is never asked.

mod model;

use std::collections::BTreeMap;

use crate::document::{Breaker, Document, Mode, Route, region_name, region_named};
use crate::host::label;
use crate::invariants::{CHAIN, LEFT_ALONE, Noticed, PASSED_OVER, PROBES, TRIPS};
use crate::scenario::{Millis, Scenario};
use crate::world::Micros;
use model::Model;

pub(crate) use model::Told;

/// What every change is counted as.
pub(crate) const TRANSITIONS_TOTAL: &str = "helius_breaker_transitions_total";

/// While it is open, one attempt in so many milliseconds is let in where no region would have one.
const LAST_RESORT_EVERY: Millis = 1000;

/// How much longer than its attempt may take a probe keeps its place.
const GRACE: Millis = 100;

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Everything is let in, or on the ramp a share.
    Closed,
    /// A few probes are let in.
    HalfOpen,
    /// Nothing is let in.
    Open,
}

impl State {
    /// The value of the gauge.
    pub(crate) const fn code(self) -> u64 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }
}

/// Every change that there is, with every reason.
const CHANGES: [(State, State, &str); 17] = {
    use State::{Closed, HalfOpen, Open};
    [
        (Closed, Open, "consecutive_failures"),
        (Closed, Open, "invalid_output"),
        (Closed, Open, "failure_rate"),
        (Closed, Open, "slow_calls"),
        (Closed, Open, "unanswered"),
        (Closed, Open, "retry_after"),
        (Closed, Open, "forced"),
        (Open, HalfOpen, "backoff_elapsed"),
        (Open, HalfOpen, "last_resort_succeeded"),
        (Open, Closed, "forced"),
        (HalfOpen, Closed, "probes_succeeded"),
        (HalfOpen, Closed, "forced"),
        (HalfOpen, Open, "probe_failed"),
        (HalfOpen, Open, "probes_timed_out"),
        (HalfOpen, Open, "slow_calls"),
        (HalfOpen, Open, "retry_after"),
        (HalfOpen, Open, "forced"),
    ]
};

/// A broken rule, and how.
pub(crate) type Broken = (&'static Noticed, String);

/// A moment by the simulation's time and by the wall clock.
pub(crate) type Moment = (Micros, Micros);

/// An attempt at a region that has a breaker.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    pub(crate) exchange: usize,
    pub(crate) document: &'a Document,
    pub(crate) route: &'a Route,
    pub(crate) breaker: Breaker,
    pub(crate) region: usize,
    /// How long it may take.
    pub(crate) timeout: Millis,
    /// Whether the region gets all of the request at once.
    pub(crate) is_whole: bool,
    /// Whether no region was asked before.
    pub(crate) is_first: bool,
}

/// How the world saw a breaker when it let an attempt in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Door {
    /// Where it stood; `None` where nobody can know.
    pub state: Option<State>,
    /// Whether it was closed, and the ramp over.
    pub stood_closed: bool,
    /// Whether it let everything in: because of that, or because it does not act.
    pub was_free: bool,
    /// Whether another region's was.
    pub was_another_free: bool,
}

/// All breakers, by route and region.
#[derive(Debug)]
pub(crate) struct Breakers {
    all: BTreeMap<(String, usize), Watched>,
    /// When the wall clock last stepped, and when it last stepped back.
    stepped: Option<Micros>,
    stepped_back: Option<Micros>,
}

#[derive(Debug)]
struct Watched {
    /// `None` where a VM may have died between a change and its counting.
    state: Option<State>,
    /// How many changes there have been.
    changes: u64,
    /// When the last of them was, by the simulation's time.
    changed: Micros,
    /// When it closed, by the wall clock; `None` where it has never been anything else.
    closed: Option<Micros>,
    /// When the last one of these was let in.
    last_resort: Option<Moment>,
    under_way: Vec<UnderWay>,
    /// Where all is known that decides.
    model: Option<Model>,
}

/// An attempt of which the filter has not heard.
#[derive(Debug)]
struct UnderWay {
    exchange: usize,
    at: Moment,
    timeout: Millis,
    changes: u64,
    is_probe: bool,
    /// A closed breaker has no slots: what was a probe is then an attempt like any other.
    has_slot: bool,
}

impl Breakers {
    /// Those of all documents.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let mut all = BTreeMap::new();
        for (route, region) in documents(scenario).flat_map(|document| &document.routes).flat_map(regions) {
            all.entry((route.name.clone(), region)).or_insert_with(|| Watched {
                state: Some(State::Closed),
                changes: 0,
                changed: 0,
                closed: None,
                last_resort: None,
                under_way: Vec::new(),
                model: model(scenario, &route.name, region),
            });
        }
        Self { all, stepped: None, stepped_back: None }
    }

    /// An attempt was let in.
    pub(crate) fn let_in(&mut self, attempt: &Attempt<'_>, now: Moment) -> (Door, Vec<Broken>) {
        let was_another_free = regions(attempt.route).any(|(route, region)| {
            let breaker = attempt.document.breaker_of(route, region).filter(|_| !route.is_drained(region));
            region != attempt.region && breaker.is_some_and(|it| self.is_free(&route.name, region, it, now.1))
        });
        let was_free = self.is_free(&attempt.route.name, attempt.region, attempt.breaker, now.1);
        let stood_closed = self.stands_closed(&attempt.route.name, attempt.region, attempt.breaker, now.1);
        let (stepped, stepped_back) = (self.stepped, self.stepped_back);
        let Some(watched) = self.all.get_mut(&(attempt.route.name.clone(), attempt.region)) else {
            return (Door { state: None, stood_closed, was_free, was_another_free }, Vec::new());
        };
        let door = Door { state: watched.state, stood_closed, was_free, was_another_free };
        let mut broken = Vec::new();
        match (attempt.breaker.mode, watched.state) {
            (Mode::ForcedOpen, _) => broken.push((&LEFT_ALONE, "it is forced open".to_owned())),
            (Mode::Enforce, Some(State::Open)) => {
                let wrong = watched.last_resort(attempt, now, stepped);
                broken.extend(wrong.err().map(|what| (&LEFT_ALONE, what)));
            }
            (Mode::Enforce, Some(State::HalfOpen)) => {
                let others = watched.probes_under_way(now, stepped_back);
                if others >= usize::try_from(attempt.breaker.permits).unwrap_or(usize::MAX) {
                    broken.push((&PROBES, format!("{others} are under way already")));
                }
            }
            _ => {}
        }
        let is_probe = attempt.breaker.mode == Mode::Enforce && watched.state == Some(State::HalfOpen);
        watched.under_way.push(UnderWay {
            exchange: attempt.exchange,
            at: now,
            timeout: attempt.timeout,
            changes: watched.changes,
            is_probe,
            has_slot: is_probe,
        });
        if let Some(Err(what)) =
            watched.model.as_mut().map(|it| it.let_in(now.1 / 1000, attempt.timeout, attempt.is_whole))
        {
            broken.push((&TRIPS, what));
        }
        let told = broken.into_iter().map(|(rule, what)| (rule, format!("{} is asked: {what}", name(attempt))));
        (door, told.collect())
    }

    /// An attempt was kept away from a region just now.
    pub(crate) fn kept_away(&self, route: &str, region: usize, breaker: Breaker, now: Moment) -> Vec<Broken> {
        let mut broken = Vec::new();
        if self.is_free(route, region, breaker, now.1) {
            broken.push((&PASSED_OVER, format!("{} of {route} is passed over and closed", region_name(region))));
        }
        let Some(watched) = self.all.get(&(route.to_owned(), region)) else { return broken };
        let probes = watched.probes_under_way(now, self.stepped_back);
        if let Some(Err(what)) = watched.model.as_ref().map(|model| model.kept_away(now.1 / 1000, probes)) {
            broken.push((&PASSED_OVER, format!("{} of {route} is passed over: {what}", region_name(region))));
        }
        broken
    }

    /// Whether a breaker lets everything in, as far as anybody can know.
    pub(crate) fn is_free(&self, route: &str, region: usize, breaker: Breaker, wall: Micros) -> bool {
        match breaker.mode {
            Mode::Shadow | Mode::ForcedClosed | Mode::Off => true,
            Mode::ForcedOpen => false,
            Mode::Enforce => self.stands_closed(route, region, breaker, wall),
        }
    }

    /// Whether it is closed, as far as anybody can know.
    pub(crate) fn may_stand_closed(&self, route: &str, region: usize) -> bool {
        let watched = self.all.get(&(route.to_owned(), region));
        watched.and_then(|watched| watched.state).is_none_or(|state| state == State::Closed)
    }

    /// Whether it is closed, and the ramp over.
    fn stands_closed(&self, route: &str, region: usize, breaker: Breaker, wall: Micros) -> bool {
        let Some(watched) = self.all.get(&(route.to_owned(), region)) else { return true };
        let is_up = |closed| self.stepped.is_none() && wall / 1000 >= closed / 1000 + breaker.ramp_span();
        watched.state == Some(State::Closed) && watched.closed.is_none_or(is_up)
    }

    /// The filter is told what became of an attempt, if it has not been told already.
    pub(crate) fn tell(&mut self, exchange: usize, route: &str, region: usize, told: Told, wall: Micros) {
        let Some(watched) = self.all.get_mut(&(route.to_owned(), region)) else { return };
        let Some(index) = watched.under_way.iter().position(|it| it.exchange == exchange) else { return };
        let attempt = watched.under_way.swap_remove(index);
        if let Some(model) = &mut watched.model {
            model.tell(wall / 1000, told, attempt.changes == watched.changes);
        }
    }

    /// More of a good answer has come: a probe that has gone well for as long as it may take has found out enough.
    pub(crate) fn has_gone_well_for_long(&self, exchange: usize, route: &str, region: usize, wall: Micros) -> bool {
        let watched = self.all.get(&(route.to_owned(), region));
        let attempt = watched.and_then(|it| it.under_way.iter().find(|it| it.exchange == exchange));
        attempt.is_some_and(|it| it.is_probe && wall.saturating_sub(it.at.1) >= it.timeout * 1000)
    }

    /// A VM has died in a callback of this route, or in one that was about all of them.
    pub(crate) fn forget(&mut self, route: Option<&str>) {
        for ((name, _), watched) in &mut self.all {
            if route.is_none_or(|route| route == name) {
                (watched.state, watched.model) = (None, None);
                watched.changes += 1;
            }
        }
    }

    /// From now on nobody outside knows all that decides about these breakers.
    pub(crate) fn forget_models(&mut self, route: Option<&str>) {
        for ((name, _), watched) in &mut self.all {
            if route.is_none_or(|route| route == name) {
                watched.model = None;
            }
        }
    }

    /// The filter hears no more of this exchange.
    pub(crate) fn lose(&mut self, exchange: usize) {
        for watched in self.all.values_mut() {
            watched.under_way.retain(|it| it.exchange != exchange);
        }
    }

    pub(crate) fn step_clock(&mut self, now: Micros, is_back: bool) {
        self.stepped = Some(now);
        self.stepped_back = if is_back { Some(now) } else { self.stepped_back };
    }

    /// A change was counted, in the stat with this name.
    pub(crate) fn count(&mut self, stat: &str, now: Moment) -> Vec<Broken> {
        let [route, region, to, reason] = ["route", "region", "to", "reason"].map(|it| label(stat, it));
        let to = match to.strip_prefix("would_").unwrap_or(to) {
            "closed" => State::Closed,
            "half_open" => State::HalfOpen,
            _ => State::Open,
        };
        let key = (route.to_owned(), region_named(region).unwrap_or(usize::MAX));
        let Some(watched) = self.all.get_mut(&key) else {
            return vec![(&CHAIN, format!("{stat} is about no breaker"))];
        };
        let from = watched.state.replace(to);
        watched.changes += 1;
        watched.changed = now.0;
        if to == State::Closed {
            watched.under_way.iter_mut().for_each(|it| it.has_slot = false);
        }
        watched.closed = (to == State::Closed).then_some(now.1);
        let mut broken = Vec::new();
        if !CHANGES.iter().any(|it| from.is_none_or(|from| from == it.0) && (to, reason) == (it.1, it.2)) {
            broken.push((&CHAIN, format!("{region} of {route} goes from {from:?} to {to:?} by {reason}")));
        }
        if let Some(Err(what)) = watched.model.as_mut().map(|model| model.change(now.1 / 1000, (to, reason))) {
            broken.push((&TRIPS, format!("{region} of {route}: {what}")));
        }
        broken
    }

    /// An event is over, and everything that follows from it has been counted.
    pub(crate) fn settle(&mut self) -> Vec<Broken> {
        let models = self.all.iter_mut().filter_map(|(key, watched)| Some((key, watched.model.as_mut()?)));
        let broken = models.filter_map(|((route, region), model)| {
            let what = model.settle().err()?;
            Some((&TRIPS, format!("{} of {route}: {what}", region_name(*region))))
        });
        broken.collect()
    }

    /// Where each breaker stands of which that is known, and since when.
    pub(crate) fn states(&self) -> impl Iterator<Item = (&str, usize, State, Micros)> {
        let known = self.all.iter().filter_map(|(key, watched)| Some((key, watched.state?, watched.changed)));
        known.map(|((route, region), state, changed)| (route.as_str(), *region, state, changed))
    }
}

impl Watched {
    /// Notes a last resort, and says what is wrong with it.
    fn last_resort(&mut self, attempt: &Attempt<'_>, now: Moment, stepped: Option<Micros>) -> Result<(), String> {
        let before = self.last_resort.replace(now).filter(|(at, _)| stepped.is_none_or(|stepped| stepped < *at));
        if !attempt.is_first {
            return Err("it is open, and another region was asked before".to_owned());
        }
        match before.map(|(_, wall)| now.1 / 1000 - wall / 1000) {
            Some(passed) if passed < LAST_RESORT_EVERY => {
                Err(format!("it is open, and the last one was let in {passed} ms ago"))
            }
            _ => Ok(()),
        }
    }

    /// Those who have their slots. A clock that steps back makes them lapse sooner than the times say.
    fn probes_under_way(&self, now: Moment, stepped_back: Option<Micros>) -> usize {
        let is_there = |it: &&UnderWay| {
            let is_comparable = stepped_back.is_none_or(|stepped| stepped < it.at.0);
            it.has_slot && is_comparable && now.1 / 1000 < it.at.1 / 1000 + it.timeout + GRACE
        };
        self.under_way.iter().filter(is_there).count()
    }
}

fn name(attempt: &Attempt<'_>) -> String {
    format!("{} of {}", region_name(attempt.region), attempt.route.name)
}

fn regions(route: &Route) -> impl Iterator<Item = (&Route, usize)> {
    (0..route.regions.len()).map(move |region| (route, region))
}

/// Every document that may come into force.
fn documents(scenario: &Scenario) -> impl Iterator<Item = &Document> {
    scenario.documents().filter(|document| document.mistake.is_none())
}

/// A model of a breaker that acts, is set the same in every document, and has a clock that keeps time.
fn model(scenario: &Scenario, route: &str, region: usize) -> Option<Model> {
    let set = |document: &Document| {
        let route = document.routes.iter().find(|it| it.name == route)?;
        let breaker = document.breaker_of(route, region).filter(|it| it.mode == Mode::Enforce)?;
        let eject = route.output.and_then(|output| output.eject);
        Some((breaker, breaker.slow(route.regions.get(region)?.timeout), eject))
    };
    let mut all = documents(scenario).map(set);
    let first = all.next()?;
    let (breaker, slow, eject) =
        first.filter(|_| scenario.clock_steps.is_empty() && all.all(|other| other == first))?;
    Some(Model::new(breaker, slow, eject))
}
