//! The flags of an override, and the request that they make.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value};

/// What to switch.
#[derive(Debug, Subcommand)]
pub(super) enum Set {
    /// No region is asked: the answer is the static one
    Static(Common),
    /// A circuit breaker stands where it is told to
    Breaker {
        /// Where
        #[arg(long)]
        state: State,
        /// The region whose breaker it is; without it that of every region
        #[arg(long)]
        region: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Limits are scaled down
    RateLimit {
        /// The share that is left of them, from 0.001 to 1
        #[arg(long)]
        scale: f64,
        #[command(flatten)]
        common: Common,
    },
    /// Requests that come from a region are turned away
    Isolate {
        /// Where they come from
        #[arg(long)]
        region: String,
        #[command(flatten)]
        common: Common,
    },
    /// A region is not asked
    Drain {
        /// Which
        #[arg(long)]
        region: String,
        #[command(flatten)]
        common: Common,
    },
    /// The route judges and counts, and changes nothing
    Shadow(Common),
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum State {
    /// Its region is left alone
    Open,
    /// Its region is asked, and calls are still counted
    Closed,
    /// It is not there
    Off,
}

/// What every override has.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// The service whose routes it changes; without it every service of this Envoy
    #[arg(long)]
    service: Option<String>,
    /// The route that it changes; without it every route
    #[arg(long)]
    route: Option<String>,
    /// How long it lasts, such as 15m, at most 24h
    #[arg(long, value_name = "DURATION", conflicts_with = "until")]
    ttl: Option<String>,
    /// When it ends, such as 2026-01-31T12:00:00Z; without this and --ttl in 15 minutes
    #[arg(long, value_name = "MOMENT")]
    until: Option<String>,
    /// Why, for whoever looks at it next
    #[arg(long)]
    reason: String,
    /// Who it is from; without it the user and the host
    #[arg(long, env = "HELIUS_AUTHOR")]
    author: Option<String>,
    /// Only says what would happen
    #[arg(long)]
    dry_run: bool,
    /// Sets it although it takes a route's last healthy region, or the filter seems to have no use for it
    #[arg(long)]
    force: bool,
}

impl Set {
    /// The body of the request.
    pub(super) fn request(self) -> Value {
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| _ = map.insert(key.to_owned(), value);
        let (word, common) = match self {
            Self::Static(common) => ("static", common),
            Self::Breaker { state, region, common } => {
                let state = match state {
                    State::Open => "open",
                    State::Closed => "closed",
                    State::Off => "off",
                };
                put("state", state.into());
                if let Some(region) = region {
                    put("region", region.into());
                }
                ("breaker", common)
            }
            Self::RateLimit { scale, common } => {
                put("scale", scale.into());
                ("rate_limit", common)
            }
            Self::Isolate { region, common } => {
                put("region", region.into());
                ("isolate", common)
            }
            Self::Drain { region, common } => {
                put("region", region.into());
                ("drain", common)
            }
            Self::Shadow(common) => ("shadow", common),
        };
        put("override", word.into());
        let Common { service, route, ttl, until, reason, author, dry_run, force } = common;
        for (key, value) in [("service", service), ("route", route), ("ttl", ttl), ("until", until)] {
            if let Some(value) = value {
                put(key, value.into());
            }
        }
        put("reason", reason.into());
        put("author", author.filter(|author| !author.is_empty()).unwrap_or_else(caller).into());
        put("dry_run", dry_run.into());
        put("force", force.into());
        map.into()
    }
}

/// Who calls: the user and the host. In a container there is often no name for the user.
pub(super) fn caller() -> String {
    let named = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = named("USER").or_else(|| named("LOGNAME"));
    let user = user.unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()));
    let system = rustix::system::uname();
    format!("{user}@{}", system.nodename().to_string_lossy())
}
