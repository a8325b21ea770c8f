//! What is measured: each an Envoy of its own, and what its clients have to see.

use std::net::SocketAddr;

use helius_e2e::{Bootstrap, Mesh};
use serde_json::Value;

use crate::{filter, native};

/// Where the regions are; behind the last address is nobody.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    pub(crate) primary: SocketAddr,
    pub(crate) secondary: SocketAddr,
    pub(crate) nowhere: SocketAddr,
}

/// An Envoy to be measured.
pub(crate) struct Variant {
    /// Short, for the command line.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) about: &'static str,
    /// What every answer has to be: its status, and by whom it is served.
    pub(crate) expected: (u16, Option<&'static str>),
    /// With whom it is compared: the name of another one, which comes before it.
    pub(crate) against: &'static str,
    /// The most that it may cost, as a multiple of that one.
    pub(crate) target: Option<f64>,
    /// The share of its answers that may be others: Envoy's own failover lets some of a failure through.
    pub(crate) tolerated: f64,
    /// How many regions its requests claim to come from: keys of the limiter.
    pub(crate) keys: u32,
    bootstrap: Bootstrap,
}

impl Variant {
    pub(crate) fn take_bootstrap(self) -> Bootstrap {
        self.bootstrap
    }

    fn new(name: &'static str, about: &'static str, bootstrap: Bootstrap) -> Self {
        Self { name, about, expected: (200, None), against: "bare", target: None, tolerated: 0.0, keys: 1, bootstrap }
    }

    fn target(mut self, target: f64) -> Self {
        self.target = Some(target);
        self
    }

    fn against(mut self, name: &'static str) -> Self {
        self.against = name;
        self
    }

    fn expecting(mut self, status: u16, served_by: Option<&'static str>) -> Self {
        self.expected = (status, served_by);
        self
    }

    fn tolerating(mut self, share: f64) -> Self {
        self.tolerated = share;
        self
    }

    fn keys(mut self, keys: u32) -> Self {
        self.keys = keys;
        self
    }
}

/// One worker, because one core is measured.
fn ours(document: Value, primary: SocketAddr, secondary: SocketAddr) -> Bootstrap {
    Mesh::builder().assist(primary, secondary).concurrency(1).configure(|it| *it = document)
}

fn bare(primary: SocketAddr) -> Bootstrap {
    Mesh::builder().without_filter().assist(primary, primary).concurrency(1)
}

/// All of them.
pub(crate) fn all(world: World) -> Vec<Variant> {
    let World { primary, secondary, nowhere } = world;
    let served = |document: Value| ours(document, primary, secondary);
    vec![
        Variant::new("bare", "Envoy with nothing but its router", bare(primary)),
        Variant::new(
            "nothing",
            "a filter in Wasm that does nothing, in eight callbacks",
            native::nothing(bare(primary), "nothing.wasm"),
        ),
        Variant::new(
            "floor-ladder",
            "the same in the seven that a ladder needs",
            native::nothing(bare(primary), "nothing-ladder.wasm"),
        ),
        Variant::new(
            "floor-admission",
            "the same in the three that a limit needs",
            native::nothing(bare(primary), "nothing-admission.wasm"),
        ),
        Variant::new("native-limit", "Envoy's local_ratelimit", native::rate_limit(bare(primary))),
        Variant::new(
            "native",
            "Envoy's local_ratelimit, admission_control, outlier detection, retry in the next priority",
            native::failover(native::admission_control(native::rate_limit(bare(primary))), primary, secondary),
        ),
        Variant::new("lua", "Lua: a limit and a look at the status", native::lua(bare(primary))),
        Variant::new("no-route", "ours: no route matches, the headers are read", served(filter::no_route())),
        Variant::new("admission", "ours: isolation and a limit", served(filter::admission_only())).target(1.06),
        Variant::new("ladder", "ours: the ladder, no schema", served(filter::ladder())).target(1.10),
        Variant::new("last-good", "ours: the ladder, which keeps the last good answer", served(filter::last_good())),
        Variant::new("schema", "ours: the ladder, with a schema", served(filter::schema())).target(1.20),
        Variant::new("strict", "ours: the ladder, strict", served(filter::strict())).target(1.45),
        Variant::new("shadow", "ours: the ladder with a schema, in shadow mode", served(filter::shadow())),
        Variant::new("routes", "ours: the ladder, the last of 200 routes", served(filter::two_hundred_routes()))
            .against("ladder")
            .target(1.1),
        Variant::new("keys", "ours: isolation and a limit, 10 000 keys", served(filter::admission_only()))
            .against("admission")
            .target(1.1)
            .keys(10_000),
        Variant::new("bare-503", "Envoy alone, primary down: its own 503", bare(nowhere)).expecting(503, None),
        Variant::new("static", "ours: everything down, the static answer", ours(filter::ladder(), nowhere, nowhere))
            .against("bare-503")
            .target(1.25)
            .expecting(200, Some("static")),
        Variant::new(
            "native-down",
            "Envoy's failover, primary down",
            native::failover(native::admission_control(native::rate_limit(bare(nowhere))), nowhere, secondary),
        )
        .tolerating(0.01),
        Variant::new(
            "down-closed",
            "ours: primary down, breaker forced closed: each request meets it",
            ours(filter::with_breakers("forced_closed"), nowhere, secondary),
        )
        .expecting(200, Some("secondary")),
        Variant::new("down-open", "ours: primary down, breaker open", ours(filter::ladder(), nowhere, secondary))
            .expecting(200, Some("secondary")),
    ]
}
