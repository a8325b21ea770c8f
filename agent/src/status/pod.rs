//! What is degraded in a pod.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::samples::{Sample, read};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Clients get something else than they asked for, or nobody protects them.
    Bad,
    /// They get what they asked for from somebody else, or an operator has switched something.
    Noted,
}

impl Severity {
    /// The word for it in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Noted => "noted",
        }
    }
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Of which service; empty where it is the pod as a whole.
    pub service: String,
    /// On which route; empty where it is all of them.
    pub route: String,
    /// What it is, in words.
    pub what: String,
    /// When it ends, where that is known.
    pub until: Option<SystemTime>,
}

/// A pod as its agent sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    findings: Vec<Finding>,
    routes: usize,
}

impl Pod {
    /// Reads what an agent exports.
    pub fn read(text: &str, now: SystemTime) -> Self {
        let samples: Vec<Sample> = read(text).collect();
        let routes = samples.iter().filter(|it| it.name == "model_requests_total");
        let routes: BTreeSet<_> = routes.map(|it| (it.label("service"), it.label("route"))).collect();
        let mut findings: Vec<Finding> = samples.iter().filter_map(|it| finding(it, &samples, now)).collect();
        if !samples.iter().any(|it| it.name == "helius_envoy_up") {
            let what = "this is no agent of Helius Mesh: it says nothing of Envoy".to_owned();
            findings.push(Finding { what, ..bad(&Finding::nowhere()) });
        }
        findings.sort_by(|a, b| {
            (a.severity, &a.service, &a.route, &a.what).cmp(&(b.severity, &b.service, &b.route, &b.what))
        });
        Self { findings, routes: routes.len() }
    }

    /// What is not as it should be, the worst first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Routes that the filter protects.
    pub const fn routes(&self) -> usize {
        self.routes
    }

    /// Whether anything is not as it should be.
    pub const fn is_degraded(&self) -> bool {
        !self.findings.is_empty()
    }
}

impl Finding {
    const fn nowhere() -> Self {
        Self { severity: Severity::Bad, service: String::new(), route: String::new(), what: String::new(), until: None }
    }
}

fn bad(at: &Finding) -> Finding {
    Finding { severity: Severity::Bad, ..at.clone() }
}

fn finding(it: &Sample, all: &[Sample], now: SystemTime) -> Option<Finding> {
    let place =
        Finding { service: it.label("service").to_owned(), route: it.label("route").to_owned(), ..Finding::nowhere() };
    let noted = |what: String| Some(Finding { severity: Severity::Noted, what, ..place.clone() });
    let bad = |what: &str| Some(Finding { what: what.to_owned(), ..bad(&place) });
    let region = it.label("region");
    match it.name.as_str() {
        "helius_envoy_up" if it.value < 1.0 => {
            bad("Envoy does not answer: nobody protects this pod, and its state is not known")
        }
        "helius_app_up" if it.value < 1.0 => bad("the application does not answer its probe"),
        "helius_filter_config_rejected" if it.value > 0.0 => {
            bad("a bad configuration is being ignored; the log of Envoy says what is wrong with it")
        }
        "helius_override_file_rejected" if it.value > 0.0 => {
            bad("a bad file of overrides is being ignored; the agent's log says what is wrong with it")
        }
        "reco_engine_mode_static_active" if it.value > 0.0 => bad("answers are made up (last good or static)"),
        "telemetry_circuit_breaker_state" if it.value >= 2.0 => {
            bad(&format!("{region} is left alone: its breaker is open"))
        }
        "telemetry_circuit_breaker_state" if it.value >= 1.0 => {
            noted(format!("{region} is being tried: its breaker is half-open"))
        }
        "helius_override_active" if it.value > 0.0 => {
            let kind = it.label("override");
            let same = |other: &&Sample| {
                other.name == "helius_override_expires_seconds"
                    && ["service", "route", "override"].iter().all(|label| other.label(label) == it.label(label))
            };
            let until = all.iter().find(same).and_then(|it| Duration::try_from_secs_f64(it.value).ok());
            let until = until.and_then(|since| UNIX_EPOCH.checked_add(since)).filter(|until| *until > now);
            noted(format!("override {kind}")).map(|finding| Finding { until, ..finding })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_700_000_000);

    fn whats(text: &str) -> Vec<String> {
        let pod = Pod::read(text, UNIX_EPOCH + NOW);
        pod.findings().iter().map(|it| format!("{}|{}|{}", it.severity.word(), it.route, it.what)).collect()
    }

    #[test]
    fn a_healthy_pod_has_no_findings() {
        let text = "helius_envoy_up 1\nhelius_app_up 1\nhelius_filter_config_rejected{service=\"a\"} 0\n\
                    model_requests_total{service=\"a\",route=\"x\",region=\"e\"} 7\n\
                    model_requests_total{service=\"a\",route=\"x\",region=\"w\"} 0\n\
                    telemetry_circuit_breaker_state{service=\"a\",route=\"x\",region=\"e\"} 0\n";
        let pod = Pod::read(text, UNIX_EPOCH + NOW);
        assert!(!pod.is_degraded(), "{pod:?}");
        assert_eq!(pod.routes(), 1);
    }

    #[test]
    fn the_worst_comes_first() {
        let text = "helius_envoy_up 1\n\
                    helius_override_active{service=\"a\",route=\"x\",override=\"drain\"} 1\n\
                    helius_override_active{service=\"a\",route=\"y\",override=\"static\"} 0\n\
                    helius_override_expires_seconds{service=\"a\",route=\"x\",override=\"drain\"} 1700000060\n\
                    telemetry_circuit_breaker_state{service=\"a\",route=\"x\",region=\"e\"} 2\n\
                    telemetry_circuit_breaker_state{service=\"a\",route=\"x\",region=\"w\"} 1\n\
                    reco_engine_mode_static_active{service=\"a\",route=\"y\"} 1\n";
        let expected = [
            "bad|x|e is left alone: its breaker is open",
            "bad|y|answers are made up (last good or static)",
            "noted|x|override drain",
            "noted|x|w is being tried: its breaker is half-open",
        ];
        assert_eq!(whats(text), expected);
        let pod = Pod::read(text, UNIX_EPOCH + NOW);
        assert_eq!(pod.findings()[2].until, Some(UNIX_EPOCH + NOW + Duration::from_secs(60)));
    }

    #[test]
    fn an_envoy_that_is_gone_is_said() {
        assert!(whats("helius_envoy_up 0\n")[0].contains("Envoy does not answer"));
        assert!(whats("helius_envoy_up 1\nhelius_app_up 0\n")[0].contains("application"));
    }

    #[test]
    fn what_is_no_agent_is_said() {
        assert!(whats("go_goroutines 7\n")[0].contains("no agent"));
    }
}
