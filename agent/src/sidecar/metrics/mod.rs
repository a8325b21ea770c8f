//! `/metrics`: what the filter counts, read from Envoy at each scrape, and what the agent knows of itself.
//!
//! | file | what it is |
//! |---|---|
//! | `envoy` | asks Envoy |
//! | `stat` | reads one line of its answer |
//! | `restart` | tells whether it is another Envoy |
//! | `books` | keeps the series, so that no counter ever falls |
//! | `family` | names, types, help |
//! | `state` | keeps what was counted before beyond the agent's own end |
//! | `render` | writes what Prometheus reads |

mod books;
mod envoy;
mod family;
mod render;
mod restart;
mod stat;
mod state;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use prometheus::TEXT_FORMAT;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tracing::{info, warn};

use super::Sidecar;
use super::request::{Answer, text};
use crate::address::Address;
use crate::overrides::{Source, Topology};

use books::{Books, Entered};
use envoy::{Envoy, EnvoyError};
use render::{Page, float};
use restart::Sighting;
use stat::Stat;
use state::{Kept, StateFile};

/// All stats are read again after so long, because a configuration may have been pushed. A used one that is not known is
/// found at once.
const INVENTORY_EVERY: Duration = Duration::from_secs(300);
/// Who asks sooner gets what the last one got: whoever reaches `/metrics` must keep neither Envoy's main thread busy nor
/// ours.
const FRESH: Duration = Duration::from_millis(100);

/// Reads from Envoy, and remembers.
#[derive(Debug)]
pub struct Metrics {
    envoy: Address,
    started: SystemTime,
    /// Held while Envoy is asked: of several scrapes at once, one asks.
    scraper: Mutex<Scraper>,
}

#[derive(Debug, Default)]
struct Scraper {
    books: Books,
    /// The connection to the Envoy that was last seen, while it holds.
    envoy: Option<Envoy>,
    /// What that Envoy said of itself when it was met, and when it last answered.
    seen: Option<(Sighting, Instant)>,
    /// Whether nobody was there since.
    was_missing: bool,
    /// When all stats were last read from it.
    inventory: Option<Instant>,
    /// Where the books are kept, and what was in them when the agent began, until Envoy is met.
    state: Option<StateFile>,
    kept: Option<Kept>,
    /// When the Envoy that was last seen began, since 1970.
    began: Duration,
    /// Whether Envoy answered when it was last asked.
    was_up: Option<bool>,
    /// The last page, and when it was written.
    page: Option<(Instant, Bytes)>,
    errors: u64,
    malformed: u64,
    left_out: u64,
    restarts: u64,
}

impl Metrics {
    /// Reads from the Envoy with this admin interface, and keeps its books in this directory, if in any.
    ///
    /// # Errors
    ///
    /// Where the directory cannot be made.
    pub fn try_new(envoy: Address, state_dir: Option<&Path>) -> io::Result<Self> {
        let state = state_dir.map(StateFile::within).transpose()?;
        let kept = state.as_ref().and_then(|file| {
            file.read().unwrap_or_else(|error| {
                warn!(%error, "the kept counters cannot be read; they begin anew");
                None
            })
        });
        let scraper = Scraper { state, kept, ..Scraper::default() };
        Ok(Self { envoy, started: SystemTime::now(), scraper: Mutex::new(scraper) })
    }

    /// Keeps what is known, because the process is to end.
    pub(super) async fn keep(&self) {
        self.scraper.lock().await.keep(true);
    }

    /// What the filters of this Envoy have, read from it now.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub(super) async fn topology(&self) -> Result<Topology, String> {
        let read = async {
            let mut topology = Topology::default();
            // All stats, because one that was never counted says as well what there is; and not the books, because they
            // know of what is gone too.
            Envoy::connect(&self.envoy)
                .await?
                .stats(true, |line| {
                    if let Ok(Some(stat)) = Stat::read(line) {
                        topology.note(stat.name, |label| stat.labels.get(label), stat.value);
                    }
                })
                .await?;
            Ok(topology)
        };
        let read = timeout(envoy::DEADLINE, read).await.unwrap_or(Err(EnvoyError::Late));
        read.map_err(|error| error.to_string())
    }

    async fn page(&self, sidecar: &Sidecar) -> prometheus::Result<Bytes> {
        let mut scraper = self.scraper.lock().await;
        if let Some((at, page)) = &scraper.page
            && at.elapsed() < FRESH
        {
            return Ok(page.clone());
        }
        let is_up = scraper.ask(&self.envoy).await;
        let page = Bytes::from(self.write(&scraper, is_up, sidecar)?);
        scraper.page = Some((Instant::now(), page.clone()));
        Ok(page)
    }

    fn write(&self, scraper: &Scraper, is_up: bool, sidecar: &Sidecar) -> prometheus::Result<String> {
        let mut page = Page::default();
        page.books(&scraper.books, is_up)?;
        page.own(family::ENVOY_UP, &[(None, f64::from(u8::from(is_up)))])?;
        let mut errors = vec![(Some(("source", "envoy")), float(scraper.errors))];
        let mut malformed = vec![(Some(("source", "envoy")), float(scraper.malformed))];
        if let Some(probe) = &sidecar.app_probe {
            let health = probe.health();
            errors.push((Some(("source", "app")), float(health.failed)));
            malformed.push((Some(("source", "app")), float(health.malformed)));
            if let Some((is_up, changed)) = health.last {
                page.own(family::APP_UP, &[(None, f64::from(u8::from(is_up)))])?;
                page.own(family::APP_CHANGED, &[(None, seconds(changed))])?;
            }
        }
        page.own(family::SCRAPE_ERRORS, &errors)?;
        page.own(family::MALFORMED, &malformed)?;
        page.own(family::LEFT_OUT, &[(None, float(scraper.left_out))])?;
        page.own(family::RESTARTS, &[(None, float(scraper.restarts))])?;
        page.own(family::REFUSED, &[(None, float(sidecar.own.connections_refused()))])?;
        let held = Source::ALL.map(|it| (Some(("source", it.word())), float(count(sidecar.overrides.held(it)))));
        page.own(family::OVERRIDES, &held)?;
        let is_refused = sidecar.overrides.refused().is_some();
        page.own(family::OVERRIDE_FILE_REJECTED, &[(None, f64::from(u8::from(is_refused)))])?;
        let audit = sidecar.overrides.counts();
        let audit: Vec<_> = audit.iter().map(|(it, count)| (Some(("action", it.word())), float(*count))).collect();
        page.own(family::AUDIT, &audit)?;
        page.own(family::BUILD_INFO, &[(Some(("version", env!("CARGO_PKG_VERSION"))), 1.0)])?;
        page.own(family::START, &[(None, seconds(self.started))])?;
        Ok(page.into_text())
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// A moment as Prometheus has it.
fn seconds(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Answers `/metrics`.
pub(super) async fn answer(sidecar: Arc<Sidecar>) -> Answer {
    match sidecar.metrics.page(&sidecar).await {
        Ok(page) => {
            let mut answer = text(StatusCode::OK, page);
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(TEXT_FORMAT));
            answer
        }
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("the metrics cannot be written: {error}\n")),
    }
}

impl Scraper {
    /// Brings the books up to date, and says whether Envoy answered.
    async fn ask(&mut self, address: &Address) -> bool {
        let read = timeout(envoy::DEADLINE, self.read(address)).await.unwrap_or(Err(EnvoyError::Late));
        let was_up = self.was_up.unwrap_or(true);
        if let Err(error) = &read {
            self.errors += 1;
            if was_up {
                warn!(%error, envoy = %address, "envoy cannot be read; counters stay where they are");
            }
        } else if !was_up {
            info!(envoy = %address, "envoy can be read again");
        }
        self.was_up = Some(read.is_ok());
        read.is_ok()
    }

    async fn read(&mut self, address: &Address) -> Result<(), EnvoyError> {
        // Taken out: one that failed, or was given up in the middle of an answer, is not used again.
        if let Some(mut envoy) = self.envoy.take()
            && self.update(&mut envoy).await.is_ok()
        {
            self.answered(envoy);
            return Ok(());
        }
        let connected = Envoy::connect(address).await;
        self.was_missing |= connected.as_ref().is_err_and(EnvoyError::is_missing);
        let mut envoy = connected?;
        // Asked on the connection over which the stats come, so both are said by the same process.
        self.recognise(envoy.sighting().await?);
        self.update(&mut envoy).await?;
        self.answered(envoy);
        Ok(())
    }

    fn answered(&mut self, envoy: Envoy) {
        if let Some((_, alive)) = &mut self.seen {
            *alive = Instant::now();
        }
        self.envoy = Some(envoy);
    }

    async fn update(&mut self, envoy: &mut Envoy) -> Result<(), EnvoyError> {
        if self.needs_inventory() {
            return self.take_inventory(envoy).await;
        }
        let mut is_new = false;
        envoy.stats(false, |line| is_new |= self.enter(line) == Some(Entered::New)).await?;
        // A configuration was pushed: what else it has stands at 0, and shall be seen there.
        if is_new { self.take_inventory(envoy).await } else { Ok(()) }
    }

    fn recognise(&mut self, sighting: Sighting) {
        let was_missing = std::mem::take(&mut self.was_missing);
        if self.seen.is_some_and(|(former, alive)| sighting.is_another_than(former, alive, was_missing)) {
            self.books.carry();
            self.inventory = None;
            self.restarts += 1;
            info!(uptime = ?sighting.uptime, "envoy has restarted; its counters go on from where they were");
        }
        self.seen = Some((sighting, sighting.answered));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.began = now.saturating_sub(sighting.uptime);
        if let Some(kept) = self.kept.take()
            && !kept.enter(&mut self.books, self.began)
        {
            info!("the kept counters are of another envoy, and nobody knows its last ones; they begin anew");
        }
        self.keep(false);
    }

    /// Writes what is known, where it is kept.
    fn keep(&self, is_whole: bool) {
        // Where Envoy was not met, what is kept is still what there is to know.
        if let (Some(file), Some(_)) = (&self.state, &self.seen)
            && let Err(error) = file.write(&self.books, self.began, is_whole)
        {
            warn!(%error, "the counters cannot be kept; they begin anew with the next agent");
        }
    }

    fn needs_inventory(&self) -> bool {
        self.books.is_empty() || self.inventory.is_none_or(|at| at.elapsed() >= INVENTORY_EVERY)
    }

    async fn take_inventory(&mut self, envoy: &mut Envoy) -> Result<(), EnvoyError> {
        self.inventory = None;
        self.books.forget_gauges();
        envoy.stats(true, |line| _ = self.enter(line)).await?;
        self.inventory = Some(Instant::now());
        Ok(())
    }

    fn enter(&mut self, line: &[u8]) -> Option<Entered> {
        let entered = match Stat::read(line) {
            Ok(None) => return None,
            Ok(Some(stat)) => self.books.enter(stat),
            Err(stat::Malformed) => Entered::Refused,
        };
        match entered {
            Entered::Refused => self.malformed += 1,
            Entered::LeftOut => {
                if self.left_out == 0 {
                    warn!(most = books::MAX_SERIES, "there are more series than are kept; use fewer routes");
                }
                self.left_out += 1;
            }
            Entered::Known | Entered::New => {}
        }
        Some(entered)
    }
}
