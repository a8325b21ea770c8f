//! Envoy's stats as the module defines them: the same name is the same stat in every VM.

use std::collections::BTreeMap;

use super::abi::{Outcome, Status};

/// What a stat is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only grows.
    Counter,
    /// The last value of any thread.
    Gauge,
    /// Not kept here.
    Histogram,
}

/// All stats.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    names: BTreeMap<String, usize>,
    stats: Vec<(String, Kind, u64)>,
}

impl Metrics {
    /// Finds a stat or makes it.
    pub(crate) fn define(&mut self, kind: u32, name: &str) -> Outcome<usize> {
        let kind = match kind {
            0 => Kind::Counter,
            1 => Kind::Gauge,
            2 => Kind::Histogram,
            _ => return Err(Status::BadArgument),
        };
        if let Some(index) = self.names.get(name) {
            return Ok(*index);
        }
        self.names.insert(name.to_owned(), self.stats.len());
        self.stats.push((name.to_owned(), kind, 0));
        Ok(self.stats.len() - 1)
    }

    pub(crate) fn increment(&mut self, index: usize, offset: i64) -> Outcome<&str> {
        let (name, kind, value) = self.stats.get_mut(index).ok_or(Status::NotFound)?;
        match kind {
            Kind::Counter if offset <= 0 => return Err(Status::BadArgument),
            Kind::Counter | Kind::Gauge => *value = value.saturating_add_signed(offset),
            Kind::Histogram => return Err(Status::BadArgument),
        }
        Ok(name)
    }

    pub(crate) fn record(&mut self, index: usize, to: u64) -> Outcome {
        let (_, kind, value) = self.stats.get_mut(index).ok_or(Status::NotFound)?;
        match kind {
            Kind::Counter => *value = value.saturating_add(to),
            Kind::Gauge | Kind::Histogram => *value = to,
        }
        Ok(())
    }

    /// The value of a stat.
    pub(crate) fn value(&self, name: &str) -> Option<u64> {
        self.names.get(name).and_then(|index| self.stats.get(*index)).map(|(_, _, value)| *value)
    }

    /// Names and values of those whose name ends with `name`.
    pub(crate) fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, u64)> {
        self.stats.iter().filter(move |(it, ..)| it.ends_with(name)).map(|(name, _, value)| (name.as_str(), *value))
    }
}

/// The value of a label in a stat's name, where it stands as `label=.=value;.;`.
pub fn label<'a>(name: &'a str, label: &str) -> &'a str {
    let find = || name.split(";.;").find_map(|part| part.strip_prefix(label)?.strip_prefix("=.="));
    find().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Metrics, label};

    #[test]
    fn a_name_is_one_stat_however_often_it_is_defined() {
        let mut metrics = Metrics::default();
        let first = metrics.define(0, "service=.=s;.;region=.=r;.;n").unwrap();
        assert_eq!(metrics.define(0, "service=.=s;.;region=.=r;.;n").unwrap(), first);
        metrics.increment(first, 2).unwrap();
        assert!(metrics.increment(first, 0).is_err());
        assert_eq!(metrics.of("n").collect::<Vec<_>>(), [("service=.=s;.;region=.=r;.;n", 2)]);
        assert_eq!(label("service=.=s;.;region=.=r;.;n", "region"), "r");
    }
}
