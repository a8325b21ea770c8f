//! The way to the pod's agent: questions that the filter asks it from a root context, and what becomes of them.

use super::{Event, Key, Mesh, micros};
use crate::agent::{self, Told};
use crate::fields::Fields;
use crate::host::{CallAnswer, Question};
use crate::invariants::{ASKS_SELDOM, HEARD_OF, ONE_ASKS};
use crate::mesh::upstream::WAY;
use crate::scenario::AgentEvent;
use crate::world::Micros;

/// So long after another document has come the filter of the one before may still ask: it finds out when its lease is to be
/// renewed.
const REPLACED_WITHIN: Micros = 700_000;

/// A question under way.
#[derive(Debug)]
pub(crate) struct Asked {
    root: u32,
    headers: Fields,
    at: Micros,
    /// Whether the agent has it, and waits for something new.
    is_held: bool,
}

/// What becomes of a question.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Arrives,
    HasWaited,
    TimedOut,
}

impl Mesh {
    /// Sends a question of the filter on its way.
    pub(super) fn ask_agent(&mut self, thread: usize, question: Question) {
        let Question { token, root, headers, timeout_ms } = question;
        let now = self.world.now.get();
        if agent::is_for_overrides(&headers) {
            self.look_for_others(thread, root);
            let asked =
                self.world.agent.borrow_mut().ask(now, self.world.scenario.poll_intervals().min().unwrap_or(1000));
            if let Err(what) = asked {
                self.world.wrong(&ASKS_SELDOM, what);
            }
        }
        let key = (thread, token);
        self.asked.insert(key, Asked { root, headers, at: now, is_held: false });
        self.after(micros(u64::from(timeout_ms)), Event::Answer(key, Step::TimedOut));
        self.after(WAY, Event::Answer(key, Step::Arrives));
    }

    /// One of all workers asks at a time.
    fn look_for_others(&self, thread: usize, root: u32) {
        let disturbed = self.world.agent.borrow().disturbed;
        let is_there = |(other, it): (&usize, &Asked)| {
            let is_living = !self.vms[*other].is_dead && self.threads[*other].borrow().roots.contains_key(&it.root);
            is_living && agent::is_for_overrides(&it.headers) && disturbed.is_none_or(|at| at + REPLACED_WITHIN < it.at)
        };
        let others = self.asked.iter().filter(|(key, it)| (key.0, it.root) != (thread, root));
        let count = others.filter(|(key, it)| is_there((&key.0, it))).count();
        if count > 0 {
            self.world.wrong(&ONE_ASKS, format!("w{thread} #{root} asks the agent, and so do {count} others"));
        }
    }

    pub(super) fn agent_step(&mut self, key: Key, step: Step) {
        let Some(asked) = self.asked.get_mut(&key) else { return };
        let told = match step {
            Step::TimedOut => Told::Answer(agent::timed_out()),
            Step::HasWaited if !asked.is_held => return,
            Step::Arrives | Step::HasWaited => {
                asked.is_held = true;
                let is_late = matches!(step, Step::HasWaited);
                self.world.agent.borrow_mut().answer(&asked.headers, is_late)
            }
        };
        match told {
            Told::Later(wait) => self.after(wait, Event::Answer(key, Step::HasWaited)),
            Told::Answer(answer) => self.tell(key, answer),
        }
    }

    /// Something happens to the agent.
    pub(super) fn agent_event(&mut self, index: usize) {
        let event = self.world.scenario.agent[index].1.clone();
        self.world.trace("agent", || format!("{event:?}"));
        let now = (self.world.now.get(), self.world.wall());
        let is_news = self.world.agent.borrow_mut().on(index, &event, now);
        let held: Vec<Key> = self.asked.iter().filter(|(_, it)| it.is_held).map(|(key, _)| *key).collect();
        for key in held {
            if event == AgentEvent::Dies {
                // Now and then in the middle of an answer.
                let answer =
                    if self.random.bool() { CallAnswer::default() } else { agent::made_up("connection termination") };
                self.tell(key, answer);
            } else if is_news {
                self.agent_step(key, Step::Arrives);
            }
        }
    }

    /// Tells the root context what came of its question.
    fn tell(&mut self, (thread, token): Key, answer: CallAnswer) {
        let Some(Asked { root, .. }) = self.asked.remove(&(thread, token)) else { return };
        if !self.threads[thread].borrow().roots.contains_key(&root) {
            return;
        }
        self.world.trace("agent", || format!("to w{thread} #{root}: {:?}", answer.headers));
        let [headers, body] = [answer.headers.len(), answer.body.len()].map(|it| u32::try_from(it).unwrap_or(u32::MAX));
        self.threads[thread].borrow_mut().call_answer = Some(answer);
        self.call_root(thread, "proxy_on_http_call_response", root, &[root, token, headers, body, 0]);
    }

    /// Looks whether each worker knows in time what the agent tells.
    pub(super) fn look_at_roots(&self) {
        let world = &self.world;
        let agent = world.agent.borrow();
        let (now, wall) = (world.now.get(), world.wall());
        if !agent.is_due(now, world.scenario.poll_intervals().max().unwrap_or_default()) {
            return;
        }
        for (thread, root) in self.roots.iter().enumerate() {
            let has_agent = self.threads[thread]
                .borrow()
                .roots
                .get(root)
                .is_some_and(|it| it.in_force.as_ref().is_some_and(|document| document.agent.is_some()));
            if has_agent && !self.vms[thread].is_dead && !agent.roots.knows((thread, *root), agent.entries(), wall) {
                let known = agent.roots.entries((thread, *root));
                let what = format!("w{thread} #{root} knows {known:?}, and the agent tells {:?}", agent.entries());
                world.wrong(&HEARD_OF, what);
            }
        }
    }
}
