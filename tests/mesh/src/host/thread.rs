//! What one of Envoy's threads knows besides its VM, and what outlives that VM.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::abi::{Outcome, Status};
use crate::breakers::Door;
use crate::document::Document;
use crate::fields::Fields;
use crate::stream::Stream;
use crate::world::{Micros, World};

/// A thread. The main thread has a VM too, but no streams.
#[derive(Debug)]
pub(crate) struct Thread {
    pub(crate) world: Rc<World>,
    pub(crate) index: usize,
    pub(crate) streams: BTreeMap<u32, Stream>,
    pub(crate) roots: BTreeMap<u32, Root>,
    pub(crate) next_context: u32,
    pub(crate) next_token: u32,
    /// What the module asked for and Envoy does when the callback is over.
    pub(crate) deferred: Vec<Deferred>,
    /// Calls that have just been begun.
    pub(crate) begun: Vec<Callout>,
    /// Questions to the agent that have just been asked.
    pub(crate) asked: Vec<Question>,
    /// The answer that the module is being told of.
    pub(crate) call_answer: Option<CallAnswer>,
}

/// A plugin in a VM: one configuration.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) text: Vec<u8>,
    /// What holds for its streams: its own document, or the last good one.
    pub(crate) in_force: Option<Rc<Document>>,
    pub(crate) is_replaced: bool,
    /// Counts how often the tick was set, so that an older timer stops.
    pub(crate) tick: Option<(u32, u64)>,
    /// When the last one came, or was asked for, by the wall clock.
    pub(crate) ticked_at: Micros,
}

/// An action after the callback.
#[derive(Debug)]
pub(crate) enum Deferred {
    ResumeRequest(u32),
    ResumeResponse(u32),
    Reply { context: u32, status: u16, fields: Fields, body: Vec<u8> },
    ResponseTooLarge(u32),
}

/// A call as the module began it.
#[derive(Debug, Clone)]
pub(crate) struct Callout {
    pub(crate) token: u32,
    pub(crate) root: u32,
    pub(crate) stream: u32,
    pub(crate) exchange: usize,
    pub(crate) region: usize,
    pub(crate) headers: Fields,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout_ms: u32,
    /// Whether it is made after the exchange, and nobody waits for its answer.
    pub(crate) is_drill: bool,
    /// How the region's breaker stood: before the callback is over it may stand in another way.
    pub(crate) door: Option<Door>,
}

/// A question to the pod's agent.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) token: u32,
    pub(crate) root: u32,
    pub(crate) headers: Fields,
    pub(crate) timeout_ms: u32,
}

/// What came of a call; without headers where it was reset.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallAnswer {
    pub(crate) headers: Fields,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Fields,
}

impl Thread {
    pub(crate) fn new(world: Rc<World>, index: usize) -> Self {
        Self {
            world,
            index,
            streams: BTreeMap::new(),
            roots: BTreeMap::new(),
            next_context: 1,
            next_token: 4,
            deferred: Vec::new(),
            begun: Vec::new(),
            asked: Vec::new(),
            call_answer: None,
        }
    }

    pub(crate) fn new_context(&mut self) -> u32 {
        self.next_context += 1;
        self.next_context
    }

    /// A stream, where the context is one that is still there.
    pub(crate) fn stream(&mut self, context: u32) -> Outcome<&mut Stream> {
        self.streams.get_mut(&context).ok_or(Status::BadArgument)
    }
}
