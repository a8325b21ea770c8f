//! What the world knows of drills: the calls that follow an exchange.

use crate::document::DRILL;
use crate::fields::Fields;
use crate::host::Callout;
use crate::invariants::{DRILL_IS_ONE, DRILL_LEAVES_ALONE};
use crate::record::Asked;
use crate::world::World;

impl World {
    /// The exchange that a call with these headers, which no stream has made, is a drill of.
    pub(crate) fn drilled(&self, headers: &Fields, region: usize) -> Option<usize> {
        let records = self.records.borrow();
        let id = headers.text("x-id");
        let Some(record) = records.iter().find(|record| record.id == id && record.began.is_some()) else {
            self.wrong(&DRILL_IS_ONE, format!("a call that no stream has made is about nobody: {headers:?}"));
            return None;
        };
        if headers.text(DRILL) != "true" || region == 0 {
            self.wrong(&DRILL_IS_ONE, format!("a call that no stream has made is none of a drill: {headers:?}"));
        }
        if let (Some(breaker), Some(route)) = (record.breaker(region), record.route())
            && breaker.mode.rejects()
            && !self.breakers.borrow().may_stand_closed(&route.name, region)
        {
            self.wrong(&DRILL_LEAVES_ALONE, format!("the drill of {id} asks region {region}"));
        }
        Some(record.index)
    }

    /// Envoy refuses to begin the call.
    pub(crate) fn refuse_drill(&self, callout: &Callout) {
        let mut asked = Asked::call(callout, (self.now.get(), self.wall()), false);
        (asked.outcome, asked.was_told) = (Some("no_healthy_upstream"), true);
        self.record(callout.exchange, |record| record.drills.push(asked));
    }
}
