//! Beginning and end.

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::client::{ask, connect, get, read};
use crate::process::{SOON, Sidecar, command};

#[test]
fn it_is_ready_without_envoy_and_without_the_application() {
    let sidecar = Sidecar::start(&[]);
    for addr in [sidecar.api_addr(), sidecar.metrics_addr()] {
        for path in ["/readyz", "/healthz", "/metrics"] {
            assert_eq!(get(addr, path).status, 200, "{path}");
        }
    }
}

#[test]
fn either_signal_ends_it_well() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut sidecar = Sidecar::start(&[]);
        sidecar.signal(signal);
        assert_eq!(sidecar.ended().code(), Some(0));
    }
}

#[test]
fn a_request_under_way_gets_its_answer_and_nobody_else_is_let_in() {
    let mut sidecar = Sidecar::start(&["--drain", "30s"]);
    let addr = sidecar.metrics_addr();
    let mut under_way = connect(addr);
    write!(under_way, "GET /readyz HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n").unwrap();
    // One that comes later has its answer, so the first has its place.
    assert_eq!(get(addr, "/readyz").status, 200);
    sidecar.signal(Signal::TERM);
    assert_eq!(sidecar.logged("accepts no more")["level"], "INFO");
    sidecar.logged("accepts no more");
    assert!(std::net::TcpStream::connect(addr).is_err());
    under_way.write_all(b"x").unwrap();
    assert_eq!(read(under_way).unwrap().status, 503, "it is not ready any more");
    assert_eq!(sidecar.ended().code(), Some(0));
}

#[test]
fn a_client_that_has_not_asked_yet_is_not_waited_for() {
    let mut sidecar = Sidecar::start(&["--drain", "30s"]);
    let mut silent = connect(sidecar.metrics_addr());
    assert_eq!(get(sidecar.metrics_addr(), "/readyz").status, 200);
    let begun = Instant::now();
    sidecar.signal(Signal::TERM);
    assert_eq!(sidecar.ended().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let _ = silent.write_all(b"x");
}

#[test]
fn the_drain_has_an_end_and_a_second_signal_ends_it_sooner() {
    for (drain, signals) in [("300ms", 1), ("1h", 2)] {
        let mut sidecar = Sidecar::start(&["--drain", drain]);
        let mut stuck = connect(sidecar.metrics_addr());
        write!(stuck, "GET /readyz HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n").unwrap();
        assert_eq!(get(sidecar.metrics_addr(), "/readyz").status, 200);
        sidecar.signal(Signal::TERM);
        sidecar.logged("ends");
        if signals == 2 {
            sidecar.signal(Signal::TERM);
        }
        assert_eq!(sidecar.ended().code(), Some(0));
    }
}

#[test]
fn a_socket_is_served_and_removed_at_the_end_and_a_stale_one_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent.sock");
    // A process that was killed leaves its file.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let mut sidecar = Sidecar::start(&["--listen", &format!("unix:{}", path.display())]);
    let stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    assert_eq!(ask(stream, "GET", "/healthz", "").unwrap().status, 200);
    sidecar.signal(Signal::TERM);
    assert_eq!(sidecar.ended().code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn an_address_in_use_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent.sock");
    let _listening = UnixListener::bind(&path).unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "kept").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let cases = [
        (format!("unix:{}", path.display()), "another process listens there"),
        (format!("unix:{}", file.display()), "there is a file that is no socket"),
        (taken.local_addr().unwrap().to_string(), "in use"),
    ];
    for (address, why) in cases {
        let output = command(&["--listen", &address]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(&format!("--listen: cannot listen on {address}")) && told.contains(why), "{told}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
}
