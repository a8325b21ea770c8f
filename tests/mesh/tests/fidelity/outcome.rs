//! What is compared: all that a client and an operator can see of a scenario, but for what differs from one moment to
//! the next.

use std::collections::BTreeMap;
use std::fmt;

/// How a scenario came out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// In the order of the scenario's exchanges.
    pub(crate) exchanges: Vec<Seen>,
    pub(crate) stats: Counts,
}

/// The filter's stats that are not 0: name with labels, and value.
pub(crate) type Counts = BTreeMap<String, u64>;

/// What a client saw of one exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) end: End,
    pub(crate) status: u16,
    /// Without those that [`is_compared`] leaves out; several values of a name in their order.
    pub(crate) headers: BTreeMap<String, Vec<String>>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum End {
    Whole,
    Truncated,
    /// The client left; what it had seen until then is nobody's business.
    #[default]
    Left,
}

/// Whether a header is part of the outcome: not those that frame the body, tell the time or name the server.
pub(crate) fn is_compared(name: &str) -> bool {
    const LEFT_OUT: [&str; 6] = [":status", "content-length", "transfer-encoding", "connection", "date", "server"];
    !LEFT_OUT.contains(&name) && !name.starts_with("x-envoy-")
}

/// Whether a stat is part of the outcome: not those that tell the time.
pub(crate) fn is_counted(name: &str) -> bool {
    const LEFT_OUT: [&str; 2] = ["helius_latency_microseconds_total", "helius_override_expires_seconds"];
    let is_ours = ["helius_", "telemetry_"].iter().any(|prefix| name.starts_with(prefix));
    is_ours && !LEFT_OUT.contains(&name)
}

/// A stat's name with its labels, written as Prometheus does.
pub(crate) fn series<'a>(name: &str, labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let labels: BTreeMap<&str, &str> = labels.into_iter().collect();
    let labels: Vec<String> = labels.iter().map(|(label, value)| format!("{label}={value}")).collect();
    format!("{name}{{{}}}", labels.join(","))
}

impl Outcome {
    /// Everything in which `simulated` differs from this, which is the real one: a line each.
    pub(crate) fn differences(&self, simulated: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        let count = self.exchanges.len().max(simulated.exchanges.len());
        for index in 0..count {
            let (real, simulated) = (self.exchanges.get(index), simulated.exchanges.get(index));
            let (Some(real), Some(simulated)) = (real, simulated) else {
                lines.push(format!("exchange {index}: real {real:?}, simulated {simulated:?}"));
                continue;
            };
            lines.extend(real.differences(simulated).into_iter().map(|line| format!("exchange {index}: {line}")));
        }
        for_each_key(&self.stats, &simulated.stats, |series, real, simulated| {
            lines.push(format!(
                "{series}: real {}, simulated {}",
                real.copied().unwrap_or(0),
                simulated.copied().unwrap_or(0)
            ));
        });
        lines
    }
}

impl Seen {
    fn differences(&self, simulated: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut compare = |field: &str, real: &dyn fmt::Debug, simulated: &dyn fmt::Debug| {
            let (real, simulated) = (format!("{real:?}"), format!("{simulated:?}"));
            if real != simulated {
                lines.push(format!("{field}: real {real}, simulated {simulated}"));
            }
        };
        compare("end", &self.end, &simulated.end);
        compare("status", &self.status, &simulated.status);
        for_each_key(&self.headers, &simulated.headers, |name, real, simulated| compare(name, &real, &simulated));
        for_each_key(&self.trailers, &simulated.trailers, |name, real, simulated| {
            compare(&format!("trailer {name}"), &real, &simulated);
        });
        if self.body != simulated.body {
            lines.push(format!("body: real {}, simulated {}", shown(&self.body), shown(&simulated.body)));
        }
        lines
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Seen { end, status, headers, body, trailers } in &self.exchanges {
            writeln!(formatter, "    {end:?} {status} {}", shown(body))?;
            for (name, values) in headers {
                writeln!(formatter, "      {name}: {}", values.join(" | "))?;
            }
            for (name, value) in trailers {
                writeln!(formatter, "      trailer {name}: {value}")?;
            }
        }
        self.stats.iter().try_for_each(|(series, value)| writeln!(formatter, "      {series} {value}"))
    }
}

/// Calls `differ` for each key whose value is not the same in both.
fn for_each_key<V: PartialEq>(
    real: &BTreeMap<String, V>,
    simulated: &BTreeMap<String, V>,
    mut differ: impl FnMut(&str, Option<&V>, Option<&V>),
) {
    let only_simulated = simulated.keys().filter(|key| !real.contains_key(*key));
    for key in real.keys().chain(only_simulated) {
        if real.get(key) != simulated.get(key) {
            differ(key, real.get(key), simulated.get(key));
        }
    }
}

/// A body in a line: its length, and enough of it to know whose it is.
fn shown(body: &[u8]) -> String {
    const MOST: usize = 100;
    let dots = if body.len() > MOST { "…" } else { "" };
    format!("{} bytes \"{}{dots}\"", body.len(), body[..body.len().min(MOST)].escape_ascii())
}
