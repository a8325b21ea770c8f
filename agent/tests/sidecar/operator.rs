//! `helius-agent override` against the real sidecar.

use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::admin::{Admin, Says, stats};
use crate::process::Sidecar;

/// A sidecar on a socket, and who talks to it.
struct Operated {
    _sidecar: Sidecar,
    directory: TempDir,
}

impl Operated {
    fn start(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listen = format!("unix:{}", directory.path().join("agent.sock").display());
        let arguments: Vec<&str> = ["--listen", &listen].into_iter().chain(arguments.iter().copied()).collect();
        Self { _sidecar: Sidecar::start(&arguments), directory }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = verb(arguments);
        command.env("HELIUS_AGENT_API", format!("unix:{}", self.directory.path().join("agent.sock").display()));
        command
    }

    /// What it says, and its exit code.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        told(self.command(arguments).output().unwrap())
    }
}

/// The verb, knowing nothing of the environment of the test but who runs it.
fn verb(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_helius-agent"));
    command.arg("override").args(arguments).env_clear().env("USER", "ana").stdin(Stdio::null());
    command
}

fn told(output: Output) -> (i32, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn envoy() -> Admin {
    let lines = [
        "reco_engine_mode_static_active: 0",
        "served_by=.=static;.;degraded=.=timeout;.;helius_responses_total: 0",
        "decision=.=limited;.;helius_admission_total: 0",
        "decision=.=isolated;.;helius_admission_total: 0",
        "region=.=east;.;telemetry_circuit_breaker_state: 0",
        "region=.=west;.;telemetry_circuit_breaker_state: 2",
    ];
    Admin::start(Says::Stats(stats(&lines), 0))
}

const WHY: [&str; 2] = ["--reason", "garbage since the rollout"];

fn with_why<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    arguments.iter().copied().chain(WHY).collect()
}

#[test]
fn every_kind_is_set_listed_and_cleared() {
    let admin = envoy();
    let operated = Operated::start(&[&admin.flag()]);
    let kinds: [(&[&str], &str); 6] = [
        (&["static", "--route", "r"], "static on route r, ends in"),
        (&["breaker", "--state", "off", "--region", "west"], "breaker off west on every route, ends in"),
        (&["rate-limit", "--scale", "0.5", "--service", "s"], "rate_limit 0.5 on every route of s, ends in"),
        (&["isolate", "--region", "west", "--ttl", "1h"], "isolate west on every route, ends in"),
        (&["drain", "--region", "west", "--until", "2000-01-01T00:00:00Z"], ""),
        (&["shadow"], "shadow on every route, ends in"),
    ];
    let mut number = 0;
    for (arguments, expected) in kinds {
        let arguments: Vec<&str> = std::iter::once("set").chain(arguments.iter().copied()).collect();
        let (code, out, err) = operated.run(&with_why(&arguments));
        if expected.is_empty() {
            assert_eq!((code, out.as_str()), (1, ""), "{err}");
            assert!(err.contains("until: \"2000-01-01T00:00:00Z\" is over already"), "{err}");
            continue;
        }
        number += 1;
        assert_eq!(code, 0, "{err}");
        assert!(out.starts_with(&format!("o-{number} set: {expected}")), "{out}");
        assert!(out.ends_with("; changes s/r\n"), "{out}");
    }
    let (code, out, _) = operated.run(&["list"]);
    assert_eq!((code, out.lines().count()), (0, 6), "{out}");
    assert!(out.lines().nth(1).unwrap().contains("ana@"), "{out}");
    let (code, out, _) = operated.run(&["list", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, json["overrides"].as_array().unwrap().len()), (0, 5));
    let (code, out, err) = operated.run(&["clear", "o-1", "o-9", "o-2"]);
    assert_eq!((code, out.as_str()), (1, "o-1 cleared\no-2 cleared\n"));
    assert_eq!(err, "there is no override \"o-9\"; it may have ended\n");
    assert_eq!(operated.run(&["clear", "--all"]).1, "o-3, o-4, o-5 cleared\n");
    assert_eq!(operated.run(&["clear", "--all"]).1, "nothing was set\n");
    assert_eq!(operated.run(&["list"]).1, "nothing is switched\n");
}

#[test]
fn as_many_as_there_may_be_are_listed_and_cleared() {
    let operated = Operated::start(&[]);
    let directory = operated.directory.path();
    for number in 0..64 {
        let reason = format!("{number} {}", "x".repeat(190));
        let body = serde_json::json!({ "override": "shadow", "reason": reason, "author": "a".repeat(100) });
        let socket = std::os::unix::net::UnixStream::connect(directory.join("agent.sock")).unwrap();
        assert_eq!(crate::client::ask(socket, "POST", "/v1/overrides", &body.to_string()).unwrap().status, 201);
    }
    let (code, out, err) = operated.run(&["list"]);
    assert_eq!((code, out.lines().count()), (0, 65), "{err}");
    let (code, out, err) = operated.run(&["clear", "--all"]);
    assert_eq!((code, out.matches("o-").count()), (0, 64), "{err}");
}

#[test]
fn a_refusal_says_what_is_wrong_and_what_to_do() {
    let admin = envoy();
    let operated = Operated::start(&[&admin.flag()]);
    let drain = |region: &str, more: &[&str]| {
        let arguments: Vec<&str> =
            ["set", "drain", "--region", region].into_iter().chain(more.iter().copied()).collect();
        operated.run(&with_why(&arguments))
    };
    let (code, _, err) = drain("eats", &[]);
    let expected =
        "the filter has no use for this\n  region: \"eats\" is no region of the filter; did you mean \"east\"?\n";
    assert_eq!((code, err.as_str()), (1, expected));
    let (code, _, err) = drain("east", &[]);
    let expected = "this takes the last healthy region\n  region: \"east\" is all that is healthy of the route \"r\" of \
                    \"s\"; leave one, clear another override first, or say \"force\": true (--force)\n";
    assert_eq!((code, err.as_str()), (1, expected));
    let (code, out, err) = drain("east", &["--force", "--dry-run"]);
    assert_eq!(code, 0);
    assert!(out.starts_with("would be set: drain east"), "{out}");
    assert!(err.starts_with("warning: forced, although"), "{err}");
    assert_eq!(operated.run(&["list"]).1, "nothing is switched\n");
}

#[test]
fn a_token_is_sent_where_there_is_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    std::fs::write(&path, "secret\n").unwrap();
    let path = path.to_str().unwrap();
    let sidecar = Sidecar::start(&["--token-file", path]);
    let set = |arguments: &[&str]| {
        let all: Vec<&str> =
            ["set", "shadow", "--agent", &sidecar.api].into_iter().chain(arguments.iter().copied()).collect();
        told(verb(&with_why(&all)).output().unwrap())
    };
    let (code, _, err) = set(&[]);
    assert_eq!(code, 1);
    assert!(err.starts_with("the token is missing or wrong"), "{err}");
    assert_eq!(set(&["--token-file", path]).0, 0);
    let (code, _, err) = set(&["--token-file", "/nowhere"]);
    assert_eq!(code, 2);
    assert!(err.starts_with("--token-file: \"/nowhere\" cannot be read: "), "{err}");
}

#[test]
fn what_cannot_be_carried_out_says_why() {
    let gone = "127.0.0.1:1";
    let (code, _, err) = told(verb(&["list", "--agent", gone]).output().unwrap());
    assert_eq!(code, 2);
    assert!(err.starts_with("the agent at 127.0.0.1:1 cannot be asked: ") && err.contains("(--agent)"), "{err}");
    // Something else that talks HTTP.
    let admin = Admin::start(Says::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".to_vec()));
    let flag = admin.flag();
    let address = flag.strip_prefix("--envoy-admin=").unwrap();
    let (code, _, err) = told(verb(&["list", "--agent", address]).output().unwrap());
    assert_eq!(code, 2);
    assert!(err.contains("it answered 200 OK: hi"), "{err}");
    let (code, _, err) = told(verb(&["list", "--agent", "nowhere"]).output().unwrap());
    assert_eq!(code, 2);
    assert!(err.starts_with("--agent: \"nowhere\" is not an address; write"), "{err}");
}

#[test]
fn clap_refuses_what_makes_no_sense() {
    for arguments in [
        &["set", "drain", "--region", "east"][..],
        &["set", "drain", "--reason", "r"],
        &["set", "breaker", "--state", "ajar", "--reason", "r"],
        &["set", "static", "--ttl", "1m", "--until", "2026-01-31T12:00:00Z", "--reason", "r"],
        &["clear"],
        &["clear", "--all", "o-1"],
        &["set", "rate-limit", "--scale", "half", "--reason", "r"],
    ] {
        assert_eq!(verb(arguments).output().unwrap().status.code(), Some(2), "{arguments:?}");
    }
}
