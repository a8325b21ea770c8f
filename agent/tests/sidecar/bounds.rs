//! What slow and hostile clients can do: nothing to anybody else.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use crate::admin::{Admin, Says, stats};
use crate::client::{ask, connect, get, read};
use crate::process::{Sidecar, command};

#[test]
fn who_asks_for_nothing_that_is_there_is_told_what_is() {
    let sidecar = Sidecar::start(&[]);
    let reply = get(sidecar.api_addr(), "/");
    assert_eq!(reply.status, 404);
    assert!(reply.body.contains("GET /metrics"), "{}", reply.body);
    let reply = ask(connect(sidecar.api_addr()), "PUT", "/healthz", "").unwrap();
    assert_eq!(reply.status, 405);
    assert!(reply.head.contains("allow: get"), "{}", reply.head);
}

#[test]
fn connections_beyond_the_bound_are_closed_at_once_and_places_come_back() {
    let sidecar = Sidecar::start(&[]);
    let addr = sidecar.metrics_addr();
    let mut held: Vec<_> = (0..64).map(|_| connect(addr)).collect();
    let mut beyond = connect(addr);
    let _ = beyond.write_all(b"GET /healthz HTTP/1.1\r\n\r\n");
    let mut bytes = Vec::new();
    let _ = beyond.read_to_end(&mut bytes);
    assert!(bytes.is_empty(), "{}", String::from_utf8_lossy(&bytes));
    // The other listener has places of its own.
    assert_eq!(get(sidecar.api_addr(), "/healthz").status, 200);
    let mut first = held.remove(0);
    write!(first, "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    assert_eq!(read(first).unwrap().status, 200);
    assert_eq!(get(addr, "/healthz").status, 200);
}

#[test]
fn a_body_that_is_too_long_is_refused() {
    let sidecar = Sidecar::start(&[]);
    let fits = "x".repeat(264 * 1024);
    assert_eq!(ask(connect(sidecar.api_addr()), "GET", "/healthz", &fits).unwrap().status, 200);
    let mut stream = connect(sidecar.api_addr());
    write!(stream, "GET /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 270337\r\n\r\n").unwrap();
    assert_eq!(read(stream).unwrap().status, 413);
}

#[test]
fn a_head_that_does_not_end_is_given_up() {
    let sidecar = Sidecar::start(&[]);
    let mut slow = connect(sidecar.api_addr());
    slow.write_all(b"GET /healthz HTTP/1.1\r\nx: ").unwrap();
    let mut bytes = Vec::new();
    // Ends well before the client's own patience does.
    slow.read_to_end(&mut bytes).unwrap();
    let mut long = connect(sidecar.api_addr());
    let _ = write!(long, "GET /healthz HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    let mut bytes = Vec::new();
    let _ = long.read_to_end(&mut bytes);
    let told = String::from_utf8_lossy(&bytes).into_owned();
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 431 "), "{told}");
    assert_eq!(get(sidecar.api_addr(), "/healthz").status, 200);
}

#[test]
fn a_body_that_does_not_come_is_given_up() {
    let sidecar = Sidecar::start(&[]);
    let mut slow = connect(sidecar.api_addr());
    write!(slow, "GET /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nx").unwrap();
    // Its deadline is well before the client's own patience.
    assert_eq!(read(slow).unwrap().status, 408);
}

#[test]
fn what_is_no_http_harms_nobody() {
    let sidecar = Sidecar::start(&[]);
    for bytes in
        [&b"\x16\x03\x01\x02\x00\x01\x00"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET\r\n\r\n", b"\0\0\0\0"]
    {
        let mut stream = connect(sidecar.api_addr());
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let told = String::from_utf8_lossy(&answer).into_owned();
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 4") || told.starts_with("HTTP/1.1 505"), "{told}");
    }
    assert_eq!(get(sidecar.api_addr(), "/healthz").status, 200);
}

#[test]
fn who_does_not_read_an_answer_loses_it() {
    let many: Vec<String> = (0..40_000).map(|number| format!("n=.={number};.;helius_admission_total: 1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let admin = Admin::start(Says::Stats(stats(&many), 0));
    let directory = tempfile::tempdir().unwrap();
    // Its buffers hold less than the answer.
    let path = directory.path().join("metrics.sock");
    let mut command = command(&[&admin.flag(), "--metrics-listen", &format!("unix:{}", path.display())]);
    let sidecar = Sidecar::spawn(command.args(["--log-level", "debug"]));
    let mut idle = UnixStream::connect(&path).unwrap();
    idle.write_all(b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    sidecar.logged("a client took too long");
    let mut answer = Vec::new();
    let _ = idle.read_to_end(&mut answer);
    assert!(answer.len() < 2 << 20, "all {} bytes came", answer.len());
}
