//! The stats of Envoy as Prometheus would read them.

use std::collections::BTreeMap;

/// One line of the exposition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The metric's name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: u64,
}

/// All counters, gauges and histogram buckets at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    samples: Vec<Sample>,
}

impl Stats {
    /// Reads the Prometheus text format. Lines whose value is not a whole number (only sums of histograms) are left
    /// out: everything asserted on is a count.
    pub fn parse(exposition: &str) -> Self {
        Self { samples: exposition.lines().filter_map(parse_line).collect() }
    }

    /// All samples of one metric.
    pub fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| sample.name == name)
    }

    /// All samples whose metric's name begins like this.
    pub fn beginning<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| sample.name.starts_with(prefix))
    }

    /// The sum over all samples of one metric that carry at least these labels; 0 where there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let carries = |sample: &&Sample| {
            labels.iter().all(|(key, value)| sample.labels.get(*key).is_some_and(|found| found == value))
        };
        self.of(name).filter(carries).map(|sample| sample.value).sum()
    }

    /// The sum over all metrics whose name begins and ends like this, for names that contain another name.
    pub fn sum_named(&self, prefix: &str, suffix: &str) -> u64 {
        let named = |sample: &&Sample| sample.name.starts_with(prefix) && sample.name.ends_with(suffix);
        self.samples.iter().filter(named).map(|sample| sample.value).sum()
    }
}

fn parse_line(line: &str) -> Option<Sample> {
    if line.starts_with('#') {
        return None;
    }
    let (series, value) = line.rsplit_once(' ')?;
    let value = value.parse().ok()?;
    let (name, labels) = match series.split_once('{') {
        Some((name, rest)) => (name, parse_labels(rest.strip_suffix('}')?)?),
        None => (series, BTreeMap::new()),
    };
    Some(Sample { name: name.to_owned(), labels, value })
}

fn parse_labels(mut text: &str) -> Option<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    while !text.is_empty() {
        let (key, rest) = text.split_once("=\"")?;
        let (value, rest) = parse_quoted(rest)?;
        labels.insert(key.to_owned(), value);
        text = rest.strip_prefix(',').unwrap_or(rest);
    }
    Some(labels)
}

/// What stands before the closing quote, unescaped, and what follows it.
fn parse_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            plain => value.push(plain),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Stats;

    const EXPOSITION: &str = r#"# TYPE helius_attempts_total counter
helius_attempts_total{region="us-east-1",verdict="ok"} 3
helius_attempts_total{region="us-west-2",verdict="ok"} 4
helius_attempts_total{region="us-west-2",verdict="a \"b\", c"} 5
envoy_wasm_helius_vm_reload_success{} 2
envoy_latency_sum{} 1.5
plain 7
"#;

    #[test]
    fn sums_the_samples_that_carry_the_labels() {
        let stats = Stats::parse(EXPOSITION);
        assert_eq!(stats.sum("helius_attempts_total", &[]), 12);
        assert_eq!(stats.sum("helius_attempts_total", &[("verdict", "ok")]), 7);
        assert_eq!(stats.sum("helius_attempts_total", &[("verdict", "a \"b\", c")]), 5);
        assert_eq!(stats.sum("plain", &[]), 7);
        assert_eq!(stats.sum("absent", &[]), 0);
    }

    #[test]
    fn sums_by_the_ends_of_a_name() {
        assert_eq!(Stats::parse(EXPOSITION).sum_named("envoy_wasm_", "_vm_reload_success"), 2);
    }
}
