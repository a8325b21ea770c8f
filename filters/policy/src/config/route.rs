//! One protected route: an entry of `routes`.

use super::admission;
use super::fail_open::{self, FailOpen};
use super::matcher::{self, Matcher};
use super::output::{self, Output};
use super::scalar;
use super::section::Cursor;
use super::upstream::{self, Upstream};
use crate::admission::Admission;
use crate::dedupe::Dedupe;
use crate::degraded_share;
use crate::event_stream;
use crate::grpc::{self, GrpcStatus};
use crate::http::Response;
use crate::http::{Headers, passes_untouched};
use crate::last_good::LastGood;
use crate::overrides::Change;

/// A route and its policies.
#[derive(Clone, Debug)]
pub struct Route {
    name: String,
    pub(crate) matcher: Matcher,
    admission: Option<Admission>,
    pub(crate) upstream: Upstream,
    pub(crate) output: Option<Output>,
    fail_open: FailOpen,
    drill: Option<f64>,
    /// Whether an operator has said that its answer is the static one.
    is_forced_static: bool,
}

impl Route {
    /// The same route, whose breakers reject nobody.
    pub(super) fn in_shadow(self) -> Self {
        Self { upstream: self.upstream.in_shadow(), ..self }
    }

    /// Whether `change` changes anything here.
    pub(crate) fn has_use_for(&self, change: &Change) -> bool {
        let mut regions = self.upstream.regions().filter(|_| self.upstream.has_timeout());
        match change {
            Change::Static => self.has_static() || self.grpc().is_some(),
            Change::Breaker { region, .. } => {
                regions.any(|it| it.breaker().is_some() && region.as_deref().is_none_or(|region| region == it.name()))
            }
            Change::RateLimit { .. } => self.admission().is_some_and(Admission::limits),
            Change::Isolate { .. } => self.admission().is_some_and(Admission::isolates),
            Change::Drain { region } => regions.any(|it| it.name() == region),
            Change::Shadow => true,
        }
    }

    /// The same route with an operator's change.
    pub(crate) fn overridden(self, change: &Change) -> Self {
        match change {
            Change::Static => Self { is_forced_static: true, ..self },
            Change::Breaker { region, state } => {
                Self { upstream: self.upstream.with_breakers_in(state.mode(), region.as_deref()), ..self }
            }
            Change::RateLimit { scale } => Self { admission: self.admission.map(|it| it.scaled(*scale)), ..self },
            Change::Isolate { region } => Self { admission: self.admission.map(|it| it.isolating(region)), ..self },
            Change::Drain { region } => Self { upstream: self.upstream.draining(region), ..self },
            Change::Shadow => self.in_shadow(),
        }
    }

    /// Whether an operator has said that its answer is the static one.
    pub const fn is_forced_static(&self) -> bool {
        self.is_forced_static
    }

    /// Whether a request with these headers passes the regions of the route untouched.
    pub fn leaves_alone(&self, headers: &Headers) -> bool {
        let is_grpc = headers.starts_with("content-type", "application/grpc");
        let is_foreign = is_grpc && !(self.grpc().is_some() && grpc::is_request(headers));
        let is_stream = event_stream::is_wanted(headers) && !self.upstream.covers_events();
        passes_untouched(headers) || is_foreign || is_stream
    }

    /// The route's name in metrics and logs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who is let in, where not everybody is.
    pub const fn admission(&self) -> Option<&Admission> {
        self.admission.as_ref()
    }

    /// Which messages are let in only once, where some are.
    pub(crate) fn dedupe(&self) -> Option<&Dedupe> {
        self.admission()?.dedupe()
    }

    /// Where its requests may go.
    pub const fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Whether its answers are judged by what they say.
    pub const fn judges_output(&self) -> bool {
        self.output.is_some()
    }

    /// Whether a static response stands ready when no region answers.
    pub const fn has_static(&self) -> bool {
        self.fail_open.fixed.is_some()
    }

    /// The share of the exchanges whose primary answered well that are followed by a drill, where there is one: 0 to 1.
    pub const fn drill(&self) -> Option<f64> {
        self.drill
    }

    /// Which of the static responses is for a request with these headers.
    pub(crate) fn choose_fixed(&self, headers: &Headers) -> usize {
        self.fail_open.fixed.as_ref().map_or(0, |fixed| fixed.choose(headers))
    }

    /// The one at this place.
    pub(crate) fn fixed(&self, place: usize) -> Option<&Response> {
        self.fail_open.fixed.as_ref()?.at(place)
    }

    /// How large a share of the answers may be made up, where that is bounded.
    pub const fn max_share(&self) -> Option<degraded_share::Settings> {
        self.fail_open.max_share
    }

    /// The status that stands ready for gRPC, where one does.
    pub const fn grpc(&self) -> Option<&GrpcStatus> {
        self.fail_open.grpc.as_ref()
    }

    /// The answers that are kept for when no region answers, where some are.
    pub const fn last_good(&self) -> Option<&LastGood> {
        self.fail_open.last_good.as_ref()
    }
}

/// Reads a route of this service.
pub(super) fn read(at: &mut Cursor<'_, '_>, service: &str) -> Option<Route> {
    let mut section = at.section("write a section with name, match, and admission or upstream")?;
    let name = section.required("name", "write a name for metrics and logs, such as assist", scalar::name);
    let matcher = section.required("match", "write which requests, such as { path: /assist }", matcher::read);
    // What all workers share is told apart by it. Neither name has a "/".
    let scope = format!("{service}/{}", name.as_deref().unwrap_or_default());
    let admission = section.optional("admission", |at| admission::read(at, &scope));
    let upstream = section.optional("upstream", |at| upstream::read(at, &scope));
    let output = section.optional("output", output::read);
    // Where output is refused, the answers that it would judge are not.
    let judge = output.as_ref().and_then(Option::as_ref);
    let fail_open = section.optional("fail_open", |at| fail_open::read(at, &scope, judge));
    let drill = section.optional("drill", drill);
    let [has_admission, has_upstream, has_output, has_fail_open, has_drill] =
        ["admission", "upstream", "output", "fail_open", "drill"].map(|key| section.has(key));
    section.close();
    if !has_upstream && has_output {
        return at.refuse(
            "has output without the regions whose output it judges",
            "write upstream, the regions and the time that they have, or leave output out",
        );
    }
    if !has_upstream && has_fail_open {
        return at.refuse(
            "has fail_open without the regions that it stands in for",
            "write upstream, the regions and the time that they have, or leave fail_open out",
        );
    }
    if !has_upstream && has_drill {
        return at.refuse(
            "has a drill without the rungs that it tries",
            "write upstream, the regions and the time that they have, or leave drill out",
        );
    }
    if !has_upstream && !has_admission {
        return at.refuse(
            "has neither admission nor upstream",
            "write who is let in, or the regions and the time that they have",
        );
    }
    let (upstream, output) = (upstream?.unwrap_or_else(Upstream::route_alone), output?);
    let eject = output.as_ref().and_then(Output::eject);
    if eject.is_some() && !upstream.has_breakers() {
        return at.refuse(
            "has output.eject without a circuit breaker, which is what leaves a region alone",
            "write upstream.circuit_breaker, such as {}, or leave eject out",
        );
    }
    let upstream = upstream.ejecting(eject);
    let fail_open = fail_open?.unwrap_or_default();
    Some(Route {
        name: name?,
        matcher: matcher?,
        admission: admission?,
        upstream,
        output,
        fail_open,
        drill: drill?,
        is_forced_static: false,
    })
}

fn drill(at: &mut Cursor<'_, '_>) -> Option<f64> {
    let mut section = at.section("write a section such as { share: 0.01 }")?;
    let share = section.required("share", "write the share of the requests, such as 0.01", |at| scalar::share(at, 0.0));
    section.close();
    share
}
