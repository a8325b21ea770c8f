//! Reading the filter's stats from Envoy's admin interface.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Incoming;

use super::restart::Sighting;
use super::stat::MAX_LINE;
use crate::address::Address;
use crate::http_client::{HttpClient, HttpError, read_body};

/// How long an Envoy may take. It answers from its main thread, in milliseconds.
pub(super) const DEADLINE: Duration = Duration::from_secs(1);

/// Longest list of stats that is read, in bytes: [`super::books::MAX_SERIES`] of them, and as much again.
const MAX_STATS: usize = 16 << 20;
/// Longest `/server_info`, in bytes: it repeats the command line.
const MAX_INFO: usize = 256 << 10;

/// The filter's stats alone: an Envoy in a mesh has tens of thousands of others.
const INVENTORY: &str = "/stats?filter=%5Ewasmcustom%5C.service%3D";
/// The same, of which something has been counted.
const USED: &str = "/stats?filter=%5Ewasmcustom%5C.service%3D&usedonly";

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum EnvoyError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("{path} was answered {status}")]
    Status { path: &'static str, status: StatusCode },
    #[error("/server_info says no uptime")]
    Info,
    #[error("the stats are longer than 16 MiB")]
    TooLong,
    #[error("no answer within 1 s")]
    Late,
}

impl EnvoyError {
    /// Whether nobody listens there: a process of Envoy does from its beginning to its end.
    pub(super) fn is_missing(&self) -> bool {
        let kind = match self {
            Self::Http(HttpError::Connect { source, .. }) => source.kind(),
            _ => return false,
        };
        matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::NotFound)
    }
}

/// A connection to one process of Envoy.
#[derive(Debug)]
pub(super) struct Envoy(HttpClient);

impl Envoy {
    pub(super) async fn connect(address: &Address) -> Result<Self, EnvoyError> {
        Ok(Self(HttpClient::connect(address).await?))
    }

    /// How long it has been up.
    pub(super) async fn sighting(&mut self) -> Result<Sighting, EnvoyError> {
        let asked = Instant::now();
        let answer = self.get("/server_info").await?;
        let info = read_body(answer, MAX_INFO).await?;
        let info: serde_json::Value = serde_json::from_slice(&info).map_err(|_| EnvoyError::Info)?;
        // "15s". Of the present process; uptime_all_epochs is that of all whose counters were handed on by hot restarts,
        // which is what the counters go by.
        let uptime = info["uptime_all_epochs"].as_str().and_then(|text| text.strip_suffix('s')?.parse().ok());
        let uptime = Duration::from_secs(uptime.ok_or(EnvoyError::Info)?);
        Ok(Sighting { asked, answered: Instant::now(), uptime })
    }

    /// Hands each line of the filter's stats to `take`: all, or those in use.
    pub(super) async fn stats(&mut self, all: bool, mut take: impl FnMut(&[u8])) -> Result<(), EnvoyError> {
        let mut body = self.get(if all { INVENTORY } else { USED }).await?.into_body();
        let mut lines = Lines::default();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(HttpError::from)?;
            let Ok(data): Result<Bytes, _> = frame.into_data() else { continue };
            length += data.len();
            if length > MAX_STATS {
                return Err(EnvoyError::TooLong);
            }
            lines.add(&data, &mut take);
        }
        lines.end(take);
        Ok(())
    }

    async fn get(&mut self, path: &'static str) -> Result<hyper::Response<Incoming>, EnvoyError> {
        let answer = self.0.get(path).await?;
        match answer.status() {
            StatusCode::OK => Ok(answer),
            status => Err(EnvoyError::Status { path, status }),
        }
    }
}

/// Lines out of pieces that end anywhere.
#[derive(Debug, Default)]
struct Lines {
    /// The beginning of a line whose end has not come; one byte too long where the line is too long.
    begun: Vec<u8>,
}

impl Lines {
    fn add(&mut self, mut data: &[u8], take: &mut impl FnMut(&[u8])) {
        while let Some(end) = data.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = data.split_at(end);
            if self.begun.is_empty() && line.len() <= MAX_LINE {
                take(line);
            } else {
                self.keep(line);
                take(&std::mem::take(&mut self.begun));
            }
            data = rest.split_first().map_or(&[], |(_, rest)| rest);
        }
        self.keep(data);
    }

    /// Of a line that is too long, the end is cut off, its value with it: so it is malformed.
    fn keep(&mut self, data: &[u8]) {
        let room = (MAX_LINE + 1).saturating_sub(self.begun.len());
        self.begun.extend(data.iter().take(room));
    }

    fn end(self, mut take: impl FnMut(&[u8])) {
        if !self.begun.is_empty() {
            take(&self.begun);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&str]) -> Vec<String> {
        let mut taken = Vec::new();
        let mut take = |line: &[u8]| taken.push(String::from_utf8_lossy(line).into_owned());
        let mut lines = Lines::default();
        for piece in pieces {
            lines.add(piece.as_bytes(), &mut take);
        }
        lines.end(&mut take);
        taken
    }

    #[test]
    fn lines_are_whole_wherever_the_pieces_end() {
        assert_eq!(lines(&["ab\ncd\n", "e", "f\n", "g"]), ["ab", "cd", "ef", "g"]);
        assert_eq!(lines(&["ab", "\n", "\n", "c\n"]), ["ab", "", "c"]);
    }

    #[test]
    fn a_line_that_does_not_end_takes_no_more_memory_than_one_that_does() {
        let long = "x".repeat(MAX_LINE);
        assert_eq!(lines(&[&long, "\n", "b\n"]), [long.as_str(), "b"]);
        let cut = lines(&[&long, &long, "yyy: 1\nb\n"]);
        assert_eq!(cut[0].len(), MAX_LINE + 1);
        assert_eq!(cut[1], "b");
    }
}
