//! Everything that can happen.

use super::upstream::Step;
use super::{Key, agent};

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
    Answer(Key, agent::Step),
    Agent(usize),
    Push(usize),
    PushTo { thread: usize, push: usize },
    ClockStep(i64),
    Retire { thread: usize, root: u32 },
    Death(usize),
}

impl Event {
    /// Whether the run goes on until it has happened: ticks and questions never end, and an old configuration may never.
    pub(super) const fn is_awaited(&self) -> bool {
        !matches!(self, Self::Tick { .. } | Self::Retire { .. } | Self::Answer(..))
    }

    /// What a broken rule calls it.
    pub(super) const fn words(&self) -> &'static str {
        match self {
            Self::Begin(_) => "a request came",
            Self::RequestPiece { .. } => "a piece of a request came",
            Self::RequestEnd(_) => "a request ended",
            Self::Leave(_) => "a client left",
            Self::Upstream(..) => "the primary did something",
            Self::PerTryTimeout(_) => "the primary's time was over",
            Self::RouteTimeout(_) => "the route's time was over",
            Self::Call(..) => "a secondary region did something",
            Self::CallTimeout(_) => "a secondary region's time was over",
            Self::Tick { .. } => "a tick",
            Self::Answer(..) => "the agent said something",
            Self::Agent(_) => "something happened to the agent",
            Self::Push(_) => "a document was pushed",
            Self::PushTo { .. } => "a document reached a thread",
            Self::ClockStep(_) => "the clock stepped",
            Self::Retire { .. } => "an old configuration ended",
            Self::Death(_) => "a VM's last instructions began",
        }
    }
}
