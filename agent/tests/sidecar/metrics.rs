//! What `/metrics` says, whatever Envoy does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::admin::{Admin, Says, stats};
use crate::client::get;
use crate::process::{SOON, Sidecar};

/// The series of one answer.
pub(crate) type Page = BTreeMap<String, f64>;

pub(crate) fn scrape(sidecar: &Sidecar) -> Page {
    let reply = get(sidecar.metrics_addr(), "/metrics");
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(reply.head.contains("content-type: text/plain; version=0.0.4\r\n"), "{}", reply.head);
    let samples = reply.body.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| line.rsplit_once(' ').map(|(name, value)| (name.to_owned(), value.parse().unwrap())).unwrap())
        .collect()
}

/// Scrapes until it is so.
pub(crate) fn wait(sidecar: &Sidecar, what: &str, is_so: impl Fn(&Page) -> bool) -> Page {
    let until = Instant::now() + SOON;
    loop {
        let page = scrape(sidecar);
        if is_so(&page) {
            return page;
        }
        assert!(Instant::now() < until, "never {what}: {page:#?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The value of a series of the service `s` and its route `r`, with these other labels.
fn value(page: &Page, name: &str, labels: &str) -> Option<f64> {
    page.get(&format!("{name}{{service=\"s\",route=\"r\"{labels}}}")).copied()
}

const ALLOWED: &str = ",decision=\"allowed\"";

fn allowed(page: &Page) -> Option<f64> {
    value(page, "helius_admission_total", ALLOWED)
}

/// The value of a series of the agent's own.
pub(crate) fn own(page: &Page, name: &str) -> Option<f64> {
    page.get(name).copied()
}

fn up(page: &Page) -> bool {
    page["helius_envoy_up"] > 0.5
}

fn allow(count: u64) -> String {
    stats(&[&format!("decision=.=allowed;.;helius_admission_total: {count}"), "g: 3"])
}

#[test]
fn the_filters_stats_become_labelled_metrics() {
    let lines = [
        "region=.=east;.;verdict=.=ok;.;helius_attempts_total: 5",
        "region=.=west;.;verdict=.=ok;.;helius_attempts_total: 0",
        "region=.=east;.;telemetry_circuit_breaker_state: 2",
        "override=.=force_static;.;helius_override_expires_seconds: 1790000000",
        "le=.=0.005;.;request_latency_seconds_bucket: 1",
        "le=.=+Inf;.;request_latency_seconds_bucket: 2",
        "helius_latency_microseconds_total: 1500000",
    ];
    let admin = Admin::start(Says::Stats(stats(&lines), 0));
    let sidecar = Sidecar::start(&[&admin.flag()]);
    let page = scrape(&sidecar);
    assert!(up(&page));
    let said = |name, labels| value(&page, name, labels);
    assert_eq!(said("helius_attempts_total", ",region=\"east\",verdict=\"ok\""), Some(5.0));
    assert_eq!(said("model_requests_total", ",region=\"east\""), Some(5.0));
    assert_eq!(said("model_requests_total", ",region=\"west\""), Some(0.0), "a region that nobody asked yet");
    assert_eq!(said("model_invalid_outputs_total", ",region=\"west\""), Some(0.0));
    assert_eq!(said("telemetry_circuit_breaker_state", ",region=\"east\""), Some(2.0));
    assert_eq!(said("helius_override_expires_seconds", ",override=\"force_static\""), Some(1_790_000_000.0));
    assert_eq!(said("request_latency_seconds_bucket", ",le=\"+Inf\""), Some(2.0));
    assert_eq!(said("request_latency_seconds_count", ""), Some(2.0));
    assert_eq!(said("request_latency_seconds_sum", ""), Some(1.5));
    assert!(page.contains_key(&format!("helius_agent_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))));
    assert!(page["process_start_time_seconds"] > 1.7e9);
}

#[test]
fn without_envoy_counters_stay_and_its_gauges_are_withheld() {
    let admin = Admin::start(Says::Stats(allow(7), 0));
    let sidecar = Sidecar::start(&[&admin.flag()]);
    let page = scrape(&sidecar);
    assert_eq!((allowed(&page), value(&page, "g", "")), (Some(7.0), Some(3.0)));
    admin.die();
    let page = wait(&sidecar, "down", |page| !up(page));
    assert_eq!((allowed(&page), value(&page, "g", "")), (Some(7.0), None));
    assert!(page["helius_agent_scrape_errors_total{source=\"envoy\"}"] > 0.0);
}

#[test]
fn counters_never_fall_when_envoy_restarts() {
    let admin = Admin::start(Says::Stats(allow(7), 100));
    let sidecar = Sidecar::start(&[&admin.flag()]);
    assert_eq!(allowed(&scrape(&sidecar)), Some(7.0));
    let addr = admin.die();
    // More than before, so only its age tells that it is another one.
    let admin = Admin::start_at(addr, Says::Stats(allow(9), 0));
    let page = wait(&sidecar, "the sum of both", |page| allowed(page) == Some(16.0));
    assert_eq!(own(&page, "helius_agent_envoy_restarts_total"), Some(1.0));
    admin.say(Says::Stats(allow(10), 0));
    wait(&sidecar, "one more", |page| allowed(page) == Some(17.0));
    // A counter alone that began anew.
    admin.say(Says::Stats(allow(2), 0));
    let page = wait(&sidecar, "the sum of three", |page| allowed(page) == Some(19.0));
    assert_eq!(own(&page, "helius_agent_envoy_restarts_total"), Some(1.0));
}

#[test]
fn counters_survive_the_agent_where_they_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let state = format!("--state-dir={}", directory.path().join("state").display());
    let admin = Admin::start(Says::Stats(allow(7), 100));
    let begin = |admin: &Admin| Sidecar::start(&[&admin.flag(), &state]);
    let mut sidecar = begin(&admin);
    assert_eq!(allowed(&scrape(&sidecar)), Some(7.0));
    let admin = Admin::start_at(admin.die(), Says::Stats(allow(9), 0));
    wait(&sidecar, "the sum of both", |page| allowed(page) == Some(16.0));
    sidecar.signal(Signal::TERM);
    assert_eq!(sidecar.ended().code(), Some(0));
    // Envoy was restarted meanwhile.
    let admin = Admin::start_at(admin.die(), Says::Stats(allow(4), 1000));
    let sidecar = begin(&admin);
    assert_eq!(allowed(&scrape(&sidecar)), Some(20.0));
    // Killed, it finds the same Envoy again.
    drop(sidecar);
    let sidecar = begin(&admin);
    assert_eq!(allowed(&scrape(&sidecar)), Some(20.0));
    // Killed with Envoy, nobody knows what was counted last.
    drop(sidecar);
    let admin = Admin::start_at(admin.die(), Says::Stats(allow(5), 0));
    assert_eq!(allowed(&scrape(&begin(&admin))), Some(5.0));
}

#[test]
fn one_that_never_was_there_is_down_and_found_when_it_comes() {
    let addr = Admin::start(Says::Nothing).die();
    let sidecar = Sidecar::start(&[&format!("--envoy-admin={addr}")]);
    let page = scrape(&sidecar);
    assert!(!up(&page));
    assert_eq!(get(sidecar.metrics_addr(), "/readyz").status, 200);
    let _admin = Admin::start_at(addr, Says::Stats(allow(1), 0));
    wait(&sidecar, "up", |page| up(page) && allowed(page) == Some(1.0));
}

#[test]
fn a_malformed_line_is_counted_and_harms_no_other() {
    let long = format!("decision=.={};.;helius_admission_total: 1\n", "x".repeat(5000));
    let admin = Admin::start(Says::Stats(allow(4) + &stats(&["a b: 1", "c: -1", &long]) + "nonsense\n", 0));
    let sidecar = Sidecar::start(&[&admin.flag()]);
    let page = scrape(&sidecar);
    assert_eq!(allowed(&page), Some(4.0));
    assert_eq!(own(&page, "helius_agent_malformed_total{source=\"envoy\"}"), Some(4.0));
    assert!(up(&page));
}

#[test]
fn whatever_envoy_says_a_scrape_is_answered_in_time() {
    let answers = [
        Says::Nothing,
        Says::Endless,
        Says::Bytes(b"not HTTP at all\r\n\r\n".to_vec()),
        Says::Bytes(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".to_vec()),
        Says::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec()),
        Says::Bytes([b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'{'; 1 << 20]].concat()),
    ];
    let admin = Admin::start(Says::Stats(allow(4), 0));
    let sidecar = Sidecar::start(&[&admin.flag()]);
    assert_eq!(allowed(&scrape(&sidecar)), Some(4.0));
    for says in answers {
        let what = format!("{says:.40?}");
        admin.say(says);
        let begun = Instant::now();
        let page = wait(&sidecar, &what, |page| !up(page));
        assert!(begun.elapsed() < Duration::from_secs(5), "{what}: {:?}", begun.elapsed());
        assert_eq!(allowed(&page).map(|count| count >= 4.0), Some(true), "{what}");
        admin.say(Says::Stats(allow(4), 0));
        wait(&sidecar, "up again", up);
    }
}

#[test]
fn an_admin_interface_that_is_none_is_not_believed() {
    let admin = Admin::start(Says::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec()));
    let sidecar = Sidecar::start(&[&admin.flag()]);
    assert!(!up(&scrape(&sidecar)));
    let told = sidecar.logged("envoy cannot be read; counters stay where they are");
    assert_eq!(told["error"], "/server_info says no uptime");
}

#[test]
fn all_stats_are_asked_for_once_and_again_when_there_are_new_ones() {
    let admin = Admin::start(Says::Stats(allow(1), 0));
    let sidecar = Sidecar::start(&[&admin.flag()]);
    wait(&sidecar, "up", up);
    admin.say(Says::Stats(allow(2), 0));
    wait(&sidecar, "two", |page| allowed(page) == Some(2.0));
    assert_eq!(admin.inventories(), 1);
    let pushed = allow(2) + &stats(&["new: 1", "region=.=n;.;verdict=.=ok;.;helius_attempts_total: 0"]);
    admin.say(Says::Stats(pushed, 0));
    let page = wait(&sidecar, "new", |page| value(page, "new", "").is_some());
    assert_eq!(admin.inventories(), 2);
    assert_eq!(value(&page, "model_requests_total", ",region=\"n\""), Some(0.0));
}

#[test]
fn there_are_at_most_so_many_series_and_it_is_told_once() {
    let many: Vec<String> = (0..50_010).map(|number| format!("n=.={number};.;helius_admission_total: 1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let admin = Admin::start(Says::Stats(stats(&many), 0));
    let sidecar = Sidecar::start(&[&admin.flag()]);
    // In a debug build this is more than a second's work, which then is the deadline's.
    let page = wait(&sidecar, "left out", |page| page["helius_agent_series_left_out_total"] >= 10.0);
    assert_eq!(page.keys().filter(|name| name.starts_with("helius_admission_total{")).count(), 50_000);
    assert_eq!(sidecar.logged("there are more series than are kept; use fewer routes")["level"], "WARN");
}

#[test]
fn many_scrapes_at_once_ask_envoy_once() {
    let admin = Admin::start(Says::Stats(allow(3), 0));
    let sidecar = Sidecar::start(&[&admin.flag()]);
    let addr = sidecar.metrics_addr();
    std::thread::scope(|scope| {
        let scrapes: Vec<_> = (0..40).map(|_| scope.spawn(|| get(addr, "/metrics").status)).collect();
        for scrape in scrapes {
            assert_eq!(scrape.join().unwrap(), 200);
        }
    });
    // Once, and again where this machine took its time.
    assert!((1..=8).contains(&admin.scrapes()), "{}", admin.scrapes());
}

#[test]
fn promtool_finds_nothing_to_say_of_it() {
    let lines = [
        "region=.=east;.;verdict=.=ok;.;helius_attempts_total: 5",
        "region=.=east;.;telemetry_circuit_breaker_state: 2",
        "override=.=force_static;.;helius_override_active: 1",
        "override=.=force_static;.;helius_override_expires_seconds: 1790000000",
        "reco_engine_mode_static_active: 1",
        "decision=.=allowed;.;helius_admission_total: 5",
        "served_by=.=primary;.;degraded=.=none;.;helius_responses_total: 5",
        "region=.=east;.;to=.=open;.;reason=.=silence;.;helius_breaker_transitions_total: 1",
        "le=.=0.005;.;request_latency_seconds_bucket: 1",
        "le=.=+Inf;.;request_latency_seconds_bucket: 2",
        "helius_latency_microseconds_total: 1500000",
    ];
    let admin = Admin::start(Says::Stats(stats(&lines), 0));
    let sidecar = Sidecar::start(&[&admin.flag()]);
    let text = get(sidecar.metrics_addr(), "/metrics").body;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = name.strip_suffix("_bucket").or(name.strip_suffix("_sum")).or(name.strip_suffix("_count"));
        let has = |what: &str| {
            text.contains(&format!("# {what} {name} "))
                || family.is_some_and(|it| text.contains(&format!("# {what} {it} ")))
        };
        assert!(has("HELP") && has("TYPE"), "{name} has no help or no type");
    }
    crate::promtool::check(&text);
}
