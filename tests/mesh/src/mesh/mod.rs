//! The simulated Envoy with its clients and regions, from a scenario's first event to its last.
//!
//! * `client` are the clients: requests as they come in, answers as they go out.
//! * `filter` is the filter manager around our filter, `reply` are Envoy's own answers.
//! * `router` is the way to the primary, `callout` the way to the secondary regions.
//! * `upstream` is what a region does, step by step.
//! * `module` are the calls into the VMs, `operator` is what happens to the configuration and the clock.

mod callout;
mod client;
mod filter;
mod module;
mod operator;
mod reply;
mod router;
mod upstream;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::host::{Thread, Vm};
use crate::queue::Queue;
use crate::record::Record;
use crate::scenario::{Millis, Scenario};
use crate::stream::Stream;
use crate::world::{Micros, World};
use callout::Call;
use upstream::Step;

/// A stream: its thread and its context there.
pub(crate) type Key = (usize, u32);

/// Something that happens at its time.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Begin(usize),
    RequestPiece { exchange: usize, index: usize },
    RequestEnd(usize),
    Leave(usize),
    Upstream(Key, Step),
    PerTryTimeout(Key),
    RouteTimeout(Key),
    Call(Key, Step),
    CallTimeout(Key),
    Tick { thread: usize, root: u32, number: u64 },
    Push(usize),
    PushTo { thread: usize, push: usize },
    ClockStep(i64),
    Retire { thread: usize, root: u32 },
}

impl Event {
    /// Whether the run goes on until it has happened: ticks never end, and an old configuration may never.
    const fn is_awaited(&self) -> bool {
        !matches!(self, Self::Tick { .. } | Self::Retire { .. })
    }
}

/// A run.
#[derive(Debug)]
pub(crate) struct Mesh {
    pub(crate) world: Rc<World>,
    random: fastrand::Rng,
    queue: Queue<Event>,
    /// Events in the queue that the run waits for.
    pending: usize,
    /// The workers, and the main thread behind them.
    threads: Vec<Rc<RefCell<Thread>>>,
    vms: Vec<Vm>,
    /// For each thread, the root context of the newest configuration.
    roots: Vec<u32>,
    died: Vec<Option<Micros>>,
    calls: BTreeMap<Key, Call>,
    /// For each exchange, its stream while there is one.
    live: Vec<Option<Key>>,
}

/// How a run went.
#[derive(Debug)]
pub struct Outcome {
    /// What was simulated.
    pub scenario: Rc<Scenario>,
    /// Everything that is known of each exchange.
    pub records: Vec<Record>,
    /// What happened that must never happen.
    pub wrong: Vec<String>,
    /// Bytes of memory of each VM at the end: the workers, then the main thread.
    pub memory: Vec<usize>,
    /// Stats at the end: name and value.
    pub stats: Vec<(String, u64)>,
    /// The trace, if one was wanted.
    pub trace: Vec<String>,
}

/// How long after the last event the run goes on: the ladder's time of `Route::new` and some ticks, because a request
/// that never ends is answered by a tick.
const AFTERMATH: Micros = 2_500_000;

/// Plays a scenario. The seed decides what the scenario leaves open: who comes first among those who come together.
pub fn play(scenario: &Scenario, seed: u64, is_traced: bool) -> Outcome {
    let mut mesh = Mesh::new(&Rc::new(scenario.clone()), seed, is_traced);
    mesh.run();
    mesh.finish()
}

impl Mesh {
    fn new(scenario: &Rc<Scenario>, seed: u64, is_traced: bool) -> Self {
        let world = Rc::new(World::new(scenario.clone(), is_traced));
        let count = scenario.envoy.workers + 1;
        let new_thread = |index| Rc::new(RefCell::new(Thread::new(world.clone(), index)));
        let threads = (0..count).map(new_thread).collect();
        let mut this = Self {
            world: world.clone(),
            random: fastrand::Rng::with_seed(seed),
            queue: Queue::new(),
            pending: 0,
            threads,
            vms: Vec::new(),
            roots: vec![0; count],
            died: vec![None; count],
            calls: BTreeMap::new(),
            live: vec![None; scenario.exchanges.len()],
        };
        this.start();
        for (index, exchange) in scenario.exchanges.iter().enumerate() {
            this.admit(index, exchange);
        }
        for (index, (at, _)) in scenario.pushes.iter().enumerate() {
            this.at(micros(*at), Event::Push(index));
        }
        for (at, by) in &scenario.clock_steps {
            this.at(micros(*at), Event::ClockStep(*by));
        }
        this
    }

    fn run(&mut self) {
        let mut until = Micros::MAX;
        while let Some((at, event)) = self.queue.pop() {
            if at > until {
                break;
            }
            self.world.now.set(at);
            if event.is_awaited() {
                self.pending -= 1;
            }
            self.handle(event);
            until = if self.pending == 0 { until.min(at + AFTERMATH) } else { Micros::MAX };
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Begin(exchange) => self.begin(exchange),
            Event::RequestPiece { exchange, index } => self.request_piece(exchange, index),
            Event::RequestEnd(exchange) => self.request_end(exchange),
            Event::Leave(exchange) => self.leave(exchange),
            Event::Upstream(key, step) => self.primary_step(key, step),
            Event::PerTryTimeout(key) => self.per_try_timeout(key),
            Event::RouteTimeout(key) => self.route_timeout(key),
            Event::Call(key, step) => self.call_step(key, step),
            Event::CallTimeout(key) => self.call_timeout(key),
            Event::Tick { thread, root, number } => self.tick(thread, root, number),
            Event::Push(push) => self.push_document(push),
            Event::PushTo { thread, push } => self.push_to(thread, push),
            Event::ClockStep(by) => self.step_clock(by),
            Event::Retire { thread, root } => self.retire(thread, root),
        }
    }

    fn finish(self) -> Outcome {
        Outcome {
            scenario: self.world.scenario.clone(),
            records: self.world.records.take(),
            wrong: self.world.wrong.take(),
            memory: self.vms.iter().map(Vm::memory_size).collect(),
            stats: self.world.metrics.borrow().of("").map(|(name, value)| (name.to_owned(), value)).collect(),
            trace: self.world.take_trace(),
        }
    }

    /// Plans an event.
    fn at(&mut self, at: Micros, event: Event) {
        if event.is_awaited() {
            self.pending += 1;
        }
        self.queue.push(at, event);
    }

    fn after(&mut self, delay: Micros, event: Event) {
        self.at(self.world.now.get() + delay, event);
    }

    /// Looks at a stream, if it is still there.
    fn with<T>(&self, (thread, context): Key, act: impl FnOnce(&mut Stream) -> T) -> Option<T> {
        self.threads[thread].borrow_mut().streams.get_mut(&context).map(act)
    }

    fn is_alive(&self, key: Key) -> bool {
        self.with(key, |_| ()).is_some()
    }

    fn trace(&self, key: Key, line: impl FnOnce() -> String) {
        self.world.trace(format!("w{} #{}", key.0, key.1), line);
    }
}

pub(crate) const fn micros(millis: Millis) -> Micros {
    millis * 1000
}
