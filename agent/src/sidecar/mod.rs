//! `helius-agent sidecar`: the process beside the application and Envoy.
//!
//! One thread. Two listeners: the API, which only the pod reaches, and metrics and health for everybody. Each connection
//! has one request, a handler, and a bound on all that it takes.
//!
//! | file | what it is |
//! |---|---|
//! | `settings` | what it is told at its start |
//! | `listener`, `unix_socket` | who is let in, and how many at once |
//! | `connection`, `request` | one request, bounded |
//! | `router` | which handler answers it; a new one is a [`Route`] in `api` |
//! | `life` | the end: nobody is let in, what is under way gets its answer |
//! | `health`, `own`, `log` | what it says of itself |
//! | `last_good` | good answers that outlive Envoy |
//! | `metrics` | what the filter counts, read from Envoy |
//! | `overrides` | what operators have switched |
//! | `app_probe` | whether the application is well |

mod app_probe;
mod connection;
mod health;
mod last_good;
mod life;
mod listener;
mod log;
mod metrics;
mod overrides;
mod own;
mod request;
mod router;
mod settings;
mod unix_socket;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use hyper::Method;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::last_good::Store;
use life::Signals;
use listener::Listener;

use crate::overrides::{StateDir, Switchboard, now};

pub use app_probe::{AppHealth, AppProbe, Target};
pub use last_good::Kept;
pub use life::Life;
pub use listener::{ListenError, MAX_CONNECTIONS};
pub use log::Format;
pub use metrics::Metrics;
pub(crate) use overrides::AUTHOR;
pub use overrides::TokenFile;
pub use own::Own;
pub use request::{Answer, MAX_BODY, Request, text};
pub use router::{Answering, DEADLINE, Route, Router};
pub use settings::{Settings, SidecarArgs};

/// What all handlers share.
#[derive(Debug)]
pub struct Sidecar {
    /// What it was told at its start.
    pub settings: Settings,
    /// Whether it is to end.
    pub life: Life,
    /// What it counts of itself.
    pub own: Own,
    /// The good answers of the filter.
    pub kept: Kept,
    /// What the filter counts.
    pub metrics: Metrics,
    /// What operators have switched.
    pub overrides: Switchboard,
    /// The probe of the application, where one is wanted.
    pub app_probe: Option<Arc<AppProbe>>,
}

/// Why it could not be begun.
#[derive(Debug, thiserror::Error)]
pub enum SidecarError {
    /// An address cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// There is no place for what is to be kept.
    #[error("--state-dir: cannot use {}: {source}; name a directory that this process may write to", directory.display())]
    State {
        /// The one that was named.
        directory: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The system refuses what every process needs.
    #[error("cannot begin: {0}; look at the limits of the container")]
    Start(#[from] io::Error),
}

/// Runs until a signal ends it.
///
/// # Errors
///
/// Where it cannot be begun. What happens afterwards ends no sidecar.
pub fn run(settings: Settings) -> Result<(), SidecarError> {
    log::begin(settings.log_format, settings.log_level);
    // One thread: the work is small, and the memory of a second one is not.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(live(settings))
}

async fn live(settings: Settings) -> Result<(), SidecarError> {
    let mut signals = Signals::new()?;
    let api_listener = Listener::bind("listen", &settings.listen).await?;
    let open_listener = Listener::bind("metrics-listen", &settings.metrics_listen).await?;
    info!(
        api = %api_listener.address(), metrics = %open_listener.address(), version = env!("CARGO_PKG_VERSION"), "ready"
    );
    let unusable = |source| SidecarError::State { directory: settings.state_dir.clone().unwrap_or_default(), source };
    let kept = settings.state_dir.as_deref().map(Store::open).transpose().map_err(unusable)?;
    let kept = kept.map(|store| Arc::new(Mutex::new(store)));
    let metrics = Metrics::try_new(settings.envoy_admin.clone(), settings.state_dir.as_deref()).map_err(unusable)?;
    let state = settings.state_dir.as_deref().map(StateDir::open).transpose().map_err(unusable)?;
    let overrides = Switchboard::new(state, settings.overrides_file.clone(), now());
    let app_probe = settings
        .app_probe
        .clone()
        .map(|target| Arc::new(AppProbe::new(target, settings.app_probe_interval, settings.app_probe_timeout)));
    let (life, own) = (Life::default(), Own::default());
    let sidecar = Arc::new(Sidecar { settings, life, own, kept, metrics, overrides, app_probe });
    tokio::spawn(overrides::keep(Arc::clone(&sidecar)));
    if let Some(probe) = &sidecar.app_probe {
        tokio::spawn(Arc::clone(probe).run(sidecar.life.clone()));
    }
    let mut served = std::pin::pin!(async {
        let open_routes = Router::new(open());
        tokio::join!(
            api_listener.serve(Arc::clone(&sidecar), Router::new(api())),
            open_listener.serve(Arc::clone(&sidecar), open_routes),
        )
    });
    let signal = tokio::select! {
        signal = signals.next() => signal,
        _ = &mut served => return Ok(()),
    };
    info!(signal, "ends");
    sidecar.life.end();
    tokio::select! {
        drained = timeout(sidecar.settings.drain, served) => {
            if drained.is_err() {
                warn!(drain = ?sidecar.settings.drain, "requests under way were cut off");
            }
        }
        // Who says it twice does not want to wait.
        signal = signals.next() => warn!(signal, "ends at once"),
    }
    sidecar.metrics.keep().await;
    info!("ended");
    Ok(())
}

/// What everybody may ask.
fn open() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/healthz", |_, _| Box::pin(async { health::alive() })),
        Route::new(Method::GET, "/readyz", |sidecar, _| Box::pin(async move { health::ready(&sidecar) })),
        Route::new(Method::GET, "/metrics", |sidecar, _| Box::pin(metrics::answer(sidecar))),
    ]
}

/// What only the pod may ask.
fn api() -> Vec<Route> {
    [open(), last_good::routes(), overrides::routes()].into_iter().flatten().collect()
}
