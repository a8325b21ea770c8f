//! Answers that outlive Envoy: handed to an agent, and asked for by an Envoy that is new.

use std::collections::BTreeMap;
use std::time::Duration;

use helius_policy::config::Config;
use helius_policy::http::Headers;
use helius_policy::last_good::{Archive, LastGood, Question};
use helius_policy::salt::Salt;
use helius_policy::time::Timestamp;

use crate::memory::{Memory, SALT, START, answer, at};

const TICK: Duration = Duration::from_millis(100);

fn config(keys: [&str; 2]) -> Config {
    let route = |name: &str, key: &str| {
        format!(
            "  - name: {name}
    match: {{ path: /{name} }}
    upstream: {{ timeout: 1s, regions: [{{ name: east, via: route }}] }}
    fail_open: {{ last_good: {{ key: {key}, fresh: 5m, max_stale: 1h, max_entries: 16 }} }}
"
        )
    };
    let routes = route("assist", keys[0]) + &route("predict", keys[1]);
    Config::parse(format!("service: router\nroutes:\n{routes}").as_bytes()).unwrap()
}

fn last_good(config: &Config, route: usize) -> &LastGood {
    config.routes()[route].last_good().unwrap()
}

/// The agent: what it keeps, by route and key.
#[derive(Default)]
struct Agent {
    is_away: bool,
    salt: Option<Vec<u8>>,
    kept: BTreeMap<(String, Vec<u8>), Vec<u8>>,
    asked: Vec<String>,
}

impl Agent {
    fn answer(&mut self, question: &Question) -> (Headers, Vec<u8>) {
        let said = |name| String::from_utf8(question.headers.first(name).unwrap().to_vec()).unwrap();
        let (method, path) = (said(":method"), said(":path"));
        self.asked.push(format!("{method} {path}"));
        let status = |status| Headers::from_iter([(":status", status)]);
        if self.is_away {
            return (Headers::new(), Vec::new());
        }
        let rest = path.strip_prefix("/v1/last-good/router/").unwrap();
        let (route, id) = rest.split_once('/').unwrap_or((rest, ""));
        let of_route: Vec<_> = self.kept.iter().filter(|((it, _), _)| it == route).map(|(_, record)| record).collect();
        match (method.as_str(), id) {
            ("PUT", "") => {
                let key = LastGood::key_in(&question.body).unwrap().to_vec();
                self.salt = question.headers.first("x-helius-salt").map(<[u8]>::to_vec);
                self.kept.insert((route.to_owned(), key), question.body.clone());
                (status("204"), Vec::new())
            }
            ("GET", "") => {
                let ids: String = (0..of_route.len()).flat_map(|id| [id.to_string(), "\n".to_owned()]).collect();
                let mut headers = status("200");
                if let Some(salt) = &self.salt {
                    headers.push("x-helius-salt", salt.clone());
                }
                (headers, ids.into_bytes())
            }
            ("GET", id) => match id.parse::<usize>().ok().and_then(|id| of_route.get(id)) {
                Some(record) => (status("200"), (*record).clone()),
                None => (status("404"), Vec::new()),
            },
            _ => panic!("{method} {path}"),
        }
    }
}

/// So many ticks of one worker.
fn run(archive: &mut Archive, agent: &mut Agent, memory: &Memory, from: Timestamp, ticks: u32) -> Timestamp {
    let (mut now, mut salt) = (from, Salt::Bodies.agreed(memory, from));
    for _ in 0..ticks {
        now = now.after(TICK);
        if let Some(question) = archive.next(salt, memory, now) {
            archive.asked(Some(7), now);
            assert!(archive.is_asked(7) && archive.next(salt, memory, now).is_none(), "one question at a time");
            let (headers, body) = agent.answer(&question);
            archive.answered(&headers, &body, &mut salt, SALT, memory, now);
        }
    }
    now
}

fn keep(config: &Config, route: usize, key: &[u8], says: &str, memory: &Memory, now: Timestamp) {
    last_good(config, route).keep(key, SALT, &answer(&[], says.as_bytes()), memory, now);
}

fn found(config: &Config, route: usize, key: &[u8], memory: &Memory, now: Timestamp) -> Option<Vec<u8>> {
    last_good(config, route).find(key, SALT, memory, now).map(|response| response.body)
}

#[test]
fn a_new_envoy_has_what_the_last_one_kept() {
    let (config, mut agent, before) = (config(["[path]", "[path]"]), Agent::default(), Memory::default());
    let mut archive = Archive::new(&config, "helius").unwrap();
    keep(&config, 0, b"one", "1", &before, START);
    keep(&config, 0, b"two", "2", &before, START);
    keep(&config, 1, b"one", "3", &before, START);
    let now = run(&mut archive, &mut agent, &before, START, 100);
    assert_eq!(agent.kept.len(), 3);

    let (after, mut archive) = (Memory::default(), Archive::new(&config, "helius").unwrap());
    let now = run(&mut archive, &mut agent, &after, now, 20);
    for (route, key, says) in [(0, b"one", "1"), (0, b"two", "2"), (1, b"one", "3")] {
        assert_eq!(found(&config, route, key, &after, now).as_deref(), Some(says.as_bytes()));
    }
}

#[test]
fn what_is_newer_is_not_replaced_and_what_is_too_old_not_brought_back() {
    let (config, mut agent, before) = (config(["[path]", "[path]"]), Agent::default(), Memory::default());
    let mut archive = Archive::new(&config, "helius").unwrap();
    keep(&config, 0, b"one", "old", &before, START);
    keep(&config, 1, b"one", "old", &before, START);
    run(&mut archive, &mut agent, &before, START, 100);

    let after = Memory::default();
    let later = at(Duration::from_secs(3_601));
    keep(&config, 0, b"one", "new", &after, later);
    run(&mut Archive::new(&config, "helius").unwrap(), &mut agent, &after, later, 20);
    assert_eq!(found(&config, 0, b"one", &after, later).as_deref(), Some(&b"new"[..]));
    assert!(!after.holds(b"old"));
}

#[test]
fn it_is_asked_for_once_in_the_life_of_an_envoy() {
    let (config, mut agent, memory) = (config(["[path]", "[path]"]), Agent::default(), Memory::default());
    let now = run(&mut Archive::new(&config, "helius").unwrap(), &mut agent, &memory, START, 10);
    assert_eq!(agent.asked, ["GET /v1/last-good/router/assist", "GET /v1/last-good/router/predict"]);
    run(&mut Archive::new(&config, "helius").unwrap(), &mut agent, &memory, now, 100);
    assert_eq!(agent.asked.len(), 2, "a worker that takes over, or a pushed document, asks no more");
}

#[test]
fn what_changes_all_the_time_is_handed_on_once_a_second() {
    let (config, mut agent, memory) = (config(["[path]", "[path]"]), Agent::default(), Memory::default());
    let mut archive = Archive::new(&config, "helius").unwrap();
    let mut now = START;
    for count in 0..100 {
        keep(&config, 0, b"one", &count.to_string(), &memory, now);
        now = run(&mut archive, &mut agent, &memory, now, 1);
    }
    let handed = agent.asked.iter().filter(|it| it.starts_with("PUT")).count();
    assert!((5..=10).contains(&handed), "{handed} in ten seconds");
    // What does not change is handed on no more.
    let now = run(&mut archive, &mut agent, &memory, now, 30);
    let asked = agent.asked.len();
    run(&mut archive, &mut agent, &memory, now, 100);
    assert_eq!(agent.asked.len(), asked);
}

#[test]
fn a_route_that_changes_all_the_time_does_not_keep_the_others_away() {
    let (config, mut agent, memory) = (config(["[path]", "[path]"]), Agent::default(), Memory::default());
    let mut archive = Archive::new(&config, "helius").unwrap();
    keep(&config, 1, b"one", "seldom", &memory, START);
    let mut now = START;
    for count in 0..40 {
        keep(&config, 0, b"one", &count.to_string(), &memory, now);
        now = run(&mut archive, &mut agent, &memory, now, 1);
    }
    assert!(agent.asked.contains(&"PUT /v1/last-good/router/predict".to_owned()), "{:?}", agent.asked);
}

#[test]
fn a_look_that_found_nothing_is_not_repeated_with_the_next_fine_tick() {
    let (config, mut agent, memory) = (config(["[path]", "[path]"]), Agent::default(), Memory::default());
    let mut archive = Archive::new(&config, "helius").unwrap();
    let now = run(&mut archive, &mut agent, &memory, START, 10);
    assert!(archive.next(SALT, &memory, now.after(TICK)).is_none(), "nothing is kept yet");
    keep(&config, 0, b"one", "1", &memory, now);
    keep(&config, 1, b"one", "1", &memory, now);
    let fine = |ticks: u32| now.after(TICK).after(Duration::from_millis(10) * ticks);
    assert!((1..8).all(|ticks| archive.next(SALT, &memory, fine(ticks)).is_none()));
    assert!(archive.next(SALT, &memory, fine(8)).is_some());
}

#[test]
fn an_agent_that_is_away_is_left_alone_and_misses_nothing() {
    let (config, mut agent, memory) = (config(["[path]", "[path]"]), Agent::default(), Memory::default());
    let mut archive = Archive::new(&config, "helius").unwrap();
    let now = run(&mut archive, &mut agent, &memory, START, 10);
    agent.is_away = true;
    keep(&config, 0, b"one", "1", &memory, now);
    let asked = agent.asked.len();
    let now = run(&mut archive, &mut agent, &memory, now, 250);
    assert_eq!(agent.asked.len(), asked + 1, "once in 30 s");
    agent.is_away = false;
    run(&mut archive, &mut agent, &memory, now, 100);
    assert_eq!(agent.kept.len(), 1);
}

#[test]
fn one_that_was_away_at_the_beginning_is_asked_later() {
    let (config, mut agent, memory) = (config(["[path]", "[path]"]), Agent::default(), Memory::default());
    let mut archive = Archive::new(&config, "helius").unwrap();
    let before = Memory::default();
    keep(&config, 0, b"one", "1", &before, START);
    let now = run(&mut Archive::new(&config, "helius").unwrap(), &mut agent, &before, START, 100);
    agent.is_away = true;
    let now = run(&mut archive, &mut agent, &memory, now, 10);
    agent.is_away = false;
    let now = run(&mut archive, &mut agent, &memory, now, 310);
    assert_eq!(found(&config, 0, b"one", &memory, now).as_deref(), Some(&b"1"[..]));
}

#[test]
fn the_answer_to_a_body_is_found_by_its_hash_in_the_next_envoy() {
    let (config, mut agent) = (config(["[path, body]", "[path]"]), Agent::default());
    let of_body = |memory: &Memory, now, body: &[u8]| {
        let headers = Headers::from_iter([(":method", "PUT"), (":path", "/assist")]);
        let mut key = last_good(&config, 0).key(&headers, false, Salt::Bodies.agreed(memory, now), 64).unwrap();
        key.extend(body, body.len(), true);
        key.whole().unwrap()
    };
    let before = Memory::default();
    keep(&config, 0, &of_body(&before, START, b"what now?"), "1", &before, START);
    let now = run(&mut Archive::new(&config, "helius").unwrap(), &mut agent, &before, START, 100);

    let after = Memory::default();
    let early = of_body(&after, now, b"what now?");
    let now = run(&mut Archive::new(&config, "helius").unwrap(), &mut agent, &after, now, 20);
    let late = of_body(&after, now, b"what now?");
    assert_ne!(early, late, "the salt was another one");
    assert_eq!(found(&config, 0, &late, &after, now).as_deref(), Some(&b"1"[..]));
    assert_eq!(found(&config, 0, &of_body(&after, now, b"what then?"), &after, now), None);
}

#[test]
fn whatever_an_agent_says_nothing_but_an_answer_is_put_back() {
    let config = config(["[path]", "[path]"]);
    let good = Memory::default();
    keep(&config, 0, b"one", "1", &good, START);
    let record = good.records.borrow().values().next().unwrap().record.clone();
    let mut cases: Vec<Vec<u8>> = vec![Vec::new(), b"<html>".to_vec(), vec![0xff; 5_000]];
    cases.extend((0..record.len()).map(|length| record[..length].to_vec()));
    for body in cases {
        let memory = Memory::default();
        let mut archive = Archive::new(&config, "helius").unwrap();
        for said in [b"id\n../../etc\n\n".to_vec(), body.clone()] {
            assert!(archive.next(SALT, &memory, START).is_some());
            archive.asked(Some(1), START);
            archive.answered(&Headers::from_iter([(":status", "200")]), &said, &mut SALT.clone(), SALT, &memory, START);
        }
        assert!(memory.records.borrow().is_empty(), "{body:?}");
        let next = archive.next(SALT, &memory, START).unwrap();
        assert_eq!(next.headers.first(":path"), Some(&b"/v1/last-good/router/predict"[..]), "one id was none");
    }
}
