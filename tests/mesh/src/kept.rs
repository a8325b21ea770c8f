//! The good answers that the world knows a filter to have kept, reckoned from outside: what regions said, to whom, and
//! when the filter heard the end of it.

use std::collections::BTreeMap;

use crate::document::{LastGood, Route};
use crate::fields::Fields;
use crate::record::{Asked, Record};
use crate::scenario::{Answer, Behaviour, Ending};
use crate::world::{Micros, World};

/// Between the decision on an answer and the answer the rest of a failed one may be waited for, and ticks are not exact.
pub(crate) const DECIDED_WITHIN: Micros = 300_000;

/// A good answer that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// To which question.
    question: String,
    /// The status and the body with which a region answered.
    pub(crate) said: (u16, Vec<u8>),
    /// When, by the simulation's time and by the wall clock.
    pub(crate) at: (Micros, Micros),
}

/// By route, in the order in which they were kept.
#[derive(Debug, Default)]
pub(crate) struct Keeper(BTreeMap<String, Vec<Kept>>);

impl Keeper {
    /// What may be given to who asks this question and came at `began`: the newest that was there then, and what came
    /// after it. Where a VM may have died in the middle of keeping one, any.
    fn candidates(&self, route: &str, question: &str, began: Micros, is_sure: bool) -> Vec<Kept> {
        let all = self.0.get(route).into_iter().flatten().filter(|kept| kept.question == question);
        let mut candidates: Vec<_> = all.cloned().collect();
        let newest = candidates.iter().rposition(|kept| kept.at.0 < began).filter(|_| is_sure).unwrap_or(0);
        candidates.split_off(newest)
    }

    /// The newest answer that the route has kept, if it is one to this question: no other can have taken its place.
    fn newest(&self, route: &str, question: &str) -> Option<&Kept> {
        self.0.get(route)?.last().filter(|kept| kept.question == question)
    }
}

impl World {
    /// The filter is shown the end of an answer: the primary's, if Envoy's route led there.
    pub(crate) fn keep_shown(&self, exchange: usize) {
        let is_by_route = |record: &Record| record.primary().is_some_and(|primary| !primary.is_called);
        if self.records.borrow().get(exchange).is_some_and(is_by_route) {
            self.keep(exchange, 0);
        }
    }

    /// The filter hears the end of a region's answer, and keeps it if it is one to keep.
    pub(crate) fn keep(&self, exchange: usize, region: usize) {
        if region == 0 {
            self.record(exchange, |record| record.ended_well |= record.has_answered_well(0));
        }
        let records = self.records.borrow();
        let Some((route, kept)) = records.get(exchange).and_then(|record| self.to_keep(record, region)) else { return };
        self.trace("keep", || format!("the answer of region {region} to {exchange} is kept: {}", kept.question));
        self.keeper.borrow_mut().0.entry(route).or_default().push(kept);
    }

    fn to_keep(&self, record: &Record, region: usize) -> Option<(String, Kept)> {
        let (route, last_good) = record.keeps()?;
        let asked = record.asked.iter().rev().find(|asked| asked.region == region)?;
        let Behaviour::Answer(answer) = self.behaviour(record.index, region) else { return None };
        let (status, body) = asked.said.as_ref().filter(|_| record.has_answered_well(region))?;
        let has_trailers = answer.ending == Ending::Trailers && !asked.is_called;
        let is_kept = last_good.may_keep(&fields(*status, &answer), body.len()) && !has_trailers;
        let question = record.question(route, last_good).filter(|_| is_kept)?;
        let at = (self.now.get(), self.wall());
        Some((route.name.clone(), Kept { question, said: (*status, body.clone()), at }))
    }

    /// Notes what may be given again to one who has just been answered, and what has to be.
    pub(crate) fn note_kept(&self, record: &mut Record) {
        let (now, wall) = (self.now.get(), self.wall());
        let is_over = record.settled.is_some_and(|(settled, _)| settled != now);
        let Some((route, last_good)) = record.asks_for_kept().filter(|_| !is_over) else { return };
        let Some(question) = record.question(route, last_good) else { return };
        let keeper = self.keeper.borrow();
        let began = record.began.map_or(0, |(began, _)| began);
        let most = last_good.max_stale * 1000;
        let (keeps_time, is_sure) = (self.scenario.clock_steps.is_empty(), self.scenario.deaths.is_empty());
        let newest = keeper.newest(&route.name, &question).filter(|_| is_sure && keeps_time);
        let is_there = |kept: &Kept| kept.at.0 < began.max(now.saturating_sub(DECIDED_WITHIN));
        let has_kept = newest.is_some_and(|kept| is_there(kept) && wall.saturating_sub(kept.at.1) < most);
        let kept = keeper.candidates(&route.name, &question, began, is_sure);
        // Who has the static answer forced on him gets no other.
        let is_forced = route.switched.is_static;
        (record.kept, record.has_kept) = (kept, has_kept && !is_forced);
    }
}

fn fields(status: u16, answer: &Answer) -> Fields {
    let mut fields = Fields::from_iter([(":status", status.to_string())]);
    for (name, value) in &answer.headers {
        fields.push(name, value);
    }
    fields
}

impl Record {
    /// Whether what a region has said is good, and lets its route's rules pass.
    fn has_answered_well(&self, region: usize) -> bool {
        let asked = self.asked.iter().rev().find(|asked| asked.region == region);
        let is_valid = |asked: &Asked| !asked.judged.is_some_and(|judged| judged.is_refused);
        self.broke_off.is_none() && asked.is_some_and(|asked| asked.outcome == Some("ok") && is_valid(asked))
    }

    /// The route that keeps good answers to a request like this one, and how.
    fn keeps(&self) -> Option<(&Route, LastGood)> {
        self.asks_for_kept().filter(|_| !self.is_shadow())
    }

    /// The same where it would be asked whether one is kept, be it only to say so.
    fn asks_for_kept(&self) -> Option<(&Route, LastGood)> {
        let route = self.route()?;
        Some((route, route.last_good.filter(|_| self.is_listed(route) && !self.is_live())?))
    }

    /// The question that it is, as far as the filter knows it.
    fn question(&self, route: &Route, last_good: LastGood) -> Option<String> {
        let is_known = self.shown.end.is_some() && !self.shown.trailers && self.body.len() <= route.max_body;
        let is_answerable = !last_good.by_body || is_known;
        last_good.question(&self.headers, &self.body).filter(|_| is_answerable)
    }
}
