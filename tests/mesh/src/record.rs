//! What is known of one exchange from outside the filter: what was asked, what each region saw and did, and what the
//! client got.

use std::rc::Rc;

use crate::breakers::Door;
use crate::document::{Breaker, Document, Route};
use crate::events::wants_events;
use crate::fields::Fields;
use crate::grpc::is_grpc;
use crate::host::Callout;
use crate::kept::Kept;
use crate::world::Micros;

/// One exchange.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Record {
    /// Its place in the scenario.
    pub index: usize,
    /// What every answer to it repeats.
    pub id: String,
    /// The request as the client sent it.
    pub headers: Fields,
    /// Its body.
    pub body: Vec<u8>,
    /// When it reached the filter, by the simulation's time and by the wall clock.
    pub began: Option<(Micros, Micros)>,
    /// The document that held for it, if any.
    pub document: Option<Rc<Document>>,
    /// The kinds of override that were in force on its route when it began, as far as its worker knew.
    pub overrides: Vec<&'static str>,
    /// The thread and the root context that have it: those with the same one share a budget for their copies.
    pub(crate) root: Option<(usize, u32)>,
    /// How much of the request the filter has been shown.
    pub shown: Shown,
    /// How much it had been shown when the primary's answer began.
    pub shown_before: Option<Shown>,
    /// Whether the breaker of its primary stood at some moment in another way than closed and past the ramp.
    pub primary_was_shut: bool,
    /// How the breaker of the first region stood that was asked, or that Envoy refused to ask.
    pub first_door: Option<Door>,
    /// Why no copy of it may be kept, whatever becomes of the primary: the word of `x-helius-not-replayable`.
    pub uncopied: Option<&'static str>,
    /// When its answer was decided, or its client gone: by the simulation's time and by the wall clock.
    pub settled: Option<(Micros, Micros)>,
    /// When the first region was asked, or Envoy refused to ask it, or the answer was decided: by the wall clock.
    pub set_out: Option<Micros>,
    /// What each region saw.
    pub asked: Vec<Asked>,
    /// What each region saw of the drill that followed.
    pub drills: Vec<Asked>,
    /// Whether the filter was shown the end of a good answer of the primary.
    pub ended_well: bool,
    /// Calls that Envoy refused to begin: the region, and the verdict's word.
    pub refused: Vec<(usize, &'static str)>,
    /// What the client got.
    pub answer: Option<Answer>,
    /// How it ended.
    pub end: Option<End>,
    /// How Envoy ended the primary's answer after it had begun: the verdict's word.
    pub broke_off: Option<&'static str>,
    /// Envoy's own direct reply, past the filter: its details.
    pub past_the_filter: Option<String>,
    /// Whether it outgrew Envoy's buffer while it was held back.
    pub request_too_large: bool,
    /// What the filter counted: the stats' names.
    pub counted: Vec<String>,
    /// Good answers to the same question of which one may be given again.
    pub(crate) kept: Vec<Kept>,
    /// Whether one has to be, where no region answers.
    pub(crate) has_kept: bool,
    /// Whether the VM died under it.
    pub lost_its_vm: bool,
    /// Fuel and host calls that it cost.
    pub cost: Cost,
}

/// What an exchange costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Units of wasmtime's fuel: about one per instruction.
    pub fuel: u64,
    /// Calls from the module to Envoy.
    pub host_calls: u64,
    /// Those of them that hand data back, for which memory is allocated in the VM.
    pub data_calls: u64,
    /// Calls from Envoy to the module.
    pub callbacks: u64,
}

/// What the filter has been shown of a request's body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shown {
    /// Bytes.
    pub bytes: usize,
    /// When it was shown the end.
    pub end: Option<Micros>,
    /// Whether there were trailers.
    pub trailers: bool,
}

/// A request as a region saw it.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Asked {
    /// 0 is the primary.
    pub region: usize,
    /// Whether the filter called it, and no route of Envoy led there.
    pub is_called: bool,
    /// When, by the simulation's time and by the wall clock.
    pub at: (Micros, Micros),
    /// How its region's breaker stood, where it has one.
    pub door: Option<Door>,
    /// How long the attempt may take, in milliseconds: the primary's per-try timeout, or that of the callout.
    pub timeout: Option<u32>,
    /// Its headers.
    pub headers: Fields,
    /// As much of its body as came.
    pub body: Vec<u8>,
    /// Whether all of it came.
    pub is_whole: bool,
    /// Whether all of it had come when it was asked.
    pub was_whole: bool,
    /// Whether the region itself saw it: not where no connection was made.
    pub has_reached: bool,
    /// Whether the client had sent all of the request at that moment.
    pub client_was_done: bool,
    /// What became of it: the verdict's word.
    pub outcome: Option<&'static str>,
    /// When an answer began that the region itself gave, by the wall clock.
    pub began: Option<Micros>,
    /// When it was known that the region had all of the request.
    pub whole_at: Option<Micros>,
    /// When the filter was told what became of it.
    pub heard_at: Option<Micros>,
    /// Whether the filter was told of it while the client had no answer.
    pub was_told: bool,
    /// The status and the whole body with which the region answers.
    pub said: Option<(u16, Vec<u8>)>,
    /// Where its route judges that answer.
    pub judged: Option<Judged>,
}

/// An answer that is judged by what it says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Judged {
    /// Whether the route refuses it.
    pub is_refused: bool,
    /// Whether it is a stream that has to bring an event.
    pub is_stream: bool,
    /// After how many bytes it does.
    pub opens_at: Option<usize>,
    /// Whether it is held until that is known.
    pub is_held: bool,
    /// Whether it turned out to be refused when the client had all of it.
    pub is_too_late: bool,
    /// Bytes of it that the filter has been shown.
    pub came: usize,
    /// How long it has been held, from the first tick on.
    pub waited: Option<Micros>,
}

/// What the client got.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// With `:status`.
    pub headers: Fields,
    /// The body, or what came of it.
    pub body: Vec<u8>,
    /// The trailers, if there were any.
    pub trailers: Option<Fields>,
    /// When its headers came.
    pub at: Micros,
}

/// How an exchange ended for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With a whole answer.
    Whole,
    /// In the middle of an answer.
    Truncated,
    /// The client left first.
    Left,
}

impl Record {
    /// The route that protected it, if one did.
    pub fn route(&self) -> Option<&Route> {
        let is_upgrade = self.headers.first("upgrade").is_some();
        self.matched().filter(|route| {
            let is_foreign = is_grpc(&self.headers) && route.grpc.is_none();
            let is_stream = wants_events(&self.headers) && !route.covers_events;
            !is_upgrade && !is_foreign && !is_stream
        })
    }

    /// The route that it matches, protected or not.
    pub fn matched(&self) -> Option<&Route> {
        self.document.as_ref()?.route_of(self.headers.text(":path"))
    }

    /// The breaker of a region of its route as it acts.
    pub fn breaker(&self, region: usize) -> Option<Breaker> {
        self.document.as_ref()?.breaker_of(self.route()?, region)
    }

    /// Whether an operator has said that a region is not to be asked for it.
    pub fn is_drained(&self, region: usize) -> bool {
        !self.is_shadow() && self.route().is_some_and(|route| route.is_drained(region))
    }

    /// Whether it was only watched.
    pub fn is_shadow(&self) -> bool {
        self.document.as_ref().is_some_and(|document| document.is_shadow)
    }

    /// Whether its client waits for more than a call of the filter brings.
    pub(crate) fn is_live(&self) -> bool {
        is_grpc(&self.headers) || wants_events(&self.headers)
    }

    /// Whether this route has the filter call the primary for it, if that can be.
    pub(crate) fn calls_primary_of(&self, route: &Route) -> bool {
        route.is_strict && !self.is_shadow() && !self.is_live()
    }

    /// Whether this route has an answer for it that needs no region.
    pub(crate) fn has_fixed(&self, route: &Route) -> bool {
        route.fixed_for(&self.headers).is_some()
    }

    /// The length that its body is announced to have, in bytes; 0 where nothing is said.
    pub(crate) fn announced(&self) -> usize {
        self.headers.text("content-length").parse().unwrap_or(0)
    }

    /// Whether its route lets it be sent twice.
    pub(crate) fn is_listed(&self, route: &Route) -> bool {
        route.replay_methods.contains(&self.headers.text(":method"))
    }

    /// Whether every header can be sent by a callout.
    pub(crate) fn is_text(&self) -> bool {
        self.headers.iter().all(|(_, value)| std::str::from_utf8(value).is_ok())
    }

    /// Whether any region was asked, or Envoy refused to ask it.
    pub(crate) fn is_asked(&self) -> bool {
        !(self.asked.is_empty() && self.refused.is_empty())
    }

    /// Whether the first region that was asked may have been the last resort: on the ramp nobody outside can tell.
    pub(crate) fn may_be_last_resort(&self) -> bool {
        self.first_door.is_some_and(|door| !door.was_free)
    }

    /// The attempt at the primary, if it was made.
    pub fn primary(&self) -> Option<&Asked> {
        self.asked.iter().find(|asked| asked.region == 0)
    }

    /// Whether the filter called the primary itself, or tried to.
    pub(crate) fn is_primary_called(&self) -> bool {
        self.is_primary_refused() || self.primary().is_some_and(|primary| primary.is_called)
    }

    /// Whether Envoy refused to call the primary.
    pub(crate) fn is_primary_refused(&self) -> bool {
        self.refused.iter().any(|(region, _)| *region == 0)
    }

    /// When the ladder's time began, by the wall clock. Where the filter calls the primary itself, until then the client
    /// had the time, and no region.
    pub(crate) fn started(&self) -> Option<Micros> {
        let began = self.began?.1;
        let is_strict = self.route().is_some_and(|route| self.calls_primary_of(route));
        let by_route = self.primary().is_some_and(|primary| !primary.is_called);
        Some(if is_strict && !by_route { self.set_out.unwrap_or(began) } else { began })
    }

    /// The same by the simulation's time.
    pub(crate) fn started_at(&self) -> Micros {
        let (began, wall) = self.began.unwrap_or_default();
        began + self.started().map_or(0, |started| started.saturating_sub(wall))
    }

    /// The attempts at secondary regions.
    pub fn secondaries(&self) -> impl Iterator<Item = &Asked> {
        self.asked.iter().filter(|asked| asked.region > 0)
    }

    /// Whether the primary's answer is held, and nobody can know yet what becomes of it.
    pub(crate) fn is_undecided(&self) -> bool {
        let is_held = |asked: &Asked| asked.outcome.is_none() && asked.judged.is_some_and(|judged| judged.is_held);
        self.broke_off.is_none() && self.primary().is_some_and(is_held)
    }

    /// The last attempt at `region`.
    pub(crate) fn asked(&mut self, region: usize) -> Option<&mut Asked> {
        self.called(region, false)
    }

    /// The same in the drill that followed, if it is one.
    pub(crate) fn called(&mut self, region: usize, is_drill: bool) -> Option<&mut Asked> {
        let attempts = if is_drill { &mut self.drills } else { &mut self.asked };
        attempts.iter_mut().rev().find(|asked| asked.region == region)
    }
}

impl Asked {
    /// A call that begins.
    pub(crate) fn call(callout: &Callout, at: (Micros, Micros), client_was_done: bool) -> Self {
        Self {
            region: callout.region,
            is_called: true,
            at,
            door: callout.door,
            timeout: Some(callout.timeout_ms),
            headers: callout.headers.clone(),
            body: callout.body.clone(),
            is_whole: true,
            was_whole: true,
            client_was_done,
            ..Self::default()
        }
    }
}

impl Answer {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.headers.status().unwrap_or(0)
    }

    /// What the filter says of it: the first value of `x-helius-NAME`.
    pub fn mark(&self, name: &str) -> Option<&str> {
        self.headers.first(&format!("x-helius-{name}")).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Whether the filter says anything of it.
    pub fn is_marked(&self) -> bool {
        self.headers.iter().any(|(name, _)| name.starts_with("x-helius-"))
    }
}
