//! What happens to the filter's configuration, to the clock, and every tick.

use std::cell::RefCell;
use std::rc::Rc;

use super::callout::Call;
use super::{Event, Mesh, micros};
use crate::document::Document;
use crate::host::{Root, Thread, Vm};
use crate::invariants::NO_TRAP;
use crate::stream::Stream;
use crate::world::Micros;

/// How long an old configuration outlives its replacement at least.
const DRAIN: Micros = 50_000;

impl Mesh {
    /// The document that holds where `document` is given: itself, or the last good one.
    pub(super) fn comes_into_force(&self, document: &Rc<Document>) -> Option<Rc<Document>> {
        let mut last_good = self.world.last_good.borrow_mut();
        if document.mistake.is_none() {
            *last_good = Some(document.clone());
        }
        last_good.clone()
    }

    /// Envoy tries a configuration in a VM that it throws away.
    pub(super) fn canary(&mut self, document: &Rc<Document>) {
        let text = document.text().into_bytes();
        let size = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let thread = Rc::new(RefCell::new(Thread::new(self.world.clone(), usize::MAX)));
        let in_force = self.comes_into_force(document);
        thread.borrow_mut().roots.insert(1, Root { text, in_force, is_replaced: false, tick: None, ticked_at: 0 });
        let mut vm = Vm::start(thread);
        let steps = [("proxy_on_context_create", 0), ("proxy_on_vm_start", 0), ("proxy_on_configure", size)];
        for (name, argument) in steps {
            if let Err(why) = vm.call(name, 1, &[1, argument]) {
                self.world.wrong(&NO_TRAP, format!("the canary trapped in {name}: {}", why.why));
                return;
            }
        }
    }

    pub(super) fn push_document(&mut self, push: usize) {
        self.world.trace("operator", || format!("pushes {}", self.world.scenario.pushes[push].1.text()));
        let document = Rc::new(self.world.scenario.pushes[push].1.clone());
        self.world.pushed.set(self.world.now.get());
        self.world.agent.borrow_mut().disturb(self.world.now.get());
        self.canary(&document);
        // The main thread first, then each worker when it comes to it.
        self.push_to(self.threads.len() - 1, push);
        for thread in 0..self.threads.len() - 1 {
            let soon = self.world.now.get() + self.random.u64(0..5000);
            // A thread is told of things in their order.
            let at = soon.max(self.lives[thread].told);
            self.lives[thread].told = at;
            self.at(at, Event::PushTo { thread, push });
        }
    }

    pub(super) fn push_to(&mut self, thread: usize, push: usize) {
        let document = Rc::new(self.world.scenario.pushes[push].1.clone());
        if self.vms[thread].is_dead {
            return self.start_again(thread, &document);
        }
        let old = self.roots[thread];
        self.configure(thread, &document);
        if let Some(root) = self.threads[thread].borrow_mut().roots.get_mut(&old) {
            root.is_replaced = true;
        }
        self.after(DRAIN, Event::Retire { thread, root: old });
    }

    /// An old configuration ends when its last stream has ended.
    pub(super) fn retire(&mut self, thread: usize, root: u32) {
        if !self.threads[thread].borrow().roots.contains_key(&root) {
            return;
        }
        let is_used = self.threads[thread].borrow().streams.values().any(|stream| stream.root == root);
        // A drill is lost with it.
        let is_awaited = |call: &Call| call.callout.root == root && !call.callout.is_drill;
        let has_calls = self.calls.iter().any(|((at, _), call)| *at == thread && is_awaited(call));
        if is_used || has_calls {
            return self.after(DRAIN, Event::Retire { thread, root });
        }
        self.call_root(thread, "proxy_on_done", root, &[root]);
        self.call_root(thread, "proxy_on_delete", root, &[root]);
        self.threads[thread].borrow_mut().roots.remove(&root);
    }

    pub(super) fn step_clock(&mut self, by: i64) {
        self.world.trace("clock", || format!("steps by {by} ms"));
        self.world.agent.borrow_mut().disturb(self.world.now.get());
        self.world.breakers.borrow_mut().step_clock(self.world.now.get(), by < 0);
        self.world.wall_offset.set(self.world.wall_offset.get().saturating_add(by.saturating_mul(1000)));
    }

    pub(super) fn arm_tick(&mut self, thread: usize, root: u32) {
        let tick = self.threads[thread].borrow().roots.get(&root).and_then(|root| root.tick);
        if let Some((period, number)) = tick.filter(|(period, _)| *period > 0) {
            // Timers are never exact.
            let delay = micros(u64::from(period)) + self.random.u64(0..1000);
            self.after(delay, Event::Tick { thread, root, number });
        }
    }

    /// What the filter can know of it: the clock may step, and a timer is late, but not by its whole period.
    fn passed_since_last_tick(&self, thread: usize, root: u32) -> Micros {
        let wall = self.world.wall();
        let mut thread = self.threads[thread].borrow_mut();
        let Some(root) = thread.roots.get_mut(&root) else { return 0 };
        let period = root.tick.map_or(0, |(period, _)| micros(u64::from(period)));
        let passed = wall.saturating_sub(std::mem::replace(&mut root.ticked_at, wall));
        passed.clamp(period, 2 * period)
    }

    /// Another tick passes for those whose answers are held.
    fn wait_for_answers(&self, thread: usize, root: u32, passed: Micros) {
        let thread = self.threads[thread].borrow();
        let is_there = |stream: &&Stream| stream.root == root && !stream.is_logging && !stream.is_orphan;
        let waiting = thread.streams.values().filter(is_there).map(|stream| stream.exchange);
        let overdue = waiting.filter(|exchange| self.world.has_waited(*exchange, passed));
        self.world.overdue.borrow_mut().extend(overdue);
    }

    pub(super) fn tick(&mut self, thread: usize, root: u32, number: u64) {
        let tick = self.threads[thread].borrow().roots.get(&root).and_then(|root| root.tick);
        if tick.is_some_and(|(_, current)| current == number) && !self.vms[thread].is_dead {
            let passed = self.passed_since_last_tick(thread, root);
            self.wait_for_answers(thread, root, passed);
            self.call_root(thread, "proxy_on_tick", root, &[root]);
            let now = (self.world.now.get(), self.world.wall());
            self.world.agent.borrow_mut().roots.look((thread, root), now);
            for exchange in self.world.overdue.take() {
                self.world.decide(exchange, "timeout");
            }
            self.arm_tick(thread, root);
        }
    }
}
