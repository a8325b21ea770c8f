//! Exchanges that wait for something that should come at once, and what becomes of them when it does not.
//!
//! No answer depends on this: it is for a client whose body does not come, a region that stalls in the middle of a
//! failed answer, and an Envoy whose configuration lacks `allow_on_headers_stop_iteration`, where a request that is
//! held back would never be shown its body. Each goes on after one to two ticks.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::host;
use crate::protected::Protected;

/// Time between two looks at those who wait.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// Who waits, in one worker.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    waiting: RefCell<Vec<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    context_id: u32,
    /// Weak, because most exchanges are over long before the next tick.
    exchange: Weak<RefCell<Protected>>,
    /// How many ticks it has seen come.
    ticks: u32,
}

impl Patience {
    /// Looks at `exchange` at the next ticks.
    pub(crate) fn watch(&self, context_id: u32, exchange: &Rc<RefCell<Protected>>) {
        if let Ok(mut waiting) = self.waiting.try_borrow_mut() {
            waiting.push(Waiting { context_id, exchange: Rc::downgrade(exchange), ticks: 0 });
        }
    }

    /// Time has passed.
    pub(crate) fn tick(&self) {
        // Taken out, because an exchange that goes on may come to wait for something else.
        let Ok(waiting) = self.waiting.try_borrow_mut().map(|mut it| std::mem::take(&mut *it)) else { return };
        for Waiting { context_id, exchange: weak, ticks } in waiting {
            let Some(exchange) = weak.upgrade() else { continue };
            let Ok(mut exchange) = exchange.try_borrow_mut() else { continue };
            if !exchange.is_impatient() {
                continue;
            }
            // The first may come at once.
            if ticks > 0 {
                host::act_for(context_id);
                exchange.on_waited(TICK.saturating_mul(ticks));
            }
            if exchange.is_impatient()
                && let Ok(mut waiting) = self.waiting.try_borrow_mut()
            {
                waiting.push(Waiting { context_id, exchange: weak, ticks: ticks.saturating_add(1) });
            }
        }
    }
}
