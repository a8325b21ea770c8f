//! The simulated Envoy with its clients and regions, from a scenario's first event to its last.
//!
//! * `client` are the clients: requests as they come in, answers as they go out.
//! * `filter` is the filter manager around our filter, `reply` are Envoy's own answers.
//! * `router` is the way to the primary, `callout` the way to the secondary regions.
//! * `agent` is the way to the pod's agent.
//! * `upstream` is what a region does, step by step.
//! * `module` are the calls into the VMs, `death` is the end of one and what comes after it.
//! * `operator` is what happens to the configuration and the clock.
//! * `event` is everything that can happen.

mod agent;
mod callout;
mod client;
mod death;
mod event;
mod filter;
mod module;
mod operator;
mod reply;
mod router;
mod upstream;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::copies::Copies;
use crate::host::{Thread, Vm};
use crate::invariants::{Judge, Violation};
use crate::queue::Queue;
use crate::record::Record;
use crate::scenario::{Millis, Scenario};
use crate::stream::Stream;
use crate::witness;
use crate::world::{Micros, World};
use callout::Call;
use death::Life;
use event::Event;
pub(crate) use router::per_try_timeout;

/// A stream: its thread and its context there.
pub(crate) type Key = (usize, u32);

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
    lives: Vec<Life>,
    calls: BTreeMap<Key, Call>,
    asked: BTreeMap<Key, agent::Asked>,
    /// For each exchange, its stream while there is one.
    live: Vec<Option<Key>>,
    copies: Copies,
    judge: Judge,
}

/// How a run went.
#[derive(Debug)]
pub struct Outcome {
    /// What was simulated.
    pub scenario: Rc<Scenario>,
    /// Everything that is known of each exchange.
    pub records: Vec<Record>,
    /// What was broken on the way; [`crate::judge`] adds what is broken at the end.
    pub violations: Vec<Violation>,
    /// Those of them that the simulation noticed as they happened, as lines.
    pub wrong: Vec<String>,
    /// Bytes of memory of each VM at the end: the workers, then the main thread.
    pub memory: Vec<usize>,
    /// Keys in shared data at the end, and the bytes under them.
    pub shared: (usize, usize),
    /// How often the agent was asked for overrides.
    pub questions: u64,
    /// Stats at the end: name and value.
    pub stats: Vec<(String, u64)>,
    /// The trace, if one was wanted.
    pub trace: Vec<String>,
}

/// How long after the last event the run goes on, so that what nobody waits for happens too.
const AFTERMATH: Micros = 2_500_000;

/// How much longer than that while a stream is there: longer than any ladder, because a request that never ends is
/// answered by a tick.
const LAST_STREAM: Micros = 10_000_000;

/// Scenarios begin at some moment of this hour, in microseconds.
const WITHIN: i64 = 3_600_000_000;

/// Plays a scenario. The seed decides what the scenario leaves open: who comes first among those who come together.
pub fn play(scenario: &Scenario, seed: u64, is_traced: bool) -> Outcome {
    let mut mesh = Mesh::new(&Rc::new(scenario.clone()), seed, is_traced);
    mesh.run();
    mesh.finish()
}

impl Mesh {
    fn new(scenario: &Rc<Scenario>, seed: u64, is_traced: bool) -> Self {
        let world = Rc::new(World::new(scenario.clone(), is_traced));
        // The filter's dice begin with the time, and should not fall the same way in every incident.
        let mut random = fastrand::Rng::with_seed(seed);
        world.wall_offset.set(random.i64(0..WITHIN));
        let count = scenario.envoy.workers + 1;
        let new_thread = |index| Rc::new(RefCell::new(Thread::new(world.clone(), index)));
        let threads = (0..count).map(new_thread).collect();
        let mut this = Self {
            world: world.clone(),
            random,
            queue: Queue::new(),
            pending: 0,
            threads,
            vms: Vec::new(),
            roots: vec![0; count],
            lives: vec![Life::default(); count],
            calls: BTreeMap::new(),
            asked: BTreeMap::new(),
            live: vec![None; scenario.exchanges.len()],
            copies: Copies::default(),
            judge: Judge::default(),
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
        for (index, death) in scenario.deaths.iter().enumerate() {
            this.at(micros(death.at), Event::Death(index));
        }
        for (index, (at, _)) in scenario.agent.iter().enumerate() {
            this.at(micros(*at), Event::Agent(index));
        }
        this.judge("Envoy started");
        this
    }

    fn run(&mut self) {
        let mut until = Micros::MAX;
        while let Some((at, event)) = self.queue.pop() {
            let is_anybody_there = self.live.iter().any(Option::is_some);
            if at > until.saturating_add(if is_anybody_there { LAST_STREAM } else { 0 }) {
                break;
            }
            self.world.now.set(at);
            if event.is_awaited() {
                self.pending -= 1;
            }
            let (words, is_tick) = (event.words(), matches!(event, Event::Tick { .. }));
            self.handle(event);
            self.world.settle();
            if is_tick {
                // The VM of the main thread never dies.
                let main = self.threads.len() - 1;
                self.world.look_at_gauges((main, self.roots[main]));
                self.world.look_at_overrides((main, self.roots[main]));
                self.look_at_roots();
                self.look_at_doors();
            }
            self.judge(words);
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
            Event::Answer(key, step) => self.agent_step(key, step),
            Event::Agent(index) => self.agent_event(index),
            Event::Push(push) => self.push_document(push),
            Event::PushTo { thread, push } => self.push_to(thread, push),
            Event::ClockStep(by) => self.step_clock(by),
            Event::Retire { thread, root } => self.retire(thread, root),
            Event::Death(death) => self.doom(death),
        }
    }

    /// A tick may have sent on anybody who waited, and passed him over his primary.
    fn look_at_doors(&self) {
        let (breakers, wall) = (self.world.breakers.borrow(), self.world.wall());
        for exchange in (0..self.live.len()).filter(|exchange| self.live[*exchange].is_some()) {
            witness::note_door(&mut self.world.records.borrow_mut()[exchange], &breakers, wall);
        }
    }

    /// Looks at what an event has done to the exchanges that it touched.
    fn judge(&mut self, event: &str) {
        let world = self.world.clone();
        let touched = world.take_touched();
        for index in &touched {
            let now = (world.now.get(), world.wall());
            let record = &mut world.records.borrow_mut()[*index];
            witness::note(record, &mut self.copies, &world.breakers.borrow(), now);
            witness::note_flight(record, &mut world.flights.borrow_mut());
            world.note_kept(record);
        }
        self.judge.after(&world, event, &touched);
    }

    fn finish(self) -> Outcome {
        Outcome {
            scenario: self.world.scenario.clone(),
            records: self.world.records.take(),
            wrong: self.judge.noticed().map(|it| format!("{}: {}", it.invariant, it.what)).collect(),
            violations: self.judge.violations,
            memory: self.vms.iter().map(Vm::memory_size).collect(),
            shared: self.world.shared.borrow().size(),
            questions: self.world.agent.borrow().asked(),
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
