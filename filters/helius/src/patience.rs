//! Exchanges that wait for something that should come at once, and what becomes of them when it does not.
//!
//! It is for a client whose body does not come, a region that stalls in the middle of a failed answer, and an Envoy whose
//! configuration lacks `allow_on_headers_stop_iteration`, where a request that is held back would never be shown its body:
//! these go on after 100 to 200 ms. And for a region that drips an answer which is held until it has been judged: that
//! one has the time of an attempt.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::time::Duration;

use helius_policy::exchange::Event;

use crate::host;
use crate::protected::{Caller, Protected};

/// Time between two looks at those who wait, while none of them has waited long: most wait for less than a millisecond.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// The same while somebody has been waiting since the last look: what he waits for may have a deadline.
const FINE_TICK: Duration = Duration::from_millis(10);

/// How long is waited for what should come at once.
const AT_ONCE: Duration = TICK;

/// Who waits, in one worker.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    waiting: RefCell<Vec<Waiting>>,
    /// Calls that were made in a tick. Their answers come to whoever was called by Envoy when they were made, which is
    /// not the stream.
    calls: RefCell<Vec<Calling>>,
}

#[derive(Debug)]
struct Calling {
    token: u32,
    context_id: u32,
    exchange: Weak<RefCell<Protected>>,
}

#[derive(Debug)]
struct Waiting {
    context_id: u32,
    /// Weak, because most exchanges are over long before the next tick.
    exchange: Weak<RefCell<Protected>>,
    /// Which of the exchange's waits this is: what it waited for before has come, and is not to be counted.
    wait: u32,
    /// How long it has waited, from the first tick that it has seen.
    waited: Option<Duration>,
}

impl Patience {
    /// Looks at `exchange` at the next ticks, as long as it is at this `wait`.
    pub(crate) fn watch(&self, context_id: u32, exchange: &Rc<RefCell<Protected>>, wait: u32) {
        if let Ok(mut waiting) = self.waiting.try_borrow_mut() {
            waiting.push(Waiting { context_id, exchange: Rc::downgrade(exchange), wait, waited: None });
        }
    }

    /// So much time has passed since the last tick. Says when the next one is wanted.
    pub(crate) fn tick(&self, passed: Duration) -> Duration {
        // Taken out, because an exchange that goes on may come to wait for something else.
        let Ok(waiting) = self.waiting.try_borrow_mut().map(|mut it| std::mem::take(&mut *it)) else { return TICK };
        for Waiting { context_id, exchange: weak, wait, waited } in waiting {
            let Some(exchange) = weak.upgrade() else { continue };
            let Ok(mut exchange) = exchange.try_borrow_mut() else { continue };
            if !exchange.is_impatient() || exchange.wait() != wait {
                continue;
            }
            // The first tick may come at once.
            let waited = waited.map_or(Duration::ZERO, |before| before.saturating_add(passed));
            if waited >= AT_ONCE {
                self.go_on(context_id, &weak, &mut exchange, |exchange| exchange.on_waited(waited));
            }
            if exchange.is_impatient()
                && let Ok(mut waiting) = self.waiting.try_borrow_mut()
            {
                waiting.push(Waiting { context_id, exchange: weak, wait, waited: Some(waited) });
            }
        }
        let is_quiet = self.waiting.try_borrow().is_ok_and(|waiting| waiting.is_empty());
        if is_quiet { TICK } else { FINE_TICK }
    }

    /// A call that was made in a tick has been answered.
    pub(crate) fn on_answered(&self, token: u32, event: Event<'_>) {
        let found = self.calls.try_borrow_mut().ok().and_then(|mut calls| {
            let index = calls.iter().position(|call| call.token == token)?;
            Some(calls.swap_remove(index))
        });
        let Some(Calling { context_id, exchange: weak, .. }) = found else { return };
        let Some(exchange) = weak.upgrade() else { return };
        let Ok(mut protected) = exchange.try_borrow_mut() else { return };
        self.go_on(context_id, &weak, &mut protected, |protected| {
            protected.on(Caller::Other, event);
        });
        if protected.is_impatient() {
            self.watch(context_id, &exchange, protected.wait_anew());
        }
    }

    /// Lets an exchange act outside of its stream's callbacks.
    fn go_on(
        &self,
        context_id: u32,
        weak: &Weak<RefCell<Protected>>,
        protected: &mut Protected,
        act: impl FnOnce(&mut Protected),
    ) {
        host::act_for(context_id);
        protected.take_call();
        act(protected);
        if let Some(token) = protected.take_call()
            && let Ok(mut calls) = self.calls.try_borrow_mut()
        {
            calls.push(Calling { token, context_id, exchange: weak.clone() });
        }
    }
}
