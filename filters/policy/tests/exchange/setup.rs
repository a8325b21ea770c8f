//! Routes and requests to put an exchange on.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use helius_policy::admission::Decision;
use helius_policy::budget::Budget;
use helius_policy::config::{Config, Mode, Route};
use helius_policy::dedupe::Claim;
use helius_policy::drill::MOST;
use helius_policy::exchange::{Arrival, Effect, Exchange, Shares};
use helius_policy::http::Headers;
use helius_policy::overrides::{InForce, Override};
use helius_policy::retry_budget::RetryBudget;
use helius_policy::time::{Clock, Timestamp};
use helius_policy::verdict::Failure;
use proptest::prelude::*;

use crate::host::Fake;

/// When every exchange begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_000_000);

/// The ladder's time in every setup.
pub(crate) const TOTAL: Duration = Duration::from_millis(1_000);

/// The time of an attempt in every setup.
pub(crate) const ATTEMPT: Duration = Duration::from_millis(400);

/// Bytes of body that every setup keeps.
pub(crate) const MAX_BODY: usize = 8;

/// A route and a request.
#[expect(clippy::struct_excessive_bools, reason = "each is one independent switch of the generator")]
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) secondaries: usize,
    pub(crate) has_static: bool,
    pub(crate) fail_on: Vec<Failure>,
    pub(crate) shadow: bool,
    /// `PATCH` is the one that no setup replays unless it says so.
    pub(crate) method: &'static str,
    /// What may be sent twice.
    pub(crate) replayed: &'static str,
    pub(crate) odd_header: bool,
    /// Whether the request is whole with its headers.
    pub(crate) bodiless: bool,
    /// What the request says of its length.
    pub(crate) announced: Option<usize>,
    /// The settings of the regions' breakers, if they have any, as a map in YAML.
    pub(crate) breaker: Option<&'static str>,
    /// Regions whose breakers are open.
    pub(crate) open: Vec<usize>,
    /// Regions that an operator has drained.
    pub(crate) drained: Vec<usize>,
    /// Whether an operator has said that the answer is the static one.
    pub(crate) is_forced: bool,
    /// The route's de-duplication, if it has any, as a map in YAML.
    pub(crate) dedupe: Option<&'static str>,
    /// What the route wants answers to be, if anything, as a map in YAML.
    pub(crate) output: Option<&'static str>,
    /// The answers that the route keeps for later, if any, as a map in YAML.
    pub(crate) last_good: Option<&'static str>,
    /// How large a share of the answers may be made up, if that is bounded, as a map in YAML.
    pub(crate) max_share: Option<&'static str>,
    /// The share of exchanges that are followed by a drill, if any.
    pub(crate) drill: Option<f64>,
    pub(crate) drill_places: usize,
    /// One more header of the request.
    pub(crate) extra: Option<(&'static str, &'static str)>,
    /// What limits and isolation have decided before.
    pub(crate) decided: Decision,
    /// Bytes of body up to which a request waits for its end.
    pub(crate) hold: usize,
    /// Whether the route says nothing of its regions.
    pub(crate) is_route_alone: bool,
    /// Whether the filter calls the primary itself.
    pub(crate) is_strict: bool,
    /// Whether streams of events go down the ladder too.
    pub(crate) covers_events: bool,
    /// Whether gRPC does.
    pub(crate) covers_grpc: bool,
}

/// What a client sends who wants a stream of events.
pub(crate) const STREAM: (&str, &str) = ("accept", "text/event-stream");
/// What a client sends who speaks gRPC.
pub(crate) const GRPC: (&str, &str) = ("content-type", "application/grpc");

/// De-duplication by a header that every request has.
pub(crate) const BY_HEADER: &str = "{ key: { header: x-message-id } }";
/// The same, and duplicates get the first one's answer.
pub(crate) const REPLAYING: &str = "{ key: { header: x-message-id }, replay_answer: true }";
pub(crate) const BY_BODY: &str = "{ key: body }";

/// Answers are kept for later, whatever the body.
pub(crate) const BY_PATH: &str = "{ key: [path] }";
/// The same, for each body its own.
pub(crate) const BY_PATH_AND_BODY: &str = "{ key: [path, body] }";

/// How long a message is claimed that nobody else claims.
const LEASE: Duration = Duration::from_secs(1);
const SALT: u64 = 7;

impl Default for Setup {
    fn default() -> Self {
        Self {
            secondaries: 1,
            has_static: true,
            fail_on: Failure::ALL.to_vec(),
            shadow: false,
            method: "POST",
            replayed: "GET, HEAD, POST",
            odd_header: false,
            bodiless: true,
            announced: None,
            breaker: None,
            open: Vec::new(),
            drained: Vec::new(),
            is_forced: false,
            dedupe: None,
            output: None,
            last_good: None,
            max_share: None,
            drill: None,
            drill_places: MOST,
            extra: None,
            decided: Decision::Allowed,
            hold: MAX_BODY,
            is_route_alone: false,
            is_strict: false,
            covers_events: false,
            covers_grpc: false,
        }
    }
}

impl Setup {
    pub(crate) fn route(&self) -> Arc<Route> {
        let mut regions = vec!["{ name: region-0, via: route, timeout: 400ms }".to_owned()];
        regions.extend(
            (1..=self.secondaries).map(|n| format!("{{ name: region-{n}, cluster: cluster-{n}, timeout: 400ms }}")),
        );
        let last_good = self.last_good.map(|it| format!("last_good: {it}"));
        // It has to be one that the route's own output takes.
        let says_a = self.output.is_some_and(|output| !output.contains("confidence"));
        let body = if says_a { "{ a: 1 }" } else { "{ confidence: 0.0 }" };
        let fixed = self.has_static.then(|| format!("static: [ {{ status: 200, body: {body} }} ]"));
        let grpc = self.covers_grpc.then(|| "grpc: { status: UNAVAILABLE, message: later }".to_owned());
        let max_share = self.max_share.map(|it| format!("max_share: {it}"));
        let fail_open: Vec<_> = last_good.into_iter().chain(fixed).chain(grpc).chain(max_share).collect();
        let fail_open =
            if fail_open.is_empty() { String::new() } else { format!("fail_open: {{ {} }}", fail_open.join(", ")) };
        let words: Vec<_> = self.fail_on.iter().map(|failure| failure.word()).collect();
        let document = format!(
            "
service: test
routes:
  - name: test
    match: {{ path_prefix: / }}
    upstream:
      timeout: 1s
      regions: [{}]
      fail_on: [{}]
      replay: {{ methods: [{replayed}], max_body: {MAX_BODY}B, hold: {hold}B }}
    {fail_open}
",
            regions.join(", "),
            words.join(", "),
            replayed = self.replayed,
            hold = self.hold,
        );
        let document = match self.drill {
            Some(share) => document + &format!("    drill: {{ share: {share} }}\n"),
            None => document,
        };
        let document = match self.output {
            Some(output) => document.replace("    upstream:", &format!("    output: {output}\n    upstream:")),
            None => document,
        };
        let document = match self.breaker {
            Some(breaker) => {
                document.replace("      replay:", &format!("      circuit_breaker: {breaker}\n      replay:"))
            }
            None => document,
        };
        let document = if self.covers_events {
            document.replace("      replay:", "      event_streams: true\n      replay:")
        } else {
            document
        };
        let document = if self.is_strict {
            document.replace("      replay:", "      strict: true\n      replay:")
        } else {
            document
        };
        let document = match document.split_once("    upstream:") {
            Some((before, _)) if self.is_route_alone => before.to_owned(),
            _ => document,
        };
        let document = match self.dedupe {
            Some(dedupe) => document + &format!("    admission: {{ dedupe: {dedupe} }}\n"),
            None => document,
        };
        let document =
            if self.shadow { document.replace("service: test", "service: test\nmode: shadow") } else { document };
        let config = Config::parse(document.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{document}"));
        let in_force = InForce::of(&config, &self.overrides(), START);
        in_force.routes()[0].route.clone()
    }

    fn overrides(&self) -> Vec<Override> {
        let drained = self.drained.iter().map(|n| format!("override: drain, region: region-{n}"));
        let forced = self.is_forced.then(|| "override: static".to_owned());
        let entries: Vec<_> = drained
            .chain(forced)
            .map(|entry| format!("{{ {entry}, until: \"1970-01-01T01:00:00Z\", reason: r, author: a }}"))
            .collect();
        Override::parse(format!("overrides: [{}]", entries.join(", ")).as_bytes(), START).unwrap()
    }

    /// A host at the moment when the exchange begins.
    pub(crate) fn host(&self) -> Fake {
        let (host, route) = (Fake::default(), self.route());
        for region in self.open.iter().filter(|region| **region <= self.secondaries) {
            host.open(&route, *region);
        }
        host
    }

    fn headers(&self) -> Headers {
        [(":method", self.method), (":path", "/"), (":authority", "a"), ("x-message-id", "41")].into_iter().collect()
    }

    /// What has become of the message that a request with this body was.
    pub(crate) fn fate(&self, body: &[u8], host: &Fake) -> Option<Claim> {
        let route = self.route();
        let dedupe = route.admission()?.dedupe()?;
        let hash = dedupe.hash(&self.headers(), body, SALT)?;
        Some(dedupe.claim(hash, host, host.now(), LEASE))
    }

    pub(crate) fn is_open(&self, region: usize) -> bool {
        self.open.contains(&region)
    }

    /// Whether a region must not be asked, because an operator has said so.
    pub(crate) fn is_drained(&self, region: usize) -> bool {
        let has_fixed = if self.extra == Some(GRPC) { self.covers_grpc } else { self.has_static };
        !self.shadow && (self.drained.contains(&region) || (self.is_forced && has_fixed))
    }

    pub(crate) fn begin(&self, host: &Fake, effects: &mut Vec<Effect>) -> Exchange {
        self.begin_beside(host, &Rc::default(), effects)
    }

    /// Beside others on the same route.
    pub(crate) fn begin_beside(&self, host: &Fake, retries: &Rc<RetryBudget>, effects: &mut Vec<Effect>) -> Exchange {
        let mode = if self.shadow { Mode::Shadow } else { Mode::Enforce };
        let mut headers = self.headers();
        if let Some((name, value)) = self.extra {
            headers.push(name, value);
        }
        if self.odd_header {
            headers.push("x-odd", vec![0xff]);
        }
        if let Some(length) = self.announced {
            headers.push("content-length", length.to_string());
        }
        let memory = Rc::new(Budget::new(usize::MAX));
        let drills = Rc::new(Budget::new(self.drill_places));
        let shares = Shares {
            copies: memory,
            drills,
            retries: retries.clone(),
            answers: host.answers.clone(),
            salt: SALT,
            bodies_salt: SALT,
        };
        let decision = self.dedupe.map(|_| self.decided);
        let cluster = self.is_strict.then(|| "cluster-0".to_owned());
        let arrival = Arrival { now: host.now(), headers, end_of_stream: self.bodiless, decision, cluster };
        Exchange::begin(self.route(), mode, arrival, shares, host, effects)
    }
}

pub(crate) fn any_setup() -> impl Strategy<Value = Setup> {
    (
        0usize..4,
        any::<bool>(),
        proptest::sample::subsequence(Failure::ALL.to_vec(), 0..=7),
        prop::bool::weighted(0.2),
        prop::sample::select(vec!["GET", "HEAD", "POST", "POST", "POST", "PATCH"]),
        prop::bool::weighted(0.1),
        any::<bool>(),
        prop::option::of(0usize..12),
        prop::option::of(prop::sample::subsequence(vec![0, 1, 2, 3], 0..=4)),
        prop::option::of(prop::sample::select(vec![BY_HEADER, REPLAYING, BY_BODY])),
        prop::option::weighted(0.3, prop::sample::select(vec!["{ non_empty: /a }", "{ schema: true, max_body: 9B }"])),
        (
            prop::option::weighted(0.3, prop::sample::select(vec![BY_PATH, BY_PATH_AND_BODY])),
            prop::option::weighted(0.3, Just(1.0)),
            prop::bool::weighted(0.3),
            prop::sample::select(vec![None, None, None, Some(STREAM), Some(GRPC)]),
            prop::option::weighted(0.3, prop::sample::subsequence(vec![0, 1, 2, 3], 0..=4)),
            prop::bool::weighted(0.1),
        ),
    )
        .prop_map(
            |(
                secondaries,
                has_static,
                fail_on,
                shadow,
                method,
                odd_header,
                bodiless,
                announced,
                open,
                dedupe,
                output,
                (last_good, drill, is_strict, extra, drained, is_forced),
            )| Setup {
                secondaries,
                has_static,
                fail_on,
                shadow,
                method,
                odd_header,
                bodiless,
                announced,
                breaker: open.as_ref().map(|_| "{}"),
                open: open.unwrap_or_default(),
                dedupe,
                output,
                is_strict,
                last_good,
                drill,
                covers_events: extra == Some(STREAM),
                covers_grpc: extra == Some(GRPC),
                extra,
                drained: drained.unwrap_or_default(),
                is_forced,
                ..Setup::default()
            },
        )
}

/// Statuses that take every branch.
pub(crate) fn any_status() -> impl Strategy<Value = u16> {
    prop::sample::select(vec![200, 204, 302, 400, 404, 429, 500, 503, 504, 599])
}

/// Envoy's words for an answer: its own, or the upstream's.
pub(crate) fn any_details() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "via_upstream",
        "upstream_reset_before_response_started{remote_connection_failure|refused}",
        "upstream_reset_before_response_started{overflow}",
        "upstream_per_try_timeout",
        "no_healthy_upstream",
        "",
    ])
}
