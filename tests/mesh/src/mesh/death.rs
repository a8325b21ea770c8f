//! The end of a VM, and its successor, under `failure_policy: FAIL_RELOAD` as `envoy/bootstrap.yaml` has it.
//!
//! * What is in flight on that VM is answered 503, and the filter's calls are lost to it.
//! * The next request gets a fresh VM with the configuration that the worker was given last, unless the dead one was
//!   started so recently that the backoff holds: then it is a 503, and so is each that follows until it is over.
//! * The backoff counts from the start of a VM, not from its death.

use std::rc::Rc;

use super::Mesh;
use crate::document::Document;
use crate::host::{Trapped, Vm};
use crate::invariants::NO_TRAP;
use crate::world::Micros;

/// `reload_config.backoff.base_interval` of `envoy/bootstrap.yaml`. Envoy adds up to a half, anew for each request.
const BASE_INTERVAL: Micros = 100_000;

/// What is known of a thread's VM besides what it knows itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Life {
    /// The configuration that it was given last, and when that was.
    given: Option<(Rc<Document>, Micros)>,
    /// The fuel that it may still spend, where it is going to die.
    pub(super) left: Option<u64>,
    /// When it is told of the document that was pushed last.
    pub(super) told: Micros,
}

impl Mesh {
    /// From now on the VM's instructions are counted.
    pub(super) fn doom(&mut self, death: usize) {
        let death = self.world.scenario.deaths[death];
        self.world.trace(format!("w{}", death.worker), || format!("dies after {} instructions", death.after));
        self.lives[death.worker].left = Some(death.after);
    }

    /// A thread has got a configuration.
    pub(super) fn loaded(&mut self, thread: usize, document: &Rc<Document>) {
        self.lives[thread].given = Some((document.clone(), self.world.now.get()));
    }

    /// A VM that trapped is dead for all its streams. They fail at once here; Envoy fails each at its next callback.
    pub(super) fn on_trap(&mut self, thread: usize, name: &str, exchange: Option<usize>, trapped: &Trapped) {
        if trapped.was_killed {
            self.world.trace(format!("w{thread}"), || format!("dies in {name}"));
        } else {
            self.world.wrong(&NO_TRAP, format!("the module trapped in {name}: {}", trapped.why));
        }
        // It may have changed a record and not have said so.
        let records = self.world.records.borrow();
        let route = exchange.and_then(|index| records.get(index)?.route()).map(|route| route.name.clone());
        drop(records);
        if exchange.is_none() || route.is_some() {
            self.world.breakers.borrow_mut().forget(route.as_deref());
        }
        // What it asked for last: its calls are on their way, and everything else was for afterwards.
        let begun = std::mem::take(&mut self.threads[thread].borrow_mut().begun);
        self.threads[thread].borrow_mut().deferred.clear();
        self.threads[thread].borrow_mut().asked.clear();
        self.world.agent.borrow_mut().disturb(self.world.now.get());
        for callout in begun {
            self.begin_call(thread, callout);
        }
        let lost: Vec<u32> = self.threads[thread].borrow().streams.keys().copied().collect();
        for context in lost {
            let key = (thread, context);
            let orphan = self.with(key, |stream| {
                stream.is_orphan = true;
                (stream.exchange, stream.is_logging)
            });
            let Some((exchange, is_over)) = orphan else { continue };
            self.world.record(exchange, |record| record.lost_its_vm = true);
            if !is_over {
                self.fail_stream(key);
            }
        }
    }

    /// A worker whose VM died gets a fresh one with the first request after the backoff. Says whether there is a VM.
    pub(super) fn reload(&mut self, thread: usize) -> bool {
        let Some((document, since)) = self.lives[thread].given.clone().filter(|_| self.vms[thread].is_dead) else {
            return true;
        };
        let backoff = BASE_INTERVAL + self.random.u64(0..BASE_INTERVAL / 2);
        if self.world.now.get() < since + backoff {
            return false;
        }
        self.start_again(thread, &document);
        true
    }

    /// A fresh VM, which knows nothing but the shared data.
    pub(super) fn start_again(&mut self, thread: usize, document: &Rc<Document>) {
        self.world.trace(format!("w{thread}"), || "a fresh VM".to_owned());
        self.lives[thread].left = None;
        self.threads[thread].borrow_mut().roots.clear();
        self.vms[thread] = Vm::start(self.threads[thread].clone());
        self.configure(thread, document);
    }
}
