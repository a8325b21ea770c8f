//! The probe of the application.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::metrics::{own, scrape, wait};
use crate::process::Sidecar;

/// An application that answers every request with these bytes, if with any.
fn application(says: &[u8]) -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (addr, says) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(says.to_vec())));
    let said = Arc::clone(&says);
    std::thread::spawn(move || {
        // Those that get no answer are kept open.
        let mut silent = Vec::new();
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let answer = said.lock().unwrap().clone();
            let _ = stream.write_all(&answer);
            if answer.is_empty() {
                silent.push(stream);
            }
        }
    });
    (addr.to_string(), says)
}

fn probing(url: &str) -> Sidecar {
    Sidecar::start(&["--app-probe", url, "--app-probe-interval", "100ms", "--app-probe-timeout", "300ms"])
}

const UP: &str = "helius_app_up";
const MALFORMED: &str = "helius_agent_malformed_total{source=\"app\"}";

#[test]
fn an_application_is_up_while_it_answers_well_and_only_then() {
    let (addr, says) = application(b"HTTP/1.1 204 No Content\r\n\r\n");
    let sidecar = probing(&format!("http://{addr}/healthz"));
    let page = wait(&sidecar, "up", |page| own(page, UP) == Some(1.0));
    let changed = own(&page, "helius_app_last_change_timestamp_seconds").unwrap();
    assert!(changed > 1.7e9);
    assert_eq!(own(&page, MALFORMED), Some(0.0));
    let answers: [&[u8]; 3] =
        [b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n", b"", b"gibberish\r\n\r\n"];
    for answer in answers {
        *says.lock().unwrap() = answer.to_vec();
        let page = wait(&sidecar, "down", |page| own(page, UP) == Some(0.0));
        assert!(own(&page, "helius_app_last_change_timestamp_seconds") > Some(changed));
        assert!(own(&page, "helius_agent_scrape_errors_total{source=\"app\"}") > Some(0.0));
        if answer.starts_with(b"gibberish") {
            wait(&sidecar, "malformed", |page| own(page, MALFORMED) > Some(0.0));
        }
        *says.lock().unwrap() = b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\nhealthy".to_vec();
        wait(&sidecar, "up again", |page| own(page, UP) == Some(1.0));
    }
}

#[test]
fn a_port_is_up_while_it_accepts() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let sidecar = probing(&format!("tcp://{}", listener.local_addr().unwrap()));
    wait(&sidecar, "up", |page| own(page, UP) == Some(1.0));
    drop(listener);
    wait(&sidecar, "down", |page| own(page, UP) == Some(0.0));
}

#[test]
fn a_hanging_application_delays_no_scrape() {
    let (addr, _says) = application(b"");
    let sidecar = Sidecar::start(&["--app-probe", &format!("http://{addr}/"), "--app-probe-timeout", "60s"]);
    let begun = Instant::now();
    let page = scrape(&sidecar);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(own(&page, UP), None, "nobody knows yet");
}

#[test]
fn where_no_probe_is_wanted_nothing_is_said_of_the_application() {
    let page = scrape(&Sidecar::start(&[]));
    assert_eq!(page.keys().filter(|name| name.contains("app")).count(), 0, "{page:?}");
}
