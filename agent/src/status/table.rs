//! What is degraded, as a table for people.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::Answer;
use super::pod::{Finding, Severity};
use crate::columns::columns;

const HEAD: [&str; 4] = ["POD", "SERVICE", "ROUTE", "WHAT"];

/// Whether a terminal shows colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// It does.
    Yes,
    /// It does not, or it is a file.
    No,
}

impl Colours {
    fn paint(self, severity: Severity, text: &str) -> String {
        match (self, severity) {
            (Self::No, _) => text.to_owned(),
            (Self::Yes, Severity::Bad) => format!("\x1b[31m{text}\x1b[0m"),
            (Self::Yes, Severity::Noted) => format!("\x1b[33m{text}\x1b[0m"),
        }
    }
}

/// One line for each finding, and a last one that sums up.
pub fn table(answers: &BTreeMap<String, Answer>, now: SystemTime, colours: Colours) -> String {
    let mut rows = Vec::new();
    for (pod, answer) in answers {
        match answer {
            Ok(it) => rows.extend(it.findings().iter().map(|finding| row(pod, finding, now))),
            Err(why) => rows.push((Severity::Bad, [pod.clone(), "-".into(), "-".into(), format!("no answer: {why}")])),
        }
    }
    let mut text = String::new();
    if !rows.is_empty() {
        let mut lines = columns(HEAD, rows.iter().map(|(_, cells)| cells)).into_iter();
        text.extend(lines.next().map(|head| head + "\n"));
        text.extend(lines.zip(&rows).map(|(line, (severity, _))| colours.paint(*severity, &line) + "\n"));
    }
    text.push_str(&summary(answers));
    text
}

fn row(pod: &str, finding: &Finding, now: SystemTime) -> (Severity, [String; 4]) {
    let cell = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let mut what = finding.what.clone();
    if let Some(until) = finding.until {
        let left = until.duration_since(now).unwrap_or_default().as_secs();
        let left = humantime::format_duration(std::time::Duration::from_secs(left));
        what = format!("{what} until {} (in {left})", humantime::format_rfc3339_seconds(until));
    }
    (finding.severity, [pod.to_owned(), cell(&finding.service), cell(&finding.route), what])
}

fn summary(answers: &BTreeMap<String, Answer>) -> String {
    let routes: usize = answers.values().flatten().map(super::Pod::routes).sum();
    let degraded = answers.values().filter(|answer| answer.as_ref().map_or(true, super::Pod::is_degraded)).count();
    let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let (pods, routes) = (count(answers.len(), "pod"), count(routes, "route"));
    match degraded {
        0 => format!("{pods}, {routes}: all well\n"),
        _ => format!("{pods}, {routes}: {degraded} degraded\n"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::super::Pod;
    use super::*;

    const NOW: Duration = Duration::from_secs(1_700_000_000);

    fn shown(pods: &[(&str, Result<&str, &str>)], colours: Colours) -> String {
        let now = UNIX_EPOCH + NOW;
        let answer = |it: &Result<&str, &str>| it.map(|text| Pod::read(text, now)).map_err(str::to_owned);
        let answers = pods.iter().map(|(pod, it)| ((*pod).to_owned(), answer(it))).collect();
        table(&answers, now, colours)
    }

    #[test]
    fn all_well_is_one_line() {
        let pod = "helius_envoy_up 1\nmodel_requests_total{service=\"a\",route=\"x\",region=\"e\"} 7\n";
        assert_eq!(shown(&[("a:1", Ok(pod)), ("b:1", Ok(pod))], Colours::Yes), "2 pods, 2 routes: all well\n");
    }

    #[test]
    fn each_finding_is_a_line_and_the_columns_stand_below_each_other() {
        let one = "helius_envoy_up 1\n\
                   helius_override_active{service=\"router\",route=\"assist\",override=\"drain\"} 1\n\
                   helius_override_expires_seconds{service=\"router\",route=\"assist\",override=\"drain\"} 1700000125\n";
        let expected = "\
POD           SERVICE  ROUTE   WHAT
pod-1:9911    router   assist  override drain until 2023-11-14T22:15:25Z (in 2m 5s)
pod-200:9911  -        -       no answer: cannot connect
2 pods, 0 routes: 2 degraded
";
        assert_eq!(shown(&[("pod-1:9911", Ok(one)), ("pod-200:9911", Err("cannot connect"))], Colours::No), expected);
    }

    #[test]
    fn a_terminal_shows_what_is_bad_in_red() {
        let text = shown(&[("a:1", Ok("helius_envoy_up 0\n"))], Colours::Yes);
        assert!(text.contains("\x1b[31ma:1"), "{text}");
        assert!(!shown(&[("a:1", Ok("helius_envoy_up 0\n"))], Colours::No).contains('\x1b'));
    }
}
