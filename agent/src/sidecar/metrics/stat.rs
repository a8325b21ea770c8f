//! One line of Envoy's stats in their plain form.
//!
//! The filter writes labels into the name, and there they stand in the plain form, whatever `stats_tags` an Envoy has:
//! `wasmcustom.service=.=router;.;route=.=assist;.;helius_admission_total: 7`. Other modules in the same Envoy have stats
//! of their own below `wasmcustom.`; the filter's are those that begin with the service.

use std::borrow::Cow;

/// What Envoy puts before the names of a filter's stats.
pub(super) const PREFIX: &str = "wasmcustom.";

/// Longest line that is read, in bytes. Names of the configuration have at most 64, and a stat a handful of them.
pub(super) const MAX_LINE: usize = 1024;

/// A stat of the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat<'a> {
    /// The metric's name, without labels.
    pub(super) name: &'a str,
    /// The labels as they stand in the stat's name.
    pub(super) labels: Labels<'a>,
    /// Its value.
    pub(super) value: u64,
}

/// Labels as they stand in a stat's name: `service=.=router;.;route=.=assist;.;`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Labels<'a>(pub(super) &'a str);

/// A line that claims to be a stat of the filter, and cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl<'a> Stat<'a> {
    /// Reads a line. `None` where it is a stat of somebody else.
    pub(super) fn read(line: &'a [u8]) -> Result<Option<Self>, Malformed> {
        if line.is_empty() {
            return Ok(None);
        }
        let line = std::str::from_utf8(line).map_err(|_| Malformed)?;
        let Some(stat) = line.strip_prefix(PREFIX).filter(|stat| stat.starts_with("service=.=")) else {
            return if line.contains(": ") { Ok(None) } else { Err(Malformed) };
        };
        let (stat, value) = stat.rsplit_once(": ").ok_or(Malformed)?;
        let (before, name) = stat.rsplit_once(END).ok_or(Malformed)?;
        // With the end of the last label.
        let labels = stat.get(..before.len() + END.len()).unwrap_or_default();
        if !is_name(name) {
            return Err(Malformed);
        }
        let labels = Labels(labels);
        labels.check()?;
        let value = value.parse().map_err(|_| Malformed)?;
        Ok(Some(Self { name, labels, value }))
    }
}

/// Between a label and its value.
const IS: &str = "=.=";
/// Behind a label's value.
const END: &str = ";.;";

impl<'a> Labels<'a> {
    /// The labels with their values, in the order in which they stand.
    pub(super) fn iter(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.split_terminator(END).filter_map(|label| label.split_once(IS))
    }

    /// The value of a label.
    pub(super) fn get(self, label: &str) -> Option<&'a str> {
        self.iter().find(|(it, _)| *it == label).map(|(_, value)| value)
    }

    /// The same without one of them.
    pub(super) fn without(self, label: &str) -> Cow<'a, str> {
        // The label that makes the series of a family many stands last, and what comes before it is there already.
        let last = self.0.strip_suffix(END).map_or(0, |text| text.rfind(END).map_or(0, |at| at + END.len()));
        if let Some((before, last)) = self.0.split_at_checked(last)
            && last.strip_prefix(label).is_some_and(|rest| rest.starts_with(IS))
        {
            return Cow::Borrowed(before);
        }
        let others = self.iter().filter(|(it, _)| *it != label);
        Cow::Owned(others.fold(String::new(), |text, (label, value)| text + label + IS + value + END))
    }

    /// Whether Prometheus would read them: one that it does not spoils all that stand beside it.
    fn check(self) -> Result<(), Malformed> {
        let mut seen: Vec<&str> = Vec::new();
        for label in self.0.split_terminator(END) {
            let (label, _) = label.split_once(IS).ok_or(Malformed)?;
            if !is_name(label) || label.starts_with("__") || seen.contains(&label) {
                return Err(Malformed);
            }
            seen.push(label);
        }
        Ok(())
    }
}

/// Whether this is a name that Prometheus reads, of a metric or a label.
fn is_name(text: &str) -> bool {
    text.bytes().next().is_some_and(|first| !first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_labels_and_value_are_told_apart() {
        let line = b"wasmcustom.service=.=llm.router;.;route=.=assist;.;region=.=us-east-1;.;helius_attempts_total: 5";
        let stat = Stat::read(line).unwrap().unwrap();
        assert_eq!((stat.name, stat.value), ("helius_attempts_total", 5));
        let labels: Vec<_> = stat.labels.iter().collect();
        assert_eq!(labels, [("service", "llm.router"), ("route", "assist"), ("region", "us-east-1")]);
        assert_eq!(stat.labels.get("route"), Some("assist"));
        assert_eq!(stat.labels.without("route"), "service=.=llm.router;.;region=.=us-east-1;.;");
        assert_eq!(stat.labels.without("region"), "service=.=llm.router;.;route=.=assist;.;");
        assert_eq!(Labels("le=.=1;.;").without("le"), "");
        assert_eq!(Labels("le=.=1;.;").without("l"), "le=.=1;.;");
    }

    #[test]
    fn a_bound_of_a_bucket_is_a_label_like_any_other() {
        let stat =
            Stat::read(b"wasmcustom.service=.=a;.;le=.=+Inf;.;request_latency_seconds_bucket: 1").unwrap().unwrap();
        assert_eq!(stat.labels.get("le"), Some("+Inf"));
        let stat =
            Stat::read(b"wasmcustom.service=.=a;.;le=.=0.005;.;request_latency_seconds_bucket: 1").unwrap().unwrap();
        assert_eq!(stat.labels.get("le"), Some("0.005"));
    }

    #[test]
    fn stats_of_others_are_none() {
        let others = [
            "",
            "server.uptime: 5",
            "cluster.a.upstream_rq_time: P0(nan,1)",
            "wasmcustom.other.plugin: 1",
            "wasmcustom.reporter=.=source;.;istio_requests_total: 1",
        ];
        for line in others {
            assert_eq!(Stat::read(line.as_bytes()), Ok(None), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_one_is_malformed() {
        let lines: [&[u8]; 12] = [
            b"nonsense",
            b"wasmcustom.service=.=a;.;b",
            b"wasmcustom.service=.=a;.;b: ",
            b"wasmcustom.service=.=a;.;b: -1",
            b"wasmcustom.service=.=a;.;b: 1.5",
            b"wasmcustom.service=.=a;.;b: 18446744073709551616",
            b"wasmcustom.service=.=a;.;: 1",
            b"wasmcustom.service=.=a;.;b c: 1",
            b"wasmcustom.service=.=a;.;9b: 1",
            b"wasmcustom.service=.=a;.;x;.;b: 1",
            b"wasmcustom.service=.=a;.;service=.=2;.;b: 1",
            b"wasmcustom.service=.=\xff;.;b: 1",
        ];
        for line in lines {
            assert_eq!(Stat::read(line), Err(Malformed), "{}", String::from_utf8_lossy(line));
        }
    }
}
