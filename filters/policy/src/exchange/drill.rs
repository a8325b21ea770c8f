//! Whether an exchange is one of those that are followed by a drill, and what is handed over for it.

use super::{Effect, Exchange, Record};
use crate::budget::Share;
use crate::config::{Mode, Route};
use crate::drill::{Asked, DRILL, Drilled, Rehearsal, record};
use crate::event_stream;
use crate::grpc;
use crate::host::Host;
use crate::http::Headers;
use crate::replay::NotReplayable;
use crate::verdict::{Skip, Verdict};

/// What is known of the drill that is to follow.
#[derive(Debug, Default)]
pub(super) struct Drilling {
    /// Whether a good answer had been kept before this one.
    had_last_good: bool,
    /// Ready to be walked.
    rehearsal: Option<Rehearsal>,
}

impl Drilling {
    /// Draws whether this exchange is one of the share. A drill is not followed by another: two services that are each
    /// other's secondary region would send it to and fro.
    pub(super) fn draw(route: &Route, mode: Mode, headers: &Headers, host: &impl Host) -> Option<Box<Self>> {
        // A stream may last for hours, and would be asked for once more.
        if event_stream::is_wanted(headers) || grpc::is_request(headers) {
            return None;
        }
        let share = route.drill().filter(|_| mode == Mode::Enforce && headers.first(DRILL).is_none())?;
        (host.random() < share).then(Box::default)
    }
}

impl Exchange {
    /// The primary has answered well: looks for a kept answer, before this one takes its place.
    pub(super) fn look_for_drill(&mut self, host: &impl Host) {
        if self.drilling.is_some() {
            let had_last_good = self.last_good(host).is_some();
            if let Some(drilling) = &mut self.drilling {
                drilling.had_last_good = had_last_good;
            }
        }
    }

    /// The primary's good answer has gone to the client: the lower rungs are tried.
    pub(super) fn drill(&mut self, effects: &mut Vec<Effect>) {
        let Some(drilling) = &mut self.drilling else { return };
        let mut count = |drilled| effects.push(Effect::Record(Record::Drill(drilled)));
        if self.route.last_good().is_some() {
            count(Drilled::LastGood { is_there: drilling.had_last_good });
        }
        if self.route.has_static() {
            count(Drilled::Static);
        }
        let regions = self.route.upstream.secondaries.len();
        if regions == 0 {
            return;
        }
        let mut place = Share::of(self.drills.clone());
        let result = match self.request.take() {
            // The contract may have nothing against it where the memory of all copies has.
            Err(NotReplayable::Memory) => Asked::Overflow,
            Err(_) => Asked::Verdict(Verdict::Skipped(Skip::NotReplayable)),
            Ok(_) if !place.grow_to(1) => Asked::Overflow,
            Ok(request) => {
                drilling.rehearsal = Some(Rehearsal::new(self.route.clone(), request, self.is_head, place));
                effects.push(Effect::Drill);
                return;
            }
        };
        effects.extend((0..regions).map(|secondary| Effect::Record(record(secondary, result))));
    }

    /// The drill that [`Effect::Drill`] speaks of.
    pub fn take_rehearsal(&mut self) -> Option<Rehearsal> {
        self.drilling.as_mut()?.rehearsal.take()
    }
}
