//! An exchange on a protected route: events to the policy, effects to the host.

use std::rc::Rc;
use std::time::Duration;

use helius_policy::circuit_breaker::Transition;
use helius_policy::exchange::{Answer, Call, Effect, Event, Exchange, Fault, Flow, Record};
use helius_policy::http::Headers;
use helius_policy::time::{Clock, Timestamp};
use helius_policy::verdict::{Degraded, ServedBy};
use log::{info, warn};
use proxy_wasm::types::{Action, BufferType, MapType};

use crate::host;
use crate::root::Plugin;

/// Tells Envoy's router how long to wait for the beginning of an answer.
///
/// Of the two headers that do, this one stops counting when the answer begins: the other one would cut a long answer
/// off in the middle.
const ATTEMPT_TIMEOUT: &str = "x-envoy-upstream-rq-per-try-timeout-ms";

/// Who called: in a response callback a held response goes on by what the callback returns, elsewhere by a host call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    ResponseCallback,
    Other,
}

/// An exchange and what it needs of its surroundings.
#[derive(Debug)]
pub(crate) struct Protected {
    plugin: Rc<Plugin>,
    /// The route's place in the configuration.
    route: usize,
    /// When the request's headers came.
    began: Timestamp,
    exchange: Exchange,
    /// Bytes of the request's body that Envoy shows.
    request_shown: usize,
    /// Bytes of the response's body that Envoy has buffered.
    response_shown: usize,
    /// Envoy's number for the call that was made last, until it is asked for.
    called: Option<u32>,
    /// How often it has begun to wait.
    wait: u32,
}

/// What became of the calls among some effects.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dispatch {
    Fine,
    Refused,
}

impl Protected {
    /// Carries out the effects that an exchange begins with.
    pub(crate) fn begin(
        plugin: Rc<Plugin>,
        route: usize,
        began: Timestamp,
        exchange: Exchange,
        effects: Vec<Effect>,
    ) -> Self {
        let mut this =
            Self { plugin, route, began, exchange, request_shown: 0, response_shown: 0, called: None, wait: 0 };
        this.pursue(Caller::Other, effects);
        this
    }

    /// Whether it waits for something that should come at once.
    pub(crate) fn is_impatient(&self) -> bool {
        self.exchange.is_impatient()
    }

    /// It begins to wait for something. Says which of its waits that is.
    pub(crate) const fn wait_anew(&mut self) -> u32 {
        self.wait = self.wait.wrapping_add(1);
        self.wait
    }

    /// Which of its waits is the last one.
    pub(crate) const fn wait(&self) -> u32 {
        self.wait
    }

    /// Whether something is still to be counted.
    pub(crate) const fn is_open(&self) -> bool {
        self.exchange.is_open()
    }

    /// What the request's callbacks return.
    pub(crate) const fn request_action(&self) -> Action {
        if self.exchange.holds_request() { Action::Pause } else { Action::Continue }
    }

    /// Envoy shows `size` bytes of the request's body.
    pub(crate) fn on_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let is_wanted = self.exchange.wants_request_body(size, end_of_stream);
        let chunk = host::body(BufferType::HttpRequestBody, if is_wanted { size } else { 0 });
        self.request_shown = size;
        self.on(Caller::Other, Event::RequestBody { chunk: &chunk, size, end_of_stream })
    }

    /// Whether the details and the announced length of a response with this status are of use.
    pub(crate) const fn needs_details(&self, status: Option<u16>) -> bool {
        self.exchange.needs_details(status)
    }

    /// All headers of the response, where they are of use.
    pub(crate) fn wanted_response_headers(&self, status: Option<u16>) -> Headers {
        if self.exchange.wants_response_headers(status) {
            host::headers(MapType::HttpResponseHeaders)
        } else {
            Headers::new()
        }
    }

    /// Envoy shows `size` bytes of the response's body.
    pub(crate) fn on_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.response_shown = size;
        let is_wanted = self.exchange.wants_response_body();
        let chunk = host::body(BufferType::HttpResponseBody, if is_wanted { size } else { 0 });
        self.on(Caller::ResponseCallback, Event::ResponseBody { chunk: &chunk, size, end_of_stream })
    }

    /// Envoy's number for the call that was made since this was asked last.
    pub(crate) const fn take_call(&mut self) -> Option<u32> {
        self.called.take()
    }

    /// What it waits for has not come at once.
    pub(crate) fn on_waited(&mut self, impatient_for: Duration) {
        self.on(Caller::Other, Event::Waited { impatient_for });
    }

    /// Tells the policy what happened, and does what it wants done.
    pub(crate) fn on(&mut self, caller: Caller, event: Event<'_>) -> Action {
        let mut effects = Vec::new();
        let flow = self.exchange.on(event, &self.plugin.envoy, &mut effects);
        match self.pursue(caller, effects).unwrap_or(flow) {
            Flow::Continue => Action::Continue,
            Flow::Hold => Action::Pause,
        }
    }

    /// Does what is wanted, and what comes of it. Says what to return to Envoy where that has changed on the way: a call
    /// that Envoy refuses at once is an event of its own; each leads further down, so this ends.
    fn pursue(&mut self, caller: Caller, mut effects: Vec<Effect>) -> Option<Flow> {
        let mut flow = None;
        while self.carry_out(caller, std::mem::take(&mut effects)) == Dispatch::Refused {
            flow = Some(self.exchange.on(Event::CallRefused, &self.plugin.envoy, &mut effects));
        }
        flow
    }

    fn carry_out(&mut self, caller: Caller, effects: Vec<Effect>) -> Dispatch {
        let mut dispatch = Dispatch::Fine;
        for effect in effects {
            match effect {
                Effect::LimitPrimary(timeout) => {
                    host::set_request_header(ATTEMPT_TIMEOUT, &timeout.as_millis().to_string());
                }
                Effect::AskPlainly => host::remove_request_header("accept-encoding"),
                Effect::ResumeRequest => host::resume_request(),
                Effect::TakeRequestBody => host::replace_body(BufferType::HttpRequestBody, self.request_shown, &[]),
                Effect::GiveRequestBodyBack => {
                    host::replace_body(BufferType::HttpRequestBody, self.request_shown, self.exchange.kept_body());
                }
                Effect::Call { region, timeout } => dispatch = self.call(region, timeout),
                Effect::DiscardBody => {
                    host::replace_body(BufferType::HttpResponseBody, self.response_shown, &[]);
                    self.response_shown = 0;
                }
                Effect::GiveResponseBodyBack(body) => {
                    host::replace_body(BufferType::HttpResponseBody, self.response_shown, &body);
                }
                Effect::Tell { region, fault } => self.tell_fault(region, &fault),
                Effect::Drill => {
                    if let Some(rehearsal) = self.exchange.take_rehearsal() {
                        self.plugin.drills.add(self.route, rehearsal);
                    }
                }
                Effect::Answer(answer) => self.answer(caller, &answer),
                Effect::Record(record) => self.record(record),
            }
        }
        dispatch
    }

    fn call(&mut self, region: usize, timeout: Duration) -> Dispatch {
        let Some(Call { cluster, authority, request }) = self.exchange.call(region) else { return Dispatch::Refused };
        self.called = host::call(cluster, &request.headers, authority, &request.body, timeout);
        if self.called.is_some() {
            return Dispatch::Fine;
        }
        self.journal(|| {
            format!("Envoy does not know the cluster {cluster:?}, or it has no host, or no room for a request")
        });
        Dispatch::Refused
    }

    fn answer(&self, caller: Caller, answer: &Answer) {
        match answer {
            Answer::Release(headers) => host::add_response_headers(headers),
            Answer::Replace { response, over } => {
                host::replace_response_headers(response);
                if over.body {
                    host::replace_body(BufferType::HttpResponseBody, self.response_shown, &response.body);
                }
                if over.trailers {
                    host::remove_response_trailers();
                }
            }
            Answer::Reply(response) => return host::reply(response),
        }
        if caller == Caller::Other {
            host::resume_response();
        }
    }

    fn record(&self, record: Record) {
        let plugin = &self.plugin;
        plugin.metrics.record(self.route, self.exchange.route(), record);
        match record {
            Record::Response { served_by, degraded } => {
                if served_by.is_real() {
                    plugin.metrics.end(self.route, served_by, self.began, &plugin.envoy);
                }
                if let Some(degraded) = degraded {
                    self.journal(|| degraded_line(served_by, degraded));
                }
            }
            Record::Transition { region, transition } => self.tell(region, transition),
            Record::RouteTimeout => self.tell_timeout(),
            Record::Admission(_) | Record::Attempt { .. } | Record::StrictBypassed(_) | Record::Drill(_) => {}
        }
    }

    /// Where and which rule an answer breaks, and never what stands there.
    fn tell_fault(&self, region: usize, fault: &Fault) {
        let Some(region) = self.exchange.route().upstream().regions().nth(region) else { return };
        let (name, rule, pointer) = (region.name(), fault.rule(), fault.pointer());
        self.journal(|| format!("region={name} invalid_output rule={rule} at={pointer:?}"));
    }

    /// What an operator has to mend, and so is told once.
    fn tell_timeout(&self) {
        if self.plugin.timeouts_told.get(self.route).is_some_and(|told| !told.replace(true)) {
            let (service, route) = (self.plugin.config.service(), self.exchange.route());
            let (name, ladder) = (route.name(), route.upstream().timeout());
            warn!(
                "service={service} route={name} Envoy's own route timeout is over before the ladder's {ladder:?}, and then no \
                 other region can be asked: raise the timeout of the route (15s where none is written; in Istio that of the \
                 VirtualService) above it"
            );
        }
    }

    /// A breaker changes its state seldom, and each time is worth a line.
    fn tell(&self, region: usize, transition: Transition) {
        let (service, route) = (self.plugin.config.service(), self.exchange.route());
        let Some(region) = route.upstream().regions().nth(region) else { return };
        let (name, would) = (region.name(), if region.is_watched_only() { "would_" } else { "" });
        let Transition { from, to, reason } = transition;
        let (from, to, reason) = (from.word(), to.word(), reason.word());
        let route = route.name();
        info!("service={service} route={route} region={name} breaker={would}{to} from={would}{from} reason={reason}");
    }

    /// Writes a line about this route, unless it has just written one.
    fn journal(&self, line: impl FnOnce() -> String) {
        let Ok(mut journals) = self.plugin.journals.try_borrow_mut() else { return };
        let Some(journal) = journals.get_mut(self.route) else { return };
        if let Some(held_back) = journal.admit(self.plugin.envoy.now()) {
            let (service, route) = (self.plugin.config.service(), self.exchange.route().name());
            info!("service={service} route={route} {} held_back={held_back}", line());
        }
    }
}

fn degraded_line(served_by: ServedBy, degraded: Degraded) -> String {
    format!("served_by={} degraded={}", served_by.word(), degraded.word())
}
