//! What the world notes of an exchange when an event is over: when things came to be known, and whether its request
//! may have been copied.
//!
//! The rules compare the filter with these notes, so nothing here asks the filter.

use crate::breakers::Breakers;
use crate::copies::{Copies, Refused};
use crate::document::Route;
use crate::flights::Flights;
use crate::grpc::is_grpc;
use crate::record::{Answer, Record};
use crate::watch::owner;
use crate::world::Micros;

/// Brings the notes on `record` up to date. `now` is the simulation's time and the wall clock's.
pub(crate) fn note(record: &mut Record, copies: &mut Copies, breakers: &Breakers, now: (Micros, Micros)) {
    for asked in &mut record.asked {
        let is_heard = asked.was_told && asked.outcome.is_some();
        asked.heard_at = asked.heard_at.or(is_heard.then_some(now.0));
        asked.whole_at = asked.whole_at.or(asked.is_whole.then_some(now.0));
    }
    if record.settled.is_some() {
        return;
    }
    note_door(record, breakers, now.1);
    if record.uncopied.is_none() {
        record.uncopied = copy(record, copies);
    }
    if record.uncopied.is_some() {
        copies.drop(record.root, record.index);
    }
    if record.is_asked() || record.answer.is_some() {
        record.set_out = record.set_out.or(Some(now.1));
    }
    if record.answer.is_some() || record.end.is_some() {
        record.settled = Some(now);
        copies.drop(record.root, record.index);
    }
}

/// Whether the primary may be passed over.
pub(crate) fn note_door(record: &mut Record, breakers: &Breakers, wall: Micros) {
    let (breaker, is_drained) = (record.breaker(0), record.is_drained(0));
    if let (Some(route), None) = (record.route().filter(|_| breaker.is_some() || is_drained), record.primary()) {
        let is_free = breaker.is_none_or(|breaker| breakers.is_free(&route.name, 0, breaker, wall));
        let is_shut = record.began.is_some() && (is_drained || !is_free);
        record.primary_was_shut |= is_shut;
    }
}

/// An exchange is in flight until the ladder has answered it, or until its answer has ended.
pub(crate) fn note_flight(record: &Record, flights: &mut Flights) {
    let is_over = record.end.is_some() || record.answer.as_ref().is_some_and(Answer::is_marked);
    if let Some(owner) = owner(record).filter(|_| is_over) {
        flights.end(&owner, record.index);
    }
}

/// Copies what has been shown of the request, or says why that may not be.
fn copy(record: &Record, copies: &mut Copies) -> Option<&'static str> {
    let route = record.route().filter(|_| record.root.is_some())?;
    let needed = match bytes_to_copy(record, route) {
        Ok(needed) => needed,
        Err(why) => return Some(why),
    };
    if is_grpc(&record.headers) {
        return Some("grpc");
    }
    match copies.grow(record.root, record.index, needed) {
        Err(Refused) => Some("memory"),
        Ok(()) if record.shown.trailers => Some("trailers"),
        Ok(()) if record.is_asked() && !record.is_listed(route) => Some("method"),
        Ok(()) => None,
    }
}

/// Memory is taken for an announced body before it comes.
fn bytes_to_copy(record: &Record, route: &Route) -> Result<usize, &'static str> {
    // Where the primary may be passed over or is called, or the message is claimed first, the copy may be what is sent for
    // the first time.
    let is_called = record.calls_primary_of(route) || record.message_of().is_some();
    let may_be_passed_over = route.breaker.is_some() || route.is_drained(0);
    if !record.is_listed(route) && !may_be_passed_over && !is_called {
        return Err("method");
    }
    let needed = record.shown.bytes.max(record.announced());
    if needed > route.max_body { Err("body") } else { Ok(needed) }
}
