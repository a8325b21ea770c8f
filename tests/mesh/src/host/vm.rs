//! One instance of the module.

use std::cell::{OnceCell, RefCell};
use std::fmt;
use std::rc::Rc;

use wasmtime::{Func, Instance, InstancePre, Memory, Store, Trap, TypedFunc, Val};

use super::imports;
use super::module::module;
use super::thread::Thread;
use crate::invariants::NO_TRAP;

/// More than any callback takes, so that running out of it means an endless loop.
const FUEL: u64 = 2_000_000_000;

/// What the host calls of one instance know.
pub(crate) struct Host {
    pub(crate) thread: Rc<RefCell<Thread>>,
    pub(crate) memory: Option<Memory>,
    pub(crate) allocate: Option<TypedFunc<u32, u32>>,
    /// The context that was called, and the one that host calls act on.
    pub(crate) current: u32,
    pub(crate) effective: u32,
    /// Only a few calls are allowed before the module is initialised.
    pub(crate) is_starting: bool,
    /// Metrics by their number in this VM.
    pub(crate) metrics: Vec<usize>,
    pub(crate) calls: u64,
    /// Those that hand data to the module.
    pub(crate) data_calls: u64,
}

/// A running instance. One that trapped is dead, and stays so.
pub(crate) struct Vm {
    store: Store<Host>,
    instance: Instance,
    functions: Vec<(&'static str, Option<Func>)>,
    pub(crate) is_dead: bool,
}

/// What a callback gave back and what it cost.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Called {
    /// 1; 0 where the module does not export the callback, and Envoy would not call it.
    pub(crate) callbacks: u64,
    pub(crate) result: u32,
    pub(crate) fuel: u64,
    pub(crate) host_calls: u64,
    pub(crate) data_calls: u64,
}

/// The end of a VM.
#[derive(Debug, Clone)]
pub(crate) struct Trapped {
    /// Whether it had spent the fuel that was left to it.
    pub(crate) was_killed: bool,
    /// In the words of the runtime.
    pub(crate) why: String,
}

impl Vm {
    /// A fresh instance, initialised.
    pub(crate) fn start(thread: Rc<RefCell<Thread>>) -> Self {
        thread_local! {
            static LINKED: OnceCell<InstancePre<Host>> = const { OnceCell::new() };
        }
        let linked = LINKED.with(|linked| linked.get_or_init(imports::link).clone());
        let host = Host {
            thread,
            memory: None,
            allocate: None,
            current: 0,
            effective: 0,
            is_starting: true,
            metrics: Vec::new(),
            calls: 0,
            data_calls: 0,
        };
        let mut store = Store::new(module().engine(), host);
        store.set_fuel(FUEL).expect("the engine counts fuel");
        let instance = linked.instantiate(&mut store).expect("the module starts");
        let memory = instance.get_memory(&mut store, "memory");
        let allocate = instance.get_typed_func(&mut store, "malloc").ok();
        let host = store.data_mut();
        (host.memory, host.allocate) = (memory, allocate);
        let mut this = Self { store, instance, functions: Vec::new(), is_dead: false };
        let started = this.call("_initialize", 0, &[]);
        this.store.data_mut().is_starting = false;
        if let Err(why) = started {
            let why = format!("the module does not start: {}", why.why);
            this.store.data().thread.borrow().world.wrong(&NO_TRAP, why);
        }
        this
    }

    /// Calls the module, for `context`; says why where it trapped.
    pub(crate) fn call(&mut self, name: &'static str, context: u32, args: &[u32]) -> Result<Called, Trapped> {
        self.call_within(FUEL, name, context, args)
    }

    /// The same for a VM that dies when it has spent so much fuel.
    pub(crate) fn call_within(
        &mut self,
        life: u64,
        name: &'static str,
        context: u32,
        args: &[u32],
    ) -> Result<Called, Trapped> {
        let life = life.min(FUEL);
        let Some(function) = self.function(name) else {
            return Ok(Called::default());
        };
        let host = self.store.data_mut();
        (host.current, host.effective) = (context, context);
        let before = (host.calls, host.data_calls);
        self.store.set_fuel(life).expect("the engine counts fuel");
        let args: Vec<Val> = args.iter().map(|arg| Val::I32(arg.cast_signed())).collect();
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        if let Err(error) = function.call(&mut self.store, &args, &mut results) {
            self.is_dead = true;
            let is_spent = error.downcast_ref::<Trap>() == Some(&Trap::OutOfFuel);
            return Err(Trapped { was_killed: is_spent && life < FUEL, why: format!("{error:#}") });
        }
        let result = results.first().and_then(Val::i32).unwrap_or(0).cast_unsigned();
        let fuel = life - self.store.get_fuel().unwrap_or(life);
        let host = self.store.data();
        let (host_calls, data_calls) = (host.calls - before.0, host.data_calls - before.1);
        Ok(Called { result, fuel, callbacks: 1, host_calls, data_calls })
    }

    /// Bytes of linear memory, which never shrinks.
    pub(crate) fn memory_size(&self) -> usize {
        self.store.data().memory.map_or(0, |memory| memory.data_size(&self.store))
    }

    fn function(&mut self, name: &'static str) -> Option<Func> {
        if let Some((_, found)) = self.functions.iter().find(|(it, _)| *it == name) {
            return *found;
        }
        let found = self.instance.get_func(&mut self.store, name);
        self.functions.push((name, found));
        found
    }
}

impl fmt::Debug for Vm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Vm").field("is_dead", &self.is_dead).finish_non_exhaustive()
    }
}
