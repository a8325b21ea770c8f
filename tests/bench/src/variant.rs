//! What is measured: each an Envoy of its own, and what its clients have to see.

use std::net::SocketAddr;

use helius_e2e::Bootstrap;
use serde_json::Value;

use crate::filter::sidecar;
use crate::load::Expected;
use crate::{filter, native};

/// Where the regions are; behind the last address is nobody.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    pub(crate) primary: SocketAddr,
    pub(crate) secondary: SocketAddr,
    pub(crate) nowhere: SocketAddr,
}

/// What is measured, and how it is judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variant {
    /// Short, for the command line.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) about: &'static str,
    /// What its answers have to be.
    pub(crate) expected: Expected,
    /// With whom it is compared: the name of another one, which comes before it.
    pub(crate) against: &'static str,
    /// The most that it may cost, as a multiple of that one.
    pub(crate) target: Option<f64>,
    /// How many regions its requests claim to come from: keys of the limiter.
    pub(crate) keys: u32,
}

impl Variant {
    fn new(name: &'static str, about: &'static str) -> Self {
        let expected = Expected { answer: (200, None), tolerated: 0.0 };
        Self { name, about, expected, against: "bare", target: None, keys: 1 }
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
        self.expected.answer = (status, served_by);
        self
    }

    /// A share of its answers may be others: Envoy's own failover lets some of a failure through.
    fn tolerating(mut self, share: f64) -> Self {
        self.expected.tolerated = share;
        self
    }

    fn keys(mut self, keys: u32) -> Self {
        self.keys = keys;
        self
    }
}

/// All of them, each with its Envoy.
pub(crate) fn all(world: World) -> Vec<(Variant, Bootstrap)> {
    let World { primary, secondary, nowhere } = world;
    // One worker, because one core is measured.
    let bare = |primary| sidecar(None, primary, primary, 1);
    let ours = |document: Value, primary, secondary| sidecar(Some(document), primary, secondary, 1);
    let served = |document| ours(document, primary, secondary);
    let nothing = |module| native::nothing(bare(primary), module);
    let native = |primary| {
        native::admission_control(native::rate_limit(bare(primary))).native_failover(primary, secondary, "2s")
    };
    let v = Variant::new;
    vec![
        (v("bare", "Envoy with nothing but its router"), bare(primary)),
        (v("nothing", "a filter in Wasm that does nothing, in eight callbacks"), nothing("nothing.wasm")),
        (v("floor-ladder", "the same in the seven that a ladder needs"), nothing("nothing-ladder.wasm")),
        (v("floor-admission", "the same in the three that a limit needs"), nothing("nothing-admission.wasm")),
        (v("native-limit", "Envoy's local_ratelimit"), native::rate_limit(bare(primary))),
        (
            v("native", "Envoy's local_ratelimit, admission_control, outlier detection, retry in the next priority"),
            native(primary),
        ),
        (v("lua", "Lua: a limit and a look at the status"), native::lua(bare(primary))),
        (v("no-route", "ours: no route matches, the headers are read"), served(filter::no_route())),
        (v("admission", "ours: isolation and a limit").target(1.06), served(filter::admission_only())),
        (v("ladder", "ours: the ladder, no schema").target(1.10), served(filter::ladder())),
        (v("last-good", "ours: the ladder, which keeps the last good answer"), served(filter::last_good())),
        (v("schema", "ours: the ladder, with a schema").target(1.20), served(filter::schema())),
        (v("strict", "ours: the ladder, strict").target(1.45), served(filter::strict())),
        (v("shadow", "ours: the ladder with a schema, in shadow mode"), served(filter::shadow())),
        (
            v("routes", "ours: the ladder, the last of 200 routes").against("ladder").target(1.1),
            served(filter::two_hundred_routes()),
        ),
        (
            v("keys", "ours: isolation and a limit, 10 000 keys").against("admission").target(1.1).keys(10_000),
            served(filter::admission_only()),
        ),
        (v("bare-503", "Envoy alone, primary down: its own 503").expecting(503, None), bare(nowhere)),
        (
            v("static", "ours: everything down, the static answer")
                .against("bare-503")
                .target(1.25)
                .expecting(200, Some("static")),
            ours(filter::ladder(), nowhere, nowhere),
        ),
        (v("native-down", "Envoy's failover, primary down").tolerating(0.01), native(nowhere)),
        (
            v("down-closed", "ours: primary down, breaker forced closed: each request meets it")
                .expecting(200, Some("secondary")),
            ours(filter::with_breakers("forced_closed"), nowhere, secondary),
        ),
        (
            v("down-open", "ours: primary down, breaker open").expecting(200, Some("secondary")),
            ours(filter::ladder(), nowhere, secondary),
        ),
    ]
}
