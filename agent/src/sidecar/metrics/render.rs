//! The text that Prometheus reads, out of the books.

use std::borrow::Cow;
use std::collections::BTreeMap;

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Result, TextEncoder};

use super::books::Books;
use super::family::{
    self, ATTEMPTS, Kind, LATENCY, LATENCY_BUCKET, LATENCY_MICROSECONDS, MODEL_INVALID, MODEL_REQUESTS,
};
use super::stat::Labels;

/// A text in the making. Each family is written as soon as it is made, so that no two of them take memory at once.
#[derive(Debug, Default)]
pub(super) struct Page(String);

impl Page {
    /// The whole text.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// Writes a family of the agent's own, whose samples have at most one label.
    pub(super) fn own(&mut self, name: &str, samples: &[(Option<(&str, &str)>, f64)]) -> Result<()> {
        let kind = family::kind(name);
        let metrics = samples.iter().map(|(label, value)| {
            let labels = label.iter().map(|(label, value)| pair(label, value)).collect();
            metric(kind, labels, *value)
        });
        self.write(name, kind, metrics.collect())
    }

    /// Writes what the filter counts, and what is made of it.
    pub(super) fn books(&mut self, books: &Books, with_gauges: bool) -> Result<()> {
        for (name, series) in books.counters() {
            // These two become a histogram.
            if matches!(name, LATENCY_BUCKET | LATENCY_MICROSECONDS) {
                continue;
            }
            let metrics =
                series.iter().map(|(labels, count)| metric(Kind::Counter, pairs(Labels(labels)), float(count.total())));
            self.write(name, Kind::Counter, metrics.collect())?;
        }
        self.model(books)?;
        self.latency(books)?;
        if with_gauges {
            for (name, series) in books.gauges() {
                let metrics =
                    series.iter().map(|(labels, value)| metric(Kind::Gauge, pairs(Labels(labels)), float(*value)));
                self.write(name, Kind::Gauge, metrics.collect())?;
            }
        }
        Ok(())
    }

    /// Attempts, and those whose output was invalid. Both exist for each region, so that a rate sees the first of them.
    fn model(&mut self, books: &Books) -> Result<()> {
        let mut regions: BTreeMap<Cow<'_, str>, (u64, u64)> = BTreeMap::new();
        for (labels, count) in books.counter(ATTEMPTS) {
            let Some(verdict) = labels.get("verdict") else { continue };
            let (requests, invalid) = regions.entry(labels.without("verdict")).or_default();
            if !verdict.starts_with("skipped_") {
                *requests = requests.saturating_add(count.total());
            }
            if verdict == "invalid_output" {
                *invalid = invalid.saturating_add(count.total());
            }
        }
        let made = |of: fn(&(u64, u64)) -> u64| {
            let metrics =
                regions.iter().map(|(labels, sums)| metric(Kind::Counter, pairs(Labels(labels)), float(of(sums))));
            metrics.collect()
        };
        self.write(MODEL_REQUESTS, Kind::Counter, made(|(requests, _)| *requests))?;
        self.write(MODEL_INVALID, Kind::Counter, made(|(_, invalid)| *invalid))
    }

    fn latency(&mut self, books: &Books) -> Result<()> {
        let mut routes: BTreeMap<Cow<'_, str>, Vec<(f64, u64)>> = BTreeMap::new();
        for (labels, count) in books.counter(LATENCY_BUCKET) {
            // Rust reads +Inf too.
            let Some(bound) = labels.get("le").and_then(|bound| bound.parse().ok()) else { continue };
            routes.entry(labels.without("le")).or_default().push((bound, count.total()));
        }
        let sums: BTreeMap<&str, u64> =
            books.counter(LATENCY_MICROSECONDS).map(|(labels, count)| (labels.0, count.total())).collect();
        let metrics = routes.into_iter().map(|(labels, buckets)| {
            let micros = sums.get(&*labels).copied().unwrap_or_default();
            let mut metric = Metric::from_label(pairs(Labels(&labels)));
            metric.set_histogram(histogram(buckets, float(micros) / 1e6));
            metric
        });
        self.write(LATENCY, Kind::Histogram, metrics.collect())
    }

    /// Prometheus has no families without samples.
    fn write(&mut self, name: &str, kind: Kind, metrics: Vec<Metric>) -> Result<()> {
        if metrics.is_empty() {
            return Ok(());
        }
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(family::help(name).to_owned());
        family.set_field_type(match kind {
            Kind::Counter => MetricType::COUNTER,
            Kind::Gauge => MetricType::GAUGE,
            Kind::Histogram => MetricType::HISTOGRAM,
        });
        family.set_metric(metrics);
        TextEncoder::new().encode_utf8(&[family], &mut self.0)
    }
}

fn histogram(mut buckets: Vec<(f64, u64)>, sum: f64) -> Histogram {
    buckets.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let mut histogram = Histogram::default();
    let mut reached = 0;
    let mut written = Vec::with_capacity(buckets.len());
    for (bound, count) in buckets {
        // Envoy's workers count on while it lists the counters, and a bucket never has less than the one below.
        reached = reached.max(count);
        // The encoder writes the last one itself, as Prometheus spells it.
        if bound.is_finite() {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(reached);
            written.push(bucket);
        }
    }
    histogram.set_bucket(written);
    histogram.set_sample_count(reached);
    histogram.set_sample_sum(sum);
    histogram
}

fn metric(kind: Kind, labels: Vec<LabelPair>, value: f64) -> Metric {
    let mut metric = Metric::from_label(labels);
    if kind == Kind::Counter {
        let mut counter = Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
    }
    metric
}

fn pairs(labels: Labels<'_>) -> Vec<LabelPair> {
    // Room for as many as there are: thousands of these are made for each page.
    let mut pairs = Vec::with_capacity(5);
    pairs.extend(labels.iter().map(|(label, value)| pair(label, value)));
    pairs
}

fn pair(label: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(label.to_owned());
    pair.set_value(value.to_owned());
    pair
}

/// A number as Prometheus has it. Beyond 2^53 it is rounded.
#[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
pub(super) const fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::super::stat::Stat;
    use super::*;

    fn page(lines: &[&str], with_gauges: bool) -> String {
        let mut books = Books::default();
        for line in lines {
            let line = format!("wasmcustom.service=.=s;.;route=.=r;.;{line}");
            books.enter(Stat::read(line.as_bytes()).unwrap().unwrap());
        }
        let mut page = Page::default();
        page.books(&books, with_gauges).unwrap();
        page.into_text()
    }

    #[test]
    fn attempts_become_requests_and_invalid_outputs_of_each_region() {
        let text = page(
            &[
                "region=.=east;.;verdict=.=ok;.;helius_attempts_total: 5",
                "region=.=east;.;verdict=.=invalid_output;.;helius_attempts_total: 2",
                "region=.=east;.;verdict=.=skipped_budget;.;helius_attempts_total: 9",
                "region=.=west;.;verdict=.=skipped_deadline;.;helius_attempts_total: 4",
            ],
            true,
        );
        let labels = |region: &str| format!("{{service=\"s\",route=\"r\",region=\"{region}\"}}");
        for (name, region, value) in [
            ("model_requests_total", "east", 7),
            ("model_invalid_outputs_total", "east", 2),
            ("model_requests_total", "west", 0),
            ("model_invalid_outputs_total", "west", 0),
        ] {
            let line = format!("\n{name}{} {value}\n", labels(region));
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn buckets_become_a_histogram_in_seconds() {
        let text = page(
            &[
                "le=.=+Inf;.;request_latency_seconds_bucket: 4",
                "le=.=1;.;request_latency_seconds_bucket: 3",
                "le=.=0.005;.;request_latency_seconds_bucket: 1",
                "helius_latency_microseconds_total: 2500000",
            ],
            true,
        );
        let histogram = "# HELP request_latency_seconds The time of whole exchanges as the client saw them, in seconds.\n\
            # TYPE request_latency_seconds histogram\n\
            request_latency_seconds_bucket{service=\"s\",route=\"r\",le=\"0.005\"} 1\n\
            request_latency_seconds_bucket{service=\"s\",route=\"r\",le=\"1\"} 3\n\
            request_latency_seconds_bucket{service=\"s\",route=\"r\",le=\"+Inf\"} 4\n\
            request_latency_seconds_sum{service=\"s\",route=\"r\"} 2.5\n\
            request_latency_seconds_count{service=\"s\",route=\"r\"} 4\n";
        assert!(text.contains(histogram), "{text}");
        assert!(!text.contains("# TYPE request_latency_seconds_bucket"), "{text}");
    }

    #[test]
    fn a_histogram_never_falls_from_bucket_to_bucket() {
        let histogram = histogram(vec![(f64::INFINITY, 4), (0.1, 5)], 0.0);
        assert_eq!(histogram.get_sample_count(), 5);
    }

    #[test]
    fn gauges_are_withheld_where_nobody_knows_them() {
        let gauge = "region=.=east;.;telemetry_circuit_breaker_state: 2";
        assert!(page(&[gauge], true).contains("\ntelemetry_circuit_breaker_state{"));
        assert_eq!(page(&[gauge], false), "");
    }

    #[test]
    fn a_family_that_nobody_knows_is_named_by_its_end() {
        let text = page(&["helius_new_total: 1", "helius_new: 1"], true);
        assert!(
            text.contains("# TYPE helius_new_total counter\n") && text.contains("# TYPE helius_new gauge\n"),
            "{text}"
        );
    }
}
