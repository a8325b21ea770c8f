//! Host calls that belong to no stream: log, ticks, properties, shared data, metrics.

use std::collections::HashMap;

use super::{Host, Outcome, Status};

/// The level of a warning in proxy-wasm's log.
const WARNING: u32 = 3;

/// What may be counted when the stream is gone.
const AFTER_A_STREAM: [&str; 3] =
    ["helius_drill_total", "request_latency_seconds_bucket", "helius_latency_microseconds_total"];

/// The ticks of a root context, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tick {
    pub(crate) period: u64,
    /// Until the next one.
    pub(crate) left: u64,
}

/// One configuration of the plugin.
#[derive(Debug, Default)]
pub(crate) struct Root {
    pub(crate) document: Vec<u8>,
    /// Its ticks, if it wants any.
    pub(crate) tick: Option<Tick>,
    /// Whether what is in force under it changes nothing.
    pub(crate) is_shadow: bool,
}

/// Envoy's stats: the same name is the same stat.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    ids: HashMap<String, u32>,
    stats: Vec<(String, u64)>,
}

impl Metrics {
    pub(super) fn define(&mut self, name: &str) -> u32 {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = u32::try_from(self.stats.len()).expect("a filter with bounded labels defines few stats");
        self.ids.insert(name.to_owned(), id);
        self.stats.push((name.to_owned(), 0));
        id
    }

    pub(super) fn set(&mut self, id: u32, value: u64) -> Outcome {
        self.stat(id)?.1 = value;
        Ok(())
    }

    fn stat(&mut self, id: u32) -> Outcome<&mut (String, u64)> {
        usize::try_from(id).ok().and_then(|id| self.stats.get_mut(id)).ok_or(Status::NotFound)
    }

    /// Names and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.stats.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// The values of those stats whose name ends with `name`.
    pub(crate) fn of(&self, name: &str) -> impl Iterator<Item = u64> {
        self.iter().filter(move |(it, _)| it.ends_with(name)).map(|(_, value)| value)
    }
}

impl Host {
    /// What an operator has to mend is told as loudly by design; that Envoy refuses what the filter wants is not.
    pub(super) fn log(level: u32, line: &str) {
        if line.starts_with("the configuration is refused") {
            super::host(|host| host.refusals += 1);
        } else if !["raise the timeout of the route", "the agent tells nothing"].iter().any(|it| line.contains(it)) {
            assert!(level < WARNING, "the filter complains: {line}");
        }
    }

    pub(super) fn set_tick(&mut self, period: u32) -> Outcome {
        let current = self.current;
        let period = u64::from(period);
        let tick = (period > 0).then_some(Tick { period, left: period });
        self.roots.get_mut(&current).ok_or(Status::BadArgument)?.tick = tick;
        Ok(())
    }

    pub(super) fn property(&mut self, path: &str) -> Outcome<Vec<u8>> {
        let context = self.effective;
        match path.split('\0').collect::<Vec<_>>().as_slice() {
            ["plugin_name" | "plugin_root_id"] => Ok(b"helius".to_vec()),
            ["source", "address"] => Ok(b"10.0.0.1:40112".to_vec()),
            // Absent where there is no route, or one that Envoy answers itself.
            ["xds", "cluster_name"] => {
                Some(self.routed_to.clone()).filter(|name| !name.is_empty()).ok_or(Status::NotFound)
            }
            // Absent before there is an answer.
            ["response", "code_details"] => {
                let stream = self.stream(context).map_err(|_| Status::NotFound)?;
                let is_there = stream.response.headers.is_some() || stream.is_logging;
                is_there.then(|| stream.details.clone()).ok_or(Status::NotFound)
            }
            _ => Err(Status::NotFound),
        }
    }

    /// A number of 0 sets a value in any case, and so does every number where there is none.
    pub(super) fn share(&mut self, key: &[u8], value: &[u8], number: u32) -> Outcome {
        let current = self.shared.get(key).map_or(0, |(_, current)| *current);
        if number != 0 && current != 0 && number != current {
            return Err(Status::CasMismatch);
        }
        self.shared.insert(key.to_vec(), (value.to_vec(), current.wrapping_add(1).max(1)));
        Ok(())
    }

    pub(super) fn increment(&mut self, id: u32, offset: i64) -> Outcome {
        let context = self.effective;
        let (name, value) = self.metrics.stat(id)?;
        *value = value.checked_add_signed(offset).filter(|_| offset > 0).ok_or(Status::BadArgument)?;
        let name = name.clone();
        self.counted += 1;
        if let Some(stream) = self.streams.get_mut(&context) {
            stream.ledger.counts(&name);
        } else {
            let is_later = AFTER_A_STREAM.iter().any(|it| name.ends_with(it));
            assert!(is_later, "counted for no stream: {name}");
        }
        Ok(())
    }
}
