//! The callbacks of one stream, as events.

use std::cell::RefCell;
use std::rc::Rc;

use helius_policy::exchange::{Arrival, Event, Exchange, Record, Shares, needs_retry_after};
use helius_policy::http::{CONTENT_LENGTH, Headers, decimal};
use helius_policy::overrides::Effective;
use helius_policy::rate_limit::Subject;
use helius_policy::time::Clock;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, BufferType, MapType};

use crate::host;
use crate::protected::{Caller, Protected};
use crate::root::Plugin;

/// One stream through the filter.
#[derive(Debug)]
pub(crate) struct StreamFilter {
    context_id: u32,
    plugin: Option<Rc<Plugin>>,
    /// On a protected route.
    protected: Option<Rc<RefCell<Protected>>>,
}

impl StreamFilter {
    pub(crate) const fn new(context_id: u32, plugin: Option<Rc<Plugin>>) -> Self {
        Self { context_id, plugin, protected: None }
    }

    /// Hands a callback to the exchange, if there is one.
    fn on(&self, handle: impl FnOnce(&mut Protected) -> Action) -> Action {
        let Some(shared) = &self.protected else { return Action::Continue };
        let Ok(mut protected) = shared.try_borrow_mut() else { return Action::Continue };
        let was_impatient = protected.is_impatient();
        let action = handle(&mut protected);
        if protected.is_impatient() && !was_impatient {
            self.watch(shared, protected.wait_anew());
        }
        action
    }

    fn watch(&self, protected: &Rc<RefCell<Protected>>, wait: u32) {
        if let Some(plugin) = &self.plugin {
            plugin.patience.watch(self.context_id, protected, wait);
        }
    }
}

/// What a call came to.
pub(crate) fn answer_of_call(headers: usize, body_size: usize) -> Event<'static> {
    if headers == 0 {
        return Event::CallReset;
    }
    Event::CallAnswered {
        headers: host::headers(MapType::HttpCallResponseHeaders),
        body: host::body(BufferType::HttpCallResponseBody, body_size),
    }
}

/// The Envoy cluster that the route of the stream leads to, which Envoy chose before it called the filter.
fn cluster_of_route() -> Option<String> {
    let name = host::property(&["xds", "cluster_name"]);
    String::from_utf8(name).ok().filter(|name| !name.is_empty())
}

/// The client of the stream whose callback this is.
struct Client<'a> {
    headers: &'a Headers,
}

impl Subject for Client<'_> {
    fn headers(&self) -> &Headers {
        self.headers
    }

    fn source(&self) -> Vec<u8> {
        host::property(&["source", "address"])
    }
}

impl Context for StreamFilter {
    fn on_http_call_response(&mut self, _token: u32, headers: usize, body_size: usize, _trailers: usize) {
        let event = answer_of_call(headers, body_size);
        self.on(|protected| protected.on(Caller::Other, event));
    }
}

impl HttpContext for StreamFilter {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        let Some(plugin) = &self.plugin else { return Action::Continue };
        let headers = host::headers(MapType::HttpRequestHeaders);
        let Some((index, route)) = plugin.config.route_of(&headers) else { return Action::Continue };
        let is_left_alone = route.leaves_alone(&headers);
        if is_left_alone && route.admission().is_none() {
            return Action::Continue;
        }
        let now = plugin.envoy.now();
        let in_force = plugin.overrides.in_force(&plugin.config, &plugin.metrics, now);
        let Some(Effective { route, mode }) = in_force.route(index) else { return Action::Continue };
        let mode = *mode;
        let mut decision = None;
        if let Some(admission) = route.admission() {
            let subject = Client { headers: &headers };
            let (decided, refusal) = admission.judge(mode, &subject, &plugin.envoy, plugin.salt, now);
            decision = Some(decided);
            if refusal.is_some() || is_left_alone {
                plugin.metrics.record(index, route, Record::Admission(decided));
            }
            if let Some(refusal) = refusal {
                host::reply(&refusal);
                return Action::Pause;
            }
        }
        if is_left_alone {
            return Action::Continue;
        }
        let mut effects = Vec::new();
        let retries = plugin.retries.get(index).cloned().unwrap_or_default();
        let (copies, drills) = (plugin.copies.clone(), plugin.drill_places.clone());
        let answers = plugin.answers.get(index).cloned().unwrap_or_default();
        let shares =
            Shares { copies, drills, retries, answers, salt: plugin.salt, bodies_salt: plugin.bodies_salt.get() };
        let cluster = if route.upstream().is_strict() { cluster_of_route() } else { None };
        let arrival = Arrival { now, headers, end_of_stream, decision, cluster };
        let exchange = Exchange::begin(route.clone(), mode, arrival, shares, &plugin.envoy, &mut effects);
        let mut protected = Protected::begin(plugin.clone(), index, now, exchange, effects);
        let action = protected.request_action();
        let wait = protected.wait_anew();
        let protected = Rc::new(RefCell::new(protected));
        if action == Action::Pause {
            self.watch(&protected, wait);
        }
        self.protected = Some(protected);
        action
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.on(|protected| protected.on_request_body(size, end_of_stream))
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.on(|protected| protected.on(Caller::Other, Event::RequestTrailers))
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        if self.protected.is_none() {
            return Action::Continue;
        }
        let status = host::response_header(":status").as_deref().and_then(decimal);
        let retry_after = if needs_retry_after(status) { host::response_header("retry-after") } else { None };
        let retry_after = retry_after.as_deref();
        self.on(|protected| {
            let headers = protected.wanted_response_headers(status);
            let (details, length) = if protected.needs_details(status) {
                let length = host::response_header(CONTENT_LENGTH).as_deref().and_then(decimal);
                (host::property(&["response", "code_details"]), length)
            } else {
                (Vec::new(), None)
            };
            let details = &details;
            let event = Event::ResponseHeaders { status, details, length, retry_after, headers, end_of_stream };
            protected.on(Caller::ResponseCallback, event)
        })
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.on(|protected| protected.on_response_body(size, end_of_stream))
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        self.on(|protected| protected.on(Caller::ResponseCallback, Event::ResponseTrailers))
    }

    fn on_log(&mut self) {
        self.on(|protected| {
            if !protected.is_open() {
                return Action::Continue;
            }
            let details = host::property(&["response", "code_details"]);
            protected.on(Caller::Other, Event::End { details: &details })
        });
    }
}
