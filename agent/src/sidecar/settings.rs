//! What the sidecar is told at its start.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgMatches, Args, Command};
use tracing::Level;

use super::app_probe::Target;
use super::log::Format;
use super::overrides::TokenFile;
use crate::address::Address;
use crate::settings::{Given, SettingsError, Wrong, duration, word};

/// The flags. All are texts to clap, and read by [`Settings::read`], which knows where each of them came from.
#[derive(Debug, Args)]
#[command(
    after_help = "Each setting is a flag, or a variable, or a line of the file that --config names, in this order of \
    precedence:\n  \
    helius-agent sidecar --drain 10s\n  \
    HELIUS_AGENT_DRAIN=10s helius-agent sidecar\n  \
    echo 'drain: 10s' > agent.yaml; helius-agent sidecar --config agent.yaml\n\n\
    Examples:\n  \
    helius-agent sidecar\n  \
    helius-agent sidecar --envoy-admin 127.0.0.1:15000 --app-probe http://127.0.0.1:8080/healthz\n  \
    helius-agent sidecar --listen unix:/run/helius/agent.sock --log-format text\n  \
    helius-agent sidecar --overrides-file /etc/helius/overrides.yaml --state-dir /var/lib/helius"
)]
#[expect(clippy::doc_markdown, reason = "clap prints it as it stands")]
pub struct SidecarArgs {
    /// A file of settings: YAML, a map of these flags' names to values
    #[arg(long, env = "HELIUS_AGENT_CONFIG", value_name = "FILE")]
    config: Option<String>,
    /// Where the API listens: a loopback address with a port, or unix:/path
    #[arg(long, env = "HELIUS_AGENT_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:9910")]
    listen: String,
    /// Where /metrics, /healthz and /readyz are served to others: an address with a port, or unix:/path
    #[arg(long, env = "HELIUS_AGENT_METRICS_LISTEN", value_name = "ADDRESS", default_value = "0.0.0.0:9911")]
    metrics_listen: String,
    /// Envoy's admin interface: a loopback address with a port, or unix:/path. Istio's is 127.0.0.1:15000
    #[arg(long, env = "HELIUS_AGENT_ENVOY_ADMIN", value_name = "ADDRESS", default_value = "127.0.0.1:9901")]
    envoy_admin: String,
    /// A file of overrides that is watched, such as a mounted ConfigMap: YAML or JSON, a map whose overrides is a list
    #[arg(long, env = "HELIUS_AGENT_OVERRIDES_FILE", value_name = "FILE")]
    overrides_file: Option<String>,
    /// A file with the token that whoever changes overrides has to send. Without it they can be changed on a Unix socket
    /// alone
    #[arg(long, env = "HELIUS_AGENT_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<String>,
    /// A directory for what survives a restart: counters, good answers of the filter, and the overrides that the API was
    /// told. The lines about changes go there too. Without one nothing is kept
    #[arg(long, env = "HELIUS_AGENT_STATE_DIR", value_name = "DIRECTORY")]
    state_dir: Option<String>,
    /// Probes the application: http://127.0.0.1:8080/healthz has to be answered 200 to 399, tcp://127.0.0.1:8080 to accept
    #[arg(long, env = "HELIUS_AGENT_APP_PROBE", value_name = "URL")]
    app_probe: Option<String>,
    /// How often the application is probed
    #[arg(long, env = "HELIUS_AGENT_APP_PROBE_INTERVAL", value_name = "DURATION", default_value = "2s")]
    app_probe_interval: String,
    /// How long a probe may take
    #[arg(long, env = "HELIUS_AGENT_APP_PROBE_TIMEOUT", value_name = "DURATION", default_value = "1s")]
    app_probe_timeout: String,
    /// How long requests under way may take when the process is to end
    #[arg(long, env = "HELIUS_AGENT_DRAIN", value_name = "DURATION", default_value = "5s")]
    drain: String,
    /// How the log is written: json or text
    #[arg(long, env = "HELIUS_AGENT_LOG_FORMAT", value_name = "FORMAT", default_value = "json")]
    log_format: String,
    /// What is logged: error, warn, info, debug or trace
    #[arg(long, env = "HELIUS_AGENT_LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    log_level: String,
}

/// What the sidecar is told at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the API listens; nothing outside of the pod reaches it.
    pub listen: Address,
    /// Where metrics and health are served to others.
    pub metrics_listen: Address,
    /// Envoy's admin interface.
    pub envoy_admin: Address,
    /// The file of overrides that is watched.
    pub overrides_file: Option<PathBuf>,
    /// Where the token stands that changes need.
    pub token_file: Option<TokenFile>,
    /// Where counters and overrides survive a restart of the agent, if they do.
    pub state_dir: Option<PathBuf>,
    /// How the application is probed, if it is.
    pub app_probe: Option<Target>,
    /// How often, 100 ms to 1 h.
    pub app_probe_interval: Duration,
    /// How long a probe may take, 10 ms to 1 min.
    pub app_probe_timeout: Duration,
    /// How long requests under way may take at the end, 0 to 1 h.
    pub drain: Duration,
    /// How the log is written.
    pub log_format: Format,
    /// What is logged.
    pub log_level: Level,
}

impl Settings {
    /// Reads what clap has read, and the file that it names.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, each with its source, its value, the rule and the remedy.
    pub fn read(command: &Command, matches: &ArgMatches) -> Result<Self, SettingsError> {
        let mut given = Given::new(command, matches);
        let read = Self::read_from(&mut given);
        given.close()?;
        // Nothing is absent where nothing was wrong.
        read.ok_or_else(SettingsError::default)
    }

    fn read_from(given: &mut Given<'_>) -> Option<Self> {
        let why = "whoever reaches it can switch the filter";
        let listen = given.required("listen", |text| Address::parse_local(text, why));
        let metrics_listen = given.required("metrics-listen", Address::parse);
        let why = "an admin interface that others reach can be used by them to stop Envoy";
        let envoy_admin = given.required("envoy-admin", |text| Address::parse_local(text, why));
        let overrides_file = given.optional("overrides-file", path);
        let token_file = given.optional("token-file", path);
        let state_dir = given.optional("state-dir", directory);
        let app_probe = given.optional("app-probe", Target::parse);
        let app_probe_interval = given.required("app-probe-interval", |text| {
            duration(text, Duration::from_millis(100), Duration::from_secs(3600))
        });
        let app_probe_timeout = given
            .required("app-probe-timeout", |text| duration(text, Duration::from_millis(10), Duration::from_secs(60)));
        let drain = given.required("drain", |text| duration(text, Duration::ZERO, Duration::from_secs(3600)));
        let log_format = given
            .required("log-format", |text| word(text, "a format", &[("json", Format::Json), ("text", Format::Text)]));
        let log_level = given.required("log-level", level);
        Some(Self {
            listen: listen?,
            metrics_listen: metrics_listen?,
            envoy_admin: envoy_admin?,
            overrides_file: overrides_file?,
            token_file: token_file?.map(TokenFile::new),
            state_dir: state_dir?,
            app_probe: app_probe?,
            app_probe_interval: app_probe_interval?,
            app_probe_timeout: app_probe_timeout?,
            drain: drain?,
            log_format: log_format?,
            log_level: log_level?,
        })
    }
}

fn path(text: &str) -> Result<PathBuf, Wrong> {
    if text.is_empty() { Err(Wrong::new("is no path", "write one, or leave it out")) } else { Ok(text.into()) }
}

fn directory(text: &str) -> Result<PathBuf, Wrong> {
    if text.is_empty() { Err(Wrong::new("is no directory", "write its path")) } else { Ok(text.into()) }
}

fn level(text: &str) -> Result<Level, Wrong> {
    let levels = [
        ("error", Level::ERROR),
        ("warn", Level::WARN),
        ("info", Level::INFO),
        ("debug", Level::DEBUG),
        ("trace", Level::TRACE),
    ];
    word(text, "a level", &levels)
}
