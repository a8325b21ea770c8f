//! The agent's own probe of the application, beside what Kubernetes does, so that an SRE sees which of the two is down:
//! the application or the way to it.
//!
//! It runs by itself, and a scrape reads what the last one found.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use hyper::StatusCode;
use hyper::http::uri::{PathAndQuery, Uri};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{info, warn};

use super::Life;
use crate::address::Address;
use crate::http_client::{HttpClient, HttpError};
use crate::settings::Wrong;

/// Who is probed, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A GET of this path has to be answered 200 to 399.
    Http(Address, PathAndQuery),
    /// A connection has to be accepted.
    Tcp(Address),
}

impl Target {
    /// Reads `http://127.0.0.1:8080/healthz` or `tcp://127.0.0.1:8080`.
    ///
    /// # Errors
    ///
    /// Where it is neither. There is no TLS within a pod.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let remedy = "write \"http://127.0.0.1:8080/healthz\" or \"tcp://127.0.0.1:8080\", with the application's port";
        if let Some(address) = text.strip_prefix("tcp://") {
            return Ok(Self::Tcp(Address::parse(address).map_err(|wrong| Wrong::new(wrong.rule, remedy))?));
        }
        if !text.starts_with("http://") {
            return Err(Wrong::new("is neither http:// nor tcp://", remedy));
        }
        let uri: Uri = text.parse().map_err(|_| Wrong::new("is not a URL", remedy))?;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let address = Address::parse(authority).map_err(|wrong| Wrong::new(wrong.rule, remedy))?;
        let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        Ok(Self::Http(address, path))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(address, path) => write!(formatter, "http://{address}{path}"),
            Self::Tcp(address) => write!(formatter, "tcp://{address}"),
        }
    }
}

/// Why the application is down.
#[derive(Debug, thiserror::Error)]
enum Down {
    #[error("no answer within {0:?}")]
    Late(Duration),
    #[error("the answer is {0}")]
    Status(StatusCode),
    #[error("the answer is no HTTP: {0}")]
    Malformed(hyper::Error),
    #[error(transparent)]
    Http(HttpError),
    #[error("cannot connect: {0}")]
    Connect(#[from] std::io::Error),
}

impl From<HttpError> for Down {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Exchange(error) if error.is_parse() => Self::Malformed(error),
            error => Self::Http(error),
        }
    }
}

/// What is known of the application.
#[derive(Clone, Copy, Debug, Default)]
pub struct AppHealth {
    /// Whether the last probe went well, and since when probes go so; nothing before the first.
    pub last: Option<(bool, SystemTime)>,
    /// Probes that did not go well.
    pub failed: u64,
    /// Of these, answers that were no HTTP.
    pub malformed: u64,
}

/// A probe.
#[derive(Debug)]
pub struct AppProbe {
    target: Target,
    interval: Duration,
    timeout: Duration,
    health: Mutex<AppHealth>,
}

impl AppProbe {
    /// One of this target, so often, of which each may take so long.
    pub fn new(target: Target, interval: Duration, timeout: Duration) -> Self {
        Self { target, interval, timeout, health: Mutex::default() }
    }

    /// What the last probe found.
    pub fn health(&self) -> AppHealth {
        *self.lock()
    }

    /// Probes until the process is to end.
    pub(super) async fn run(self: Arc<Self>, life: Life) {
        let mut ticks = interval(self.interval);
        // After a long one the next is late; there is nothing to catch up with.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = life.ending() => return,
                _ = ticks.tick() => {}
            }
            let found = timeout(self.timeout, self.probe()).await.unwrap_or(Err(Down::Late(self.timeout)));
            self.note(&found, SystemTime::now());
        }
    }

    async fn probe(&self) -> Result<(), Down> {
        let (address, path) = match &self.target {
            Target::Tcp(Address::Tcp(addr)) => return Ok(TcpStream::connect(addr).await.map(drop)?),
            Target::Tcp(Address::Unix(path)) => return Ok(UnixStream::connect(path).await.map(drop)?),
            Target::Http(address, path) => (address, path),
        };
        // The head says it; the body is not read, however long it is.
        let answer = HttpClient::connect(address).await?.get(path.as_str()).await?;
        match answer.status() {
            status if status.is_success() || status.is_redirection() => Ok(()),
            status => Err(Down::Status(status)),
        }
    }

    fn note(&self, found: &Result<(), Down>, now: SystemTime) {
        let mut health = self.lock();
        let was_up = health.last.map(|(is_up, _)| is_up);
        if was_up != Some(found.is_ok()) {
            health.last = Some((found.is_ok(), now));
            match found {
                Ok(()) => info!(target = %self.target, "the application is up"),
                Err(why) => warn!(target = %self.target, %why, "the application is down"),
            }
        }
        health.failed += u64::from(found.is_err());
        health.malformed += u64::from(matches!(found, Err(Down::Malformed(_))));
    }

    fn lock(&self) -> MutexGuard<'_, AppHealth> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_written_the_same() {
        for text in ["http://127.0.0.1:8080/healthz?deep=1", "tcp://[::1]:8080", "tcp://unix:/run/app.sock"] {
            assert_eq!(Target::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Target::parse("http://localhost:80").unwrap().to_string(), "http://127.0.0.1:80/");
    }

    #[test]
    fn what_is_no_target_is_told_with_the_remedy() {
        for text in ["", "127.0.0.1:80", "https://127.0.0.1:80/", "http://", "http://app:80/", "tcp://127.0.0.1"] {
            assert!(Target::parse(text).unwrap_err().remedy.contains("http://127.0.0.1:8080/healthz"), "{text}");
        }
    }

    #[test]
    fn a_change_is_noted_with_its_time_and_what_stays_the_same_is_none() {
        let target = Target::parse("tcp://127.0.0.1:1").unwrap();
        let probe = AppProbe::new(target, Duration::from_secs(1), Duration::from_secs(1));
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let late = || Err(Down::Late(Duration::from_secs(1)));
        assert_eq!(probe.health().last, None);
        for (found, now, expected) in
            [(late(), 1, (false, 1)), (late(), 2, (false, 1)), (Ok(()), 3, (true, 3)), (Ok(()), 4, (true, 3))]
        {
            probe.note(&found, at(now));
            assert_eq!(probe.health().last, Some((expected.0, at(expected.1))));
        }
        assert_eq!((probe.health().failed, probe.health().malformed), (2, 0));
    }
}
