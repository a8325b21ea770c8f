//! `/v1/overrides` of the real process, and its file.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::admin::{Admin, Says, stats};
use crate::client::{Reply, ask_with, connect, get, read};
use crate::process::{SOON, Sidecar};

/// What everybody says of an override.
fn whole(keys: Value) -> String {
    let mut whole = json!({ "reason": "garbage since the rollout", "author": "ana" });
    if let (Value::Object(whole), Value::Object(keys)) = (&mut whole, keys) {
        whole.extend(keys);
    }
    whole.to_string()
}

fn body(reply: &Reply) -> Value {
    assert!(reply.head.contains("content-type: application/json"), "{reply:?}");
    serde_json::from_str(&reply.body).unwrap()
}

fn etag(reply: &Reply) -> String {
    let etag = reply.head.lines().find_map(|line| line.strip_prefix("etag: "));
    etag.unwrap_or_else(|| panic!("no etag: {reply:?}")).to_owned()
}

/// A sidecar whose API is a socket.
struct Agent {
    sidecar: Sidecar,
    directory: TempDir,
}

impl Agent {
    fn start(arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), arguments)
    }

    fn start_in(directory: TempDir, arguments: &[&str]) -> Self {
        let listen = format!("unix:{}", directory.path().join("agent.sock").display());
        let arguments: Vec<&str> = ["--listen", &listen].into_iter().chain(arguments.iter().copied()).collect();
        Self { sidecar: Sidecar::start(&arguments), directory }
    }

    /// One with a state directory and a file of overrides.
    fn start_whole(directory: TempDir) -> Self {
        let path = |name: &str| directory.path().join(name).display().to_string();
        let (state, file) = (path("state"), path("overrides.yaml"));
        Self::start_in(directory, &["--state-dir", &state, "--overrides-file", &file])
    }

    fn socket(&self) -> UnixStream {
        let stream = UnixStream::connect(self.directory.path().join("agent.sock")).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Reply {
        ask_with(self.socket(), method, path, headers, body).unwrap()
    }

    fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, "", "")
    }

    fn set(&self, keys: Value) -> Reply {
        self.ask("POST", "/v1/overrides", "", &whole(keys))
    }

    /// What the filter would be told.
    fn told(&self) -> Vec<Value> {
        body(&self.get("/v1/overrides"))["overrides"].as_array().unwrap().clone()
    }

    fn ids(&self) -> Vec<String> {
        let detail = body(&self.get("/v1/overrides?detail=true"));
        detail["overrides"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("overrides.yaml")
    }
}

/// Waits until it is so.
fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + SOON;
    while !is_so() {
        assert!(Instant::now() < until, "never {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A moment so many seconds from now.
fn soon(seconds: u64) -> String {
    let at = SystemTime::now() + Duration::from_secs(seconds);
    humantime::format_rfc3339_seconds(at).to_string()
}

fn drain(region: &str, until: &str) -> String {
    format!("overrides: [{{ override: drain, region: {region}, until: {until}, reason: r, author: ci }}]\n")
}

/// Replaces a file as a whole.
fn replace(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, path).unwrap();
}

/// `assist` has a static answer, two regions with breakers and no limits, and one of the regions may be open.
fn envoy(state_of_west: u8) -> Admin {
    let lines = [
        "reco_engine_mode_static_active: 0",
        "served_by=.=static;.;degraded=.=timeout;.;helius_responses_total: 0",
        "region=.=east;.;verdict=.=ok;.;helius_attempts_total: 0",
        "region=.=west;.;verdict=.=ok;.;helius_attempts_total: 0",
        "region=.=east;.;telemetry_circuit_breaker_state: 0",
        &format!("region=.=west;.;telemetry_circuit_breaker_state: {state_of_west}"),
    ];
    Admin::start(Says::Stats(stats(&lines), 0))
}

#[test]
fn what_is_set_is_told_to_the_filter_listed_and_cleared() {
    let agent = Agent::start(&[]);
    assert_eq!(agent.get("/v1/overrides").body, "{\"overrides\":[]}");
    let reply = agent.set(json!({ "override": "breaker", "state": "open", "region": "east", "ttl": "1h" }));
    assert_eq!(reply.status, 201, "{}", reply.body);
    let set = body(&reply);
    assert_eq!((&set["id"], &set["source"]), (&json!("o-1"), &json!("api")));
    assert!(set["warnings"][0].as_str().unwrap().contains("Envoy's stats cannot be read"), "{set}");
    let told = agent.told();
    let expected = json!({
        "override": "breaker", "state": "open", "region": "east", "until": set["until"],
        "reason": "garbage since the rollout", "author": "ana",
    });
    assert_eq!(told, [expected]);
    assert_eq!(agent.ids(), ["o-1"]);
    assert_eq!(agent.ask("DELETE", "/v1/overrides/o-2", "", "").status, 404);
    assert_eq!(agent.ask("DELETE", "/v1/overrides/o-1", "", "").status, 200);
    assert_eq!(agent.told(), Vec::<Value>::new());
    for _ in 0..3 {
        agent.set(json!({ "override": "shadow" }));
    }
    let cleared = body(&agent.ask("DELETE", "/v1/overrides", "", ""));
    assert_eq!(cleared["cleared"].as_array().unwrap().len(), 3);
    assert_eq!(agent.told(), Vec::<Value>::new());
}

#[test]
fn what_is_wrong_is_told_with_path_value_rule_and_remedy() {
    let agent = Agent::start(&[]);
    let reply = agent.set(json!({ "override": "drain", "regoin": "east", "ttl": "2d" }));
    assert_eq!(reply.status, 400);
    let problems = body(&reply)["problems"].as_array().unwrap().clone();
    let ttl = problems.iter().find(|problem| problem["path"] == "ttl").unwrap();
    let remedy = "write how long it lasts, such as \"15m\", at most \"24h\"";
    assert_eq!(*ttl, json!({ "path": "ttl", "value": "\"2d\"", "rule": "is not a duration", "remedy": remedy }));
    let slip = problems.iter().find(|problem| problem["path"] == "regoin").unwrap();
    assert_eq!(slip["remedy"], "did you mean \"region\"?");
    for nonsense in ["", "{", "[1]", "\0"] {
        assert_eq!(agent.ask("POST", "/v1/overrides", "", nonsense).status, 400, "{nonsense:?}");
    }
    assert_eq!(agent.ask("PUT", "/v1/overrides", "", "").status, 405);
    for path in ["/v1/overrides?wait=61s", "/v1/overrides?wait=x", "/v1/overrides?detail=yes"] {
        assert_eq!(agent.get(path).status, 400, "{path}");
    }
    assert_eq!(agent.told(), Vec::<Value>::new());
}

#[test]
fn a_dry_run_changes_nothing() {
    let admin = envoy(0);
    let agent = Agent::start(&[&admin.flag()]);
    let reply = agent.set(json!({ "override": "static", "dry_run": true }));
    assert_eq!(reply.status, 200);
    let told = body(&reply);
    assert_eq!((&told["dry_run"], &told["changes"]), (&json!(true), &json!(["s/r"])));
    assert_eq!(agent.told(), Vec::<Value>::new());
    let reply = agent.set(json!({ "override": "static", "route": "q", "dry_run": true }));
    assert_eq!(reply.status, 422, "what would be refused is");
}

#[test]
fn what_the_filter_does_not_know_or_has_no_use_for_is_refused() {
    let admin = envoy(0);
    let agent = Agent::start(&[&admin.flag()]);
    let problem = |keys: Value| {
        let reply = agent.set(keys);
        assert_eq!(reply.status, 422, "{}", reply.body);
        body(&reply)["problems"][0].clone()
    };
    assert_eq!(problem(json!({ "override": "drain", "region": "eats" }))["remedy"], "did you mean \"east\"?");
    assert_eq!(problem(json!({ "override": "static", "service": "x" }))["path"], "service");
    assert_eq!(problem(json!({ "override": "rate_limit", "scale": 0.5 }))["path"], "override");
    let reply = agent.set(json!({ "override": "drain", "region": "east" }));
    assert_eq!((reply.status, body(&reply)["warnings"].clone()), (201, json!([])));
}

#[test]
fn the_last_healthy_region_is_taken_only_by_force() {
    let admin = envoy(2);
    let agent = Agent::start(&[&admin.flag()]);
    let east = |force: bool| agent.set(json!({ "override": "drain", "region": "east", "force": force }));
    let reply = east(false);
    assert_eq!(reply.status, 409, "{}", reply.body);
    assert!(body(&reply)["problems"][0]["remedy"].as_str().unwrap().contains("--force"));
    let reply = east(true);
    assert_eq!(reply.status, 201);
    assert!(body(&reply)["warnings"][0].as_str().unwrap().starts_with("forced, although"));
    // With both up, the first may go, and then not the second.
    let admin = envoy(0);
    let agent = Agent::start(&[&admin.flag()]);
    assert_eq!(agent.set(json!({ "override": "drain", "region": "west" })).status, 201);
    assert_eq!(agent.set(json!({ "override": "breaker", "state": "open", "region": "east" })).status, 409);
}

#[test]
fn an_envoy_that_does_not_answer_stops_nobody() {
    for says in [Says::Nothing, Says::Bytes(b"nonsense\r\n\r\n".to_vec()), Says::Stats(String::new(), 0)] {
        let admin = Admin::start(says);
        let agent = Agent::start(&[&admin.flag()]);
        let reply = agent.set(json!({ "override": "drain", "region": "anywhere" }));
        assert_eq!(reply.status, 201);
        assert!(body(&reply)["warnings"][0].as_str().unwrap().contains("was not looked at"), "{}", reply.body);
    }
}

#[test]
fn no_more_than_there_may_be_are_set() {
    let agent = Agent::start(&[]);
    for _ in 0..64 {
        assert_eq!(agent.set(json!({ "override": "shadow" })).status, 201);
    }
    for dry_run in [true, false] {
        let reply = agent.set(json!({ "override": "shadow", "dry_run": dry_run }));
        assert_eq!(reply.status, 409);
        assert!(body(&reply)["error"].as_str().unwrap().contains("clear those that are no longer needed"));
    }
}

#[test]
fn on_a_port_changes_need_a_token() {
    let sidecar = Sidecar::start(&[]);
    let change = |addr, method: &str, path: &str, token: &str| {
        let headers = if token.is_empty() { String::new() } else { format!("authorization: {token}\r\n") };
        ask_with(connect(addr), method, path, &headers, &whole(json!({ "override": "shadow" }))).unwrap()
    };
    let changes = [("POST", "/v1/overrides"), ("DELETE", "/v1/overrides"), ("DELETE", "/v1/overrides/o-1")];
    for (method, path) in changes {
        let reply = change(sidecar.api_addr(), method, path, "");
        assert_eq!(reply.status, 403);
        assert!(body(&reply)["error"].as_str().unwrap().contains("--token-file"));
    }
    assert_eq!(get(sidecar.api_addr(), "/v1/overrides").status, 200, "to ask needs none");
    assert_eq!(get(sidecar.metrics_addr(), "/v1/overrides").status, 404, "and others cannot even do that");

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    let sidecar = Sidecar::start(&["--token-file", path.to_str().unwrap()]);
    let status = |token: &str| change(sidecar.api_addr(), "POST", "/v1/overrides", token).status;
    assert_eq!(status("Bearer secret"), 403, "there is no token yet");
    std::fs::write(&path, "\n").unwrap();
    assert_eq!(status("Bearer "), 403, "an empty one is none");
    std::fs::write(&path, "secret\n").unwrap();
    for wrong in ["", "secret", "Bearer", "Bearer wrong", "Bearer secre", "Bearer secrets", "Basic secret"] {
        assert_eq!(status(wrong), 401, "{wrong:?}");
    }
    assert_eq!(status("Bearer secret"), 201);
    std::fs::write(&path, "other\n").unwrap();
    assert_eq!(status("Bearer secret"), 401, "it was replaced");
    assert_eq!(status("bearer other"), 201);
    for (method, path) in &changes[1..] {
        assert_eq!(change(sidecar.api_addr(), method, path, "Bearer secret").status, 401);
    }
}

#[test]
fn who_waits_is_answered_when_something_changes() {
    let agent = Agent::start(&[]);
    let first = etag(&agent.get("/v1/overrides"));
    let known = format!("if-none-match: {first}\r\n");
    let reply = agent.ask("GET", "/v1/overrides", &known, "");
    assert_eq!((reply.status, reply.body.as_str()), (304, ""));
    assert_eq!(etag(&reply), first);

    let begun = Instant::now();
    assert_eq!(agent.ask("GET", "/v1/overrides?wait=300ms", &known, "").status, 304);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    let begun = Instant::now();
    assert_eq!(agent.ask("GET", "/v1/overrides?wait=60s", "if-none-match: \"other\"\r\n", "").status, 200);
    assert_eq!(agent.get("/v1/overrides?wait=60s").status, 200);
    assert!(begun.elapsed() < Duration::from_secs(10));

    let mut waiting = agent.socket();
    write!(waiting, "GET /v1/overrides?wait=60s HTTP/1.1\r\nhost: a\r\n{known}\r\n").unwrap();
    assert_eq!(agent.set(json!({ "override": "shadow", "ttl": "2s" })).status, 201);
    let reply = read(waiting).unwrap();
    assert_eq!(reply.status, 200);
    assert!(reply.body.contains("shadow"), "{}", reply.body);
    let second = etag(&reply);
    assert_ne!(second, first);
    // The next change is its end.
    let reply = agent.ask("GET", "/v1/overrides?wait=60s", &format!("if-none-match: {second}\r\n"), "");
    assert_eq!((reply.status, reply.body.as_str()), (200, "{\"overrides\":[]}"));
    assert_eq!(etag(&reply), first, "the same text is called the same");
}

#[test]
fn who_waits_is_answered_at_once_when_the_process_is_to_end() {
    let mut agent = Agent::start(&["--drain", "1h"]);
    let known = etag(&agent.get("/v1/overrides"));
    let mut waiting = agent.socket();
    write!(waiting, "GET /v1/overrides?wait=60s HTTP/1.1\r\nhost: a\r\nif-none-match: {known}\r\n\r\n").unwrap();
    // One that comes later has its answer, so the first is waiting.
    assert_eq!(agent.get("/healthz").status, 200);
    agent.sidecar.signal(Signal::TERM);
    assert_eq!(read(waiting).unwrap().status, 304);
    assert_eq!(agent.sidecar.ended().code(), Some(0));
}

#[test]
fn the_file_is_in_force_is_cleared_there_and_goes_with_it() {
    let agent = Agent::start_whole(tempfile::tempdir().unwrap());
    replace(&agent.file(), &drain("east", &soon(3600)));
    wait("in force", || agent.told().len() == 1);
    let id = agent.ids().remove(0);
    for path in [format!("/v1/overrides/{id}"), "/v1/overrides".to_owned()] {
        let reply = agent.ask("DELETE", &path, "", "");
        assert_eq!(reply.status, 409);
        assert!(body(&reply)["error"].as_str().unwrap().contains("overrides.yaml"), "{}", reply.body);
    }
    assert_eq!(agent.set(json!({ "override": "shadow" })).status, 201);
    let reply = agent.ask("DELETE", "/v1/overrides", "", "");
    assert_eq!(reply.status, 200);
    assert!(body(&reply)["warnings"][0].as_str().unwrap().contains(&id), "{}", reply.body);
    std::fs::remove_file(agent.file()).unwrap();
    wait("gone", || agent.told().is_empty());
}

#[test]
fn a_file_that_is_refused_is_told_in_the_log_with_its_lines_and_in_a_metric() {
    let agent = Agent::start_whole(tempfile::tempdir().unwrap());
    let metric = |name: &str| {
        let page = get(agent.sidecar.metrics_addr(), "/metrics").body;
        let line = page.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
        line.and_then(|line| line.rsplit_once(' ')?.1.parse::<u32>().ok())
            .unwrap_or_else(|| panic!("no {name}: {page}"))
    };
    assert_eq!(metric("helius_override_file_rejected"), 0);
    replace(&agent.file(), &drain("east", &soon(3600)));
    wait("in force", || metric("helius_agent_overrides{source=\"file\"}") == 1);
    assert_eq!(metric("helius_agent_overrides{source=\"api\"}"), 0);
    replace(&agent.file(), "overrides:\n  - override: drane\n");
    let logged = agent.sidecar.logged("the file of overrides is refused; what it said before stays until it ends");
    let place = format!("{}:2: overrides[0].override: \"drane\"", agent.file().display());
    assert!(logged["problem"].as_str().unwrap().starts_with(&place), "{logged}");
    // A page may be a tenth of a second old.
    wait("told", || metric("helius_override_file_rejected") == 1);
    assert_eq!(metric("helius_agent_overrides{source=\"file\"}"), 1);
    let counts = ["set", "file_refused", "ended"]
        .map(|action| metric(&format!("helius_agent_audit_total{{action=\"{action}\"}}")));
    assert_eq!(counts, [1, 1, 0]);
    replace(&agent.file(), "overrides: []\n");
    wait("good again", || metric("helius_override_file_rejected") == 0);
}

#[test]
fn each_change_is_in_the_log_with_who_and_why() {
    let agent = Agent::start(&[]);
    agent.set(json!({ "override": "drain", "region": "east", "route": "assist" }));
    let line = agent.sidecar.logged("audit");
    for (key, value) in [
        ("target", "audit"),
        ("action", "set"),
        ("id", "o-1"),
        ("override", "drain"),
        ("route", "assist"),
        ("region", "east"),
        ("reason", "garbage since the rollout"),
        ("author", "ana"),
        ("source", "api"),
    ] {
        assert_eq!(line[key], value, "{line}");
    }
    assert!(line["remote"].as_str().unwrap().starts_with("uid "), "{line}");
    assert_eq!(agent.ask("DELETE", "/v1/overrides/o-1", "x-helius-author: ben\r\n", "").status, 200);
    let line = agent.sidecar.logged("audit");
    assert_eq!((&line["action"], &line["by"]), (&json!("cleared"), &json!("ben")));
}

#[test]
fn what_the_api_was_told_outlives_a_process_that_is_killed() {
    let agent = Agent::start_whole(tempfile::tempdir().unwrap());
    assert_eq!(agent.set(json!({ "override": "drain", "region": "east", "ttl": "1h" })).status, 201);
    replace(&agent.file(), &drain("west", &soon(3600)));
    wait("both in force", || agent.told().len() == 2);
    let (told, name) = (agent.told(), etag(&agent.get("/v1/overrides")));
    let Agent { mut sidecar, directory } = agent;
    sidecar.signal(Signal::KILL);
    assert!(!sidecar.ended().success());
    let agent = Agent::start_whole(directory);
    assert_eq!(agent.told(), told);
    assert_eq!(etag(&agent.get("/v1/overrides")), name, "who asks again learns that nothing has changed");
    assert_eq!(agent.ids()[1], "o-1");
}
