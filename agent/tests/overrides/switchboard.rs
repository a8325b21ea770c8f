//! The store together with its file and its audit.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use helius_agent::overrides::{Action, NotCleared, Source, StateDir, Switchboard, Who, moment};
use helius_policy::overrides::{Change, Override};
use helius_policy::time::Timestamp;
use tempfile::TempDir;

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

pub(crate) fn at(millis: u64) -> Timestamp {
    START.after(Duration::from_millis(millis))
}

pub(crate) fn switched(change: Change, until: Timestamp) -> Override {
    let (reason, author) = ("garbage since the rollout".to_owned(), "ana".to_owned());
    Override { change, service: None, route: Some("assist".to_owned()), until, reason, author }
}

fn text(regions: &[&str], until: Timestamp) -> String {
    let lines = regions.iter().map(|region| {
        format!("  - {{ override: drain, region: {region}, until: {}, reason: r, author: ci }}\n", moment(until))
    });
    format!("overrides:\n{}", lines.collect::<String>())
}

/// A switchboard with a file beside it.
struct Watched {
    switchboard: Switchboard,
    path: PathBuf,
    directory: TempDir,
}

impl Watched {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("overrides.yaml");
        let state = StateDir::open(&directory.path().join("state")).unwrap();
        Self { switchboard: Switchboard::new(Some(state), Some(path.clone()), at(0)), path, directory }
    }

    fn write(&self, text: &str, now: Timestamp) {
        fs::write(&self.path, text).unwrap();
        self.switchboard.tick(now);
    }

    fn regions(&self) -> Vec<String> {
        let entries = self.switchboard.entries();
        entries.iter().filter_map(|entry| entry.switched.change.region().map(str::to_owned)).collect()
    }

    fn count(&self, action: Action) -> u64 {
        self.switchboard.counts().into_iter().find(|(it, _)| *it == action).map_or(0, |(_, count)| count)
    }

    fn audit(&self) -> Vec<serde_json::Value> {
        lines(&self.directory.path().join("state/audit.jsonl"))
    }
}

fn lines(path: &Path) -> Vec<serde_json::Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_stands_in_the_file_is_in_force_and_goes_with_it() {
    let watched = Watched::new();
    watched.write(&text(&["east", "west"], at(60_000)), at(0));
    assert_eq!(watched.regions(), ["east", "west"]);
    let before = watched.switchboard.entries();
    watched.write(&text(&["west", "north"], at(60_000)), at(5_000));
    assert_eq!(watched.regions(), ["west", "north"]);
    let after = watched.switchboard.entries();
    assert_eq!(after[0], before[1], "what stays is the same one, since when it was first seen");
    fs::remove_file(&watched.path).unwrap();
    watched.switchboard.tick(at(6_000));
    assert_eq!(watched.regions(), Vec::<String>::new());
    assert_eq!((watched.count(Action::Set), watched.count(Action::Cleared)), (3, 3));
    assert_eq!(watched.count(Action::FileChanged), 3);
}

#[test]
fn one_that_stands_there_twice_is_one_and_one_that_has_ended_is_none() {
    let watched = Watched::new();
    watched.write(&text(&["east", "east"], at(60_000)), at(0));
    assert_eq!(watched.regions(), ["east"]);
    watched.write(&text(&["west"], at(1_000)), at(1_000));
    assert_eq!(watched.regions(), Vec::<String>::new());
}

#[test]
fn a_file_that_is_refused_leaves_what_it_said_before_until_that_ends() {
    let watched = Watched::new();
    watched.write(&text(&["east"], at(60_000)), at(0));
    let bad = "overrides:\n  - { override: drain, regoin: east, reason: r, author: ci }\n";
    watched.write(bad, at(1_000));
    assert_eq!(watched.regions(), ["east"]);
    let path = watched.path.display();
    let told = watched.switchboard.refused().unwrap();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 3, "{told}");
    assert!(lines.iter().all(|line| line.starts_with(&format!("{path}:2: overrides[0]"))), "{told}");
    assert!(told.contains("did you mean \"region\"?"), "{told}");
    for seconds in 2..60 {
        watched.switchboard.tick(at(seconds * 1_000));
        assert_eq!(watched.regions(), ["east"]);
    }
    assert_eq!(watched.count(Action::FileRefused), 1, "the same is told once");
    watched.switchboard.tick(at(60_000));
    assert_eq!(watched.regions(), Vec::<String>::new());
    assert!(watched.switchboard.refused().is_some());
    watched.write("overrides: []\n", at(61_000));
    assert_eq!(watched.switchboard.refused(), None);
}

#[test]
fn a_file_whose_end_is_too_far_is_taken_when_it_is_not_any_more() {
    let watched = Watched::new();
    let day = 24 * 3_600_000;
    watched.write(&text(&["east"], at(day + 120_000)), at(0));
    assert!(watched.switchboard.refused().is_some());
    watched.switchboard.tick(at(59_000));
    assert!(watched.switchboard.refused().is_some());
    watched.switchboard.tick(at(65_000));
    assert_eq!(watched.switchboard.refused(), None);
    assert_eq!(watched.regions(), ["east"]);
}

#[test]
fn a_file_that_is_no_document_is_refused_and_one_of_comments_says_nothing() {
    let watched = Watched::new();
    watched.write(&text(&["east"], at(60_000)), at(0));
    for bad in ["overrides: [\n", "overrides: 1\n", "nonsense\n", "\u{1}\n", "other: []\n"] {
        watched.write(bad, at(1_000));
        assert!(watched.switchboard.refused().is_some(), "{bad:?}");
        assert_eq!(watched.regions(), ["east"], "{bad:?}");
    }
    watched.write("# nothing now\n", at(1_000));
    assert_eq!(watched.switchboard.refused(), None);
    assert_eq!(watched.regions(), Vec::<String>::new());
}

#[test]
fn both_together_are_no_more_than_there_may_be() {
    let watched = Watched::new();
    let regions: Vec<String> = (0..60).map(|number| format!("r-{number}")).collect();
    let regions: Vec<&str> = regions.iter().map(String::as_str).collect();
    for _ in 0..5 {
        watched.switchboard.set(switched(Change::Static, at(3_000)), &Who::default(), at(0)).unwrap();
    }
    watched.write(&text(&regions, at(60_000)), at(0));
    let told = watched.switchboard.refused().unwrap();
    assert!(
        told.ends_with(
            "there are 5 overrides, and 60 more would be more than 64; clear those that are no longer needed"
        )
    );
    // When those of the API have ended, there is room, and nobody has to touch the file.
    watched.switchboard.tick(at(6_000));
    assert_eq!(watched.switchboard.held(Source::File), 60);
    for _ in 0..4 {
        watched.switchboard.set(switched(Change::Static, at(60_000)), &Who::default(), at(6_000)).unwrap();
    }
    let full = watched.switchboard.set(switched(Change::Static, at(60_000)), &Who::default(), at(6_000));
    assert!(full.unwrap_err().to_string().starts_with("there are 64 overrides"));
}

#[test]
fn what_was_set_by_hand_comes_last_and_what_stands_in_the_file_is_cleared_there() {
    let watched = Watched::new();
    let drain = |region: &str| switched(Change::Drain { region: region.to_owned() }, at(60_000));
    watched.switchboard.set(drain("hand"), &Who::default(), at(0)).unwrap();
    watched.write(&text(&["file"], at(60_000)), at(0));
    assert_eq!(watched.regions(), ["file", "hand"]);
    let id = watched.switchboard.entries()[0].id.clone();
    let refused = watched.switchboard.clear(&id, &Who::default(), at(0));
    assert_eq!(refused, Err(NotCleared::OfFile(id)));
    assert_eq!(watched.switchboard.clear_all(&Who::default(), at(0)).len(), 1);
    assert_eq!(watched.regions(), ["file"]);
}

#[test]
fn each_change_is_a_line_that_says_who_and_what() {
    let watched = Watched::new();
    let who = |name: &str| Who { name: Some(name.to_owned()), remote: Some("uid 7".to_owned()) };
    let east = switched(Change::Drain { region: "east".to_owned() }, at(60_000));
    let id = watched.switchboard.set(east, &who("ana"), at(0)).unwrap().entry.id;
    watched.switchboard.clear(&id, &who("ben"), at(1_000)).unwrap();
    watched.switchboard.set(switched(Change::Static, at(3_000)), &who("ana"), at(2_000)).unwrap();
    watched.switchboard.tick(at(3_000));
    let told = watched.audit();
    let actions: Vec<&str> = told.iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["set", "cleared", "set", "ended"]);
    let expected = serde_json::json!({
        "at": "2023-11-14T22:13:21Z", "action": "cleared", "id": "o-1", "override": "drain", "region": "east",
        "route": "assist", "created": "2023-11-14T22:13:20Z", "until": "2023-11-14T22:14:20Z",
        "reason": "garbage since the rollout", "author": "ana", "source": "api", "by": "ben", "remote": "uid 7",
    });
    assert_eq!(told[1], expected);
}

#[test]
fn who_waits_is_woken_by_a_change_and_by_nothing_else() {
    let watched = Watched::new();
    let mut document = watched.switchboard.document();
    watched.switchboard.tick(at(100));
    assert!(!document.has_changed().unwrap());
    watched.switchboard.set(switched(Change::Static, at(1_000)), &Who::default(), at(200)).unwrap();
    assert!(document.has_changed().unwrap());
    document.mark_unchanged();
    watched.switchboard.tick(at(999));
    assert!(!document.has_changed().unwrap());
    watched.switchboard.tick(at(1_000));
    assert!(document.has_changed().unwrap());
}
