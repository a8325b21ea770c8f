//! Calls into the module, and what Envoy does when they return.

use std::panic;
use std::sync::Mutex;

use super::iteration::resume;
use super::stream::reply;
use crate::host::{Deferred, Host, Root, border, host};

/// A wall clock that has some past to step back to, in milliseconds.
const START: u64 = 1_000_000;

/// Where Envoy's route leads to, unless a script says otherwise.
const ROUTED_TO: &[u8] = b"east";

/// A fresh worker thread with nothing in its module.
pub(crate) fn start() {
    initialise();
    host(|host| *host = Host { clock: START, routed_to: ROUTED_TO.to_vec(), ..Host::default() });
}

/// Runs the module's start function, once for each thread.
fn initialise() {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    thread_local! {
        static INITIALISED: () = {
            let _guard = ONE_AT_A_TIME.lock();
            // The SDK's hook writes a panic into the host's log; whoever looks for panics has a hook of his own.
            let hook = panic::take_hook();
            helius_filter::_initialize();
            panic::set_hook(hook);
        };
    }
    INITIALISED.with(|()| ());
}

/// Gives the module a configuration: a root context of its own.
pub(crate) fn configure(document: &[u8]) -> u32 {
    let root = host(|host| {
        let root = host.new_context();
        host.roots.insert(root, Root { document: document.to_vec(), ..Root::default() });
        root
    });
    call(root, || border::proxy_on_context_create(root, 0));
    assert!(call(root, || border::proxy_on_vm_start(root, 0)), "on_vm_start says no, which would abort Envoy's start");
    let is_taken = call(root, || border::proxy_on_configure(root, document.len()));
    assert!(is_taken, "on_configure says no, which would abort Envoy's start");
    root
}

/// Takes a configuration away, which has no streams any more.
pub(crate) fn stop(root: u32) {
    call(root, || border::proxy_on_log(root));
    call(root, || border::proxy_on_done(root));
    call(root, || border::proxy_on_delete(root));
    host(|host| host.roots.remove(&root));
}

/// Lets time pass: the clock goes on, and every root context gets its ticks.
pub(crate) fn wait(millis: u64) {
    let mut left = millis;
    while left > 0 {
        let step = host(|host| {
            let ticks = host.roots.values().filter_map(|root| root.tick);
            let step = ticks.map(|tick| tick.left).fold(left, u64::min).max(1);
            host.clock = host.clock.saturating_add(step);
            step
        });
        left = left.saturating_sub(step);
        for root in due(step) {
            call(root, || border::proxy_on_tick(root));
        }
    }
}

/// The root contexts whose tick has come, after so much time.
fn due(step: u64) -> Vec<u32> {
    host(|host| {
        let ticks = host.roots.iter_mut().filter_map(|(root, it)| Some((*root, it.tick.as_mut()?)));
        let mut due = Vec::new();
        for (root, tick) in ticks {
            tick.left = tick.left.saturating_sub(step);
            if tick.left == 0 {
                tick.left = tick.period;
                due.push(root);
            }
        }
        due
    })
}

/// Calls the module for a context, then does what it asked for, which Envoy does before it looks at the result.
pub(super) fn call<T>(context: u32, callback: impl FnOnce() -> T) -> T {
    host(|host| (host.current, host.effective) = (context, context));
    let result = callback();
    let deferred = host(|host| {
        host.call_answer = None;
        std::mem::take(&mut host.deferred)
    });
    for action in deferred {
        match action {
            Deferred::Resume(context, side) => resume(context, side),
            Deferred::Reply(context, it) => reply(context, it),
        }
    }
    result
}
