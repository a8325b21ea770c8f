//! Where a request may go, how long it may take, and when it may be sent again: `upstream`.

use std::time::Duration;

use super::circuit_breaker::{self, Written};
use super::scalar;
use super::section::Cursor;
use crate::circuit_breaker::{Eject, Mode, SharedBreaker};
use crate::replay::Contract;
use crate::retry_budget;
use crate::verdict::Failure;

/// Longest time that a ladder may take. Nobody waits longer for an answer, and a typing error of 50 000 s is found.
const MAX_TIMEOUT: Duration = Duration::from_secs(600);

/// Shortest timeout: Envoy counts in milliseconds, and takes 0 for "none".
const MIN_TIMEOUT: Duration = Duration::from_millis(1);

/// Share of the ladder's time that an attempt gets where its region does not say: two attempts fit, and the answer
/// still has time to be written.
const ATTEMPT_SHARE: f64 = 0.45;

/// Body that is kept for a replay where the route does not say: what Envoy's own async client considers large.
const DEFAULT_MAX_BODY: usize = 64 << 10;

/// Most body that a route may keep: copies live in the VM, whose memory never shrinks.
const LARGEST_MAX_BODY: usize = 1 << 20;

/// Body up to which a request waits for its end where the route does not say: half of the smallest buffer limit in wide
/// use (Istio's sidecars have 32 KiB), because Envoy answers 413 to a held request that outgrows its buffer.
const DEFAULT_HOLD: usize = 16 << 10;

/// Methods that may be replayed where the route does not say: those that a client may repeat without harm
/// (RFC 9110, 9.2.2) and that read or replace. A POST is replayed only where the route says so.
const DEFAULT_METHODS: [&str; 3] = ["GET", "HEAD", "PUT"];

/// What the only region is called where a route names none.
const ROUTE_ALONE: &str = "primary";

/// How long an answer is expected to take where a route does not say: what Envoy's own route allows by default.
const ROUTE_ALONE_TIMEOUT: Duration = Duration::from_secs(15);

/// The regions of a route and the rules for trying them.
#[derive(Clone, Debug)]
pub struct Upstream {
    pub(crate) timeout: Duration,
    /// Whether the time that an attempt at the primary gets is Envoy's own affair.
    is_route_alone: bool,
    pub(crate) primary: Region,
    pub(crate) secondaries: Vec<Secondary>,
    fail_on: Vec<Failure>,
    pub(crate) replay: Contract,
    pub(crate) retry_budget: Option<retry_budget::Settings>,
    is_strict: bool,
    covers_events: bool,
}

/// A region: its name in headers and metrics, the time that an attempt at it gets, and when it is left alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    pub(crate) name: String,
    pub(crate) timeout: Duration,
    pub(crate) breaker: Option<SharedBreaker>,
    /// Whether an operator has said that it is not to be asked.
    pub(crate) is_drained: bool,
}

/// A region that the filter calls itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Secondary {
    pub(crate) region: Region,
    pub(crate) cluster: String,
    pub(crate) authority: Option<String>,
}

impl Upstream {
    /// Envoy's own route, just as it is: no timeout, no other region, nothing that is sent again.
    pub(super) fn route_alone() -> Self {
        let timeout = ROUTE_ALONE_TIMEOUT;
        Self {
            timeout,
            is_route_alone: true,
            primary: Region { name: ROUTE_ALONE.to_owned(), timeout, breaker: None, is_drained: false },
            secondaries: Vec::new(),
            fail_on: Vec::new(),
            replay: Contract::new(std::iter::empty::<&str>(), DEFAULT_MAX_BODY, DEFAULT_HOLD),
            retry_budget: None,
            is_strict: false,
            covers_events: false,
        }
    }

    /// Whether the route says how long its ladder may take.
    pub const fn has_timeout(&self) -> bool {
        !self.is_route_alone
    }

    /// The time of the whole ladder.
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What an attempt at the primary is limited to, if to anything.
    pub(crate) fn primary_limit(&self) -> Option<Duration> {
        (!self.is_route_alone).then_some(self.primary.timeout)
    }

    /// The regions in the order in which they are tried; the first is the primary.
    pub fn regions(&self) -> impl Iterator<Item = &Region> {
        std::iter::once(&self.primary).chain(self.secondaries.iter().map(|secondary| &secondary.region))
    }

    /// Whether regions are left alone that fail.
    pub(super) const fn has_breakers(&self) -> bool {
        self.primary.breaker.is_some()
    }

    /// The same regions, which are left alone for invalid output as `eject` says.
    pub(super) fn ejecting(mut self, eject: Option<Eject>) -> Self {
        if let Some(eject) = eject {
            for region in self.regions_mut() {
                region.breaker = region.breaker.take().map(|breaker| breaker.ejecting(eject));
            }
        }
        self
    }

    fn regions_mut(&mut self) -> impl Iterator<Item = &mut Region> {
        std::iter::once(&mut self.primary).chain(self.secondaries.iter_mut().map(|it| &mut it.region))
    }

    /// Whether the filter calls the primary itself.
    pub const fn is_strict(&self) -> bool {
        self.is_strict
    }

    /// Whether requests for a stream of events go down the ladder too.
    pub const fn covers_events(&self) -> bool {
        self.covers_events
    }

    /// Whether second attempts are bounded.
    pub const fn has_retry_budget(&self) -> bool {
        self.retry_budget.is_some()
    }

    /// The same regions, whose breakers reject nobody.
    pub(super) fn in_shadow(mut self) -> Self {
        for region in self.regions_mut() {
            region.breaker = region.breaker.take().map(SharedBreaker::in_shadow);
        }
        self
    }

    /// The same regions, of which this one is not asked.
    pub(super) fn draining(mut self, name: &str) -> Self {
        for region in self.regions_mut() {
            region.is_drained |= region.name == name;
        }
        self
    }

    /// The same regions, with the breaker of `region` (every one where none is named) in this mode.
    pub(super) fn with_breakers_in(mut self, mode: Mode, name: Option<&str>) -> Self {
        for region in self.regions_mut().filter(|region| name.is_none_or(|name| name == region.name)) {
            region.breaker = region.breaker.take().map(|breaker| breaker.in_mode(mode));
        }
        self
    }

    /// Whether `failure` leads to the next rung.
    pub(crate) fn fails_on(&self, failure: Failure) -> bool {
        self.fail_on.contains(&failure)
    }
}

impl Region {
    /// Its name in headers and metrics.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether its circuit breaker is there to be watched, and rejects nobody.
    pub fn is_watched_only(&self) -> bool {
        self.breaker.as_ref().is_some_and(|breaker| breaker.settings().mode == Mode::Shadow)
    }

    /// Its circuit breaker, where it has one.
    pub const fn breaker(&self) -> Option<&SharedBreaker> {
        self.breaker.as_ref()
    }
}

impl Secondary {
    /// The region's name.
    pub fn name(&self) -> &str {
        &self.region.name
    }

    /// The Envoy cluster that reaches the region.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// The `:authority` that the region expects, where it is not the client's.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }
}

/// A region as written: which of the two kinds it is turns out by its place in the list.
struct AnyRegion {
    name: String,
    timeout: Option<Duration>,
    cluster: Option<(String, Option<String>)>,
}

/// Reads the section of the route whose shared state lies under `scope`.
pub(super) fn read(at: &mut Cursor<'_, '_>, scope: &str) -> Option<Upstream> {
    let mut section = at.section("write a section with timeout and regions")?;
    let timeout = section.required("timeout", "write the time for the whole ladder, such as 5s", timeout);
    let regions =
        section.required("regions", "write a list whose first region is via the route", |at| regions(at, timeout));
    let fail_on = section.optional("fail_on", |at| at.list("write a list such as [connect, timeout, 5xx]", failure));
    let replay = section.optional("replay", replay);
    let breaker = section.optional("circuit_breaker", circuit_breaker::read);
    let retry_budget = section.optional("retry_budget", circuit_breaker::read_retry_budget);
    let is_strict = section.optional("strict", |at| scalar::boolean(at));
    let covers_events = section.optional("event_streams", |at| scalar::boolean(at));
    section.close();

    let timeout = timeout?;
    let breaker = breaker?;
    let (mut primary, mut secondaries) = regions?;
    for region in std::iter::once(&mut primary).chain(secondaries.iter_mut().map(|it| &mut it.region)) {
        let settings = breaker.as_ref().map(|breaker| breaker.for_attempts_of(region.timeout));
        region.breaker = settings.map(|settings| SharedBreaker::new(scope, &region.name, settings));
    }
    // Without a breaker every request of an outage would be a second attempt, and the budget would turn the outage into
    // static answers: there only who asks for it gets it.
    let by_default = breaker.as_ref().is_some_and(Written::is_enforced).then(retry_budget::Settings::default);
    Some(Upstream {
        timeout,
        is_route_alone: false,
        primary,
        secondaries,
        fail_on: fail_on?.unwrap_or_else(|| Failure::ALL.to_vec()),
        replay: replay?.unwrap_or_else(|| Contract::new(DEFAULT_METHODS, DEFAULT_MAX_BODY, DEFAULT_HOLD)),
        retry_budget: retry_budget?.or(by_default),
        is_strict: is_strict?.unwrap_or(false),
        covers_events: covers_events?.unwrap_or(false),
    })
}

fn timeout(at: &mut Cursor<'_, '_>) -> Option<Duration> {
    scalar::duration(at, MIN_TIMEOUT, MAX_TIMEOUT)
}

fn failure(at: &mut Cursor<'_, '_>) -> Option<Failure> {
    scalar::word(at, "a kind of failure", &Failure::ALL.map(|failure| (failure.word(), failure)))
}

fn regions(at: &mut Cursor<'_, '_>, total: Option<Duration>) -> Option<(Region, Vec<Secondary>)> {
    let mut names: Vec<String> = Vec::new();
    let mut is_first = true;
    let hint = "write a list of regions such as { name: us-east-1, via: route }";
    let regions = at.list(hint, |at| {
        let region = region(at, total, std::mem::take(&mut is_first))?;
        if names.contains(&region.name) {
            return at.refuse(
                format!("has the name of an earlier region, {:?}", region.name),
                "give each region its own name; each is tried at most once",
            );
        }
        names.push(region.name.clone());
        Some(region)
    })?;
    let share = total.map(|total| total.mul_f64(ATTEMPT_SHARE).max(MIN_TIMEOUT)).unwrap_or_default();
    let mut regions = regions.into_iter();
    let Some(primary) = regions.next() else {
        return at.refuse("has no region", hint);
    };
    let primary =
        Region { name: primary.name, timeout: primary.timeout.unwrap_or(share), breaker: None, is_drained: false };
    let secondaries = regions
        .filter_map(|it| {
            let (cluster, authority) = it.cluster?;
            let region =
                Region { name: it.name, timeout: it.timeout.unwrap_or(share), breaker: None, is_drained: false };
            Some(Secondary { region, cluster, authority })
        })
        .collect();
    Some((primary, secondaries))
}

fn region(at: &mut Cursor<'_, '_>, total: Option<Duration>, is_first: bool) -> Option<AnyRegion> {
    let mut section = at.section("write a section such as { name: us-east-1, via: route, timeout: 2s }")?;
    let name = section.required("name", "write the region's name, such as us-east-1", scalar::name);
    let attempt = section.optional("timeout", |at| {
        let attempt = timeout(at)?;
        match total {
            Some(total) if attempt > total => at.refuse(
                format!("is longer than the whole ladder's timeout, {total:?}"),
                "shorten it, or lengthen upstream.timeout",
            ),
            _ => Some(attempt),
        }
    });
    let via = section.optional("via", |at| scalar::word(at, "a way to a region", &[("route", ())]));
    let cluster = section.optional("cluster", cluster);
    let authority = section.optional("authority", scalar::header_value);
    let (has_via, has_cluster, has_authority) = (section.has("via"), section.has("cluster"), section.has("authority"));
    section.close();

    if is_first && (!has_via || has_cluster || has_authority) {
        return at.refuse(
            "is the first region, which Envoy's own route reaches",
            "write via: route and neither cluster nor authority",
        );
    }
    if !is_first && (has_via || !has_cluster) {
        return at.refuse(
            "is a secondary region, which the filter calls itself",
            "write the cluster that reaches it, and no via",
        );
    }
    via?;
    Some(AnyRegion { name: name?, timeout: attempt?, cluster: cluster?.zip(Some(authority?)) })
}

/// The name of an Envoy cluster, which may hold nearly anything (`outbound|443||llm.example.com`).
pub(super) fn cluster(at: &mut Cursor<'_, '_>) -> Option<String> {
    let hint = "write the name of an Envoy cluster, such as llm_assistant_us_west_2";
    let text = at.text(hint)?;
    if text.is_empty() || text.chars().any(char::is_control) {
        return at.refuse("is not the name of a cluster", hint);
    }
    Some(text.to_owned())
}

fn replay(at: &mut Cursor<'_, '_>) -> Option<Contract> {
    let mut section = at.section("write a section such as { methods: [GET, POST], max_body: 64KiB }")?;
    let methods = section.optional("methods", |at| at.list("write a list such as [GET, POST]", scalar::method));
    let max_body = section.optional("max_body", |at| scalar::size(at, LARGEST_MAX_BODY));
    let hold = section.optional("hold", |at| {
        let hold = scalar::size(at, LARGEST_MAX_BODY)?;
        match max_body {
            Some(max_body) if hold > max_body.unwrap_or(DEFAULT_MAX_BODY) => {
                at.refuse("is more than max_body, over which nothing is kept", "write at most max_body")
            }
            _ => Some(hold),
        }
    });
    section.close();
    let methods = methods?.unwrap_or_else(|| DEFAULT_METHODS.map(str::to_owned).to_vec());
    let max_body = max_body?.unwrap_or(DEFAULT_MAX_BODY);
    Some(Contract::new(methods, max_body, hold?.unwrap_or(DEFAULT_HOLD.min(max_body))))
}
