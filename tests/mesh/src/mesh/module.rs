//! Calls into the VMs, and what Envoy does when they return.

use std::rc::Rc;

use super::{Key, Mesh};
use crate::document::Document;
use crate::host::{Action, Deferred, Root, Vm};
use crate::invariants::STARTS;
use crate::record::Cost;
use crate::stream::Side;

impl Mesh {
    /// Starts a VM for each thread and gives it the first document, as Envoy does: first a canary of which nothing
    /// remains, then the main thread, then the workers.
    pub(super) fn start(&mut self) {
        let document = Rc::new(self.world.scenario.document.clone());
        self.canary(&document);
        let threads = self.threads.clone();
        self.vms = threads.iter().map(|thread| Vm::start(thread.clone())).collect();
        for thread in (0..self.threads.len()).rev() {
            self.configure(thread, &document);
        }
    }

    /// Gives a VM a configuration: a root context of its own.
    pub(super) fn configure(&mut self, thread: usize, document: &Rc<Document>) {
        let text = document.text().into_bytes();
        let root = self.threads[thread].borrow_mut().new_context();
        let in_force = self.comes_into_force(document);
        let size = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let context = Root { text, in_force, is_replaced: false, tick: None, ticked_at: 0 };
        self.threads[thread].borrow_mut().roots.insert(root, context);
        self.call_root(thread, "proxy_on_context_create", root, &[root, 0]);
        self.call_root(thread, "proxy_on_vm_start", root, &[root, 0]);
        if self.call_root(thread, "proxy_on_configure", root, &[root, size]) != Some(1) {
            self.world.wrong(&STARTS, "on_configure says no, which would abort Envoy's start");
        }
        let in_force = self.threads[thread].borrow().roots.get(&root).and_then(|root| root.in_force.clone());
        if let Some(document) = in_force {
            self.world.begins((thread, root), &document);
        }
        self.roots[thread] = root;
        self.loaded(thread, document);
        self.arm_tick(thread, root);
    }

    /// Calls the module for a root context.
    pub(super) fn call_root(&mut self, thread: usize, name: &'static str, root: u32, args: &[u32]) -> Option<u32> {
        self.call_module(thread, name, root, args, None)
    }

    /// Calls the module for a stream. `None` where the stream is gone afterwards.
    pub(super) fn call_stream(&mut self, key: Key, name: &'static str, args: &[u32]) -> Option<Action> {
        let exchange = self.with(key, |stream| stream.exchange)?;
        let mut all = vec![key.1];
        all.extend_from_slice(args);
        let result = self.call_module(key.0, name, key.1, &all, Some(exchange))?;
        let action = if result == 0 { Action::Continue } else { Action::Pause };
        self.is_alive(key).then_some(action)
    }

    /// Calls the module, then does what it asked for. `None` where it trapped.
    pub(super) fn call_module(
        &mut self,
        thread: usize,
        name: &'static str,
        context: u32,
        args: &[u32],
        exchange: Option<usize>,
    ) -> Option<u32> {
        let vm = self.vms.get_mut(thread)?;
        if vm.is_dead {
            return None;
        }
        self.world.trace(format!("w{thread} #{context}"), || format!("  {name}{args:?}"));
        // Whatever comes of a configuration, a VM starts: only streams, ticks and answers are its death.
        let is_mortal = exchange.is_some() || ["proxy_on_tick", "proxy_on_http_call_response"].contains(&name);
        let life = self.lives[thread].left.filter(|_| is_mortal);
        let called = vm.call_within(life.unwrap_or(u64::MAX), name, context, args);
        self.threads[thread].borrow_mut().call_answer = None;
        let called = match called {
            Ok(called) => called,
            Err(trapped) => {
                self.on_trap(thread, name, exchange, &trapped);
                return None;
            }
        };
        self.lives[thread].left = self.lives[thread].left.map(|left| left.saturating_sub(called.fuel));
        self.world.trace(format!("w{thread} #{context}"), || format!("  {name} = {}", called.result));
        if let Some(exchange) = exchange {
            self.world.record(exchange, |record| {
                let Cost { fuel, host_calls, data_calls, callbacks } = &mut record.cost;
                *fuel += called.fuel;
                *host_calls += called.host_calls;
                *data_calls += called.data_calls;
                *callbacks += called.callbacks;
            });
        }
        self.after_callback(thread);
        Some(called.result)
    }

    /// What Envoy does when a callback is over and before it looks at what the callback returned.
    fn after_callback(&mut self, thread: usize) {
        let begun = std::mem::take(&mut self.threads[thread].borrow_mut().begun);
        for callout in begun {
            self.begin_call(thread, callout);
        }
        let asked = std::mem::take(&mut self.threads[thread].borrow_mut().asked);
        for question in asked {
            self.ask_agent(thread, question);
        }
        let deferred = std::mem::take(&mut self.threads[thread].borrow_mut().deferred);
        for action in deferred {
            // One of those before may have killed the VM, and what it wanted done dies with it.
            if self.vms[thread].is_dead {
                return;
            }
            match action {
                Deferred::ResumeRequest(context) => self.resume((thread, context), Side::Request),
                Deferred::ResumeResponse(context) => self.resume((thread, context), Side::Response),
                Deferred::ResponseTooLarge(context) => self.too_large((thread, context), Side::Response),
                Deferred::Reply { context, status, fields, body } => {
                    self.filter_replies((thread, context), status, fields, body);
                }
            }
        }
    }
}
