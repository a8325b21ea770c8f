//! What outlives the process, and how much room it takes.

use std::fs;
use std::path::Path;

use helius_agent::overrides::{Source, StateDir, Switchboard, Who};
use helius_policy::overrides::{Change, MOST};

use crate::switchboard::{at, switched};

fn start(directory: &Path, millis: u64) -> Switchboard {
    Switchboard::new(Some(StateDir::open(directory).unwrap()), None, at(millis))
}

fn drain(region: &str, until: u64) -> helius_policy::overrides::Override {
    switched(Change::Drain { region: region.to_owned() }, at(until))
}

#[test]
fn what_the_api_was_told_is_there_after_a_restart_with_its_number() {
    let directory = tempfile::tempdir().unwrap();
    let before = start(directory.path(), 0);
    for region in ["a", "b", "c"] {
        before.set(drain(region, 60_000), &Who::default(), at(0)).unwrap();
    }
    before.set(drain("short", 1_000), &Who::default(), at(0)).unwrap();
    before.clear("o-2", &Who::default(), at(0)).unwrap();
    let kept = before.entries();
    drop(before);
    let after = start(directory.path(), 1_000);
    assert_eq!(after.entries(), [kept[0].clone(), kept[1].clone()], "the short one has ended meanwhile");
    let next = after.set(drain("d", 60_000), &Who::default(), at(1_000)).unwrap();
    assert_eq!(next.entry.id, "o-5");
    assert_eq!(next.warnings, Vec::<String>::new());
}

#[test]
fn the_number_goes_on_although_nothing_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let before = start(directory.path(), 0);
    before.set(drain("a", 60_000), &Who::default(), at(0)).unwrap();
    before.clear_all(&Who::default(), at(0));
    drop(before);
    let set = start(directory.path(), 0).set(drain("b", 60_000), &Who::default(), at(0)).unwrap();
    assert_eq!(set.entry.id, "o-2");
}

#[test]
fn after_a_clock_that_stepped_back_the_rest_is_there_still() {
    let directory = tempfile::tempdir().unwrap();
    let day = 24 * 3_600_000;
    start(directory.path(), day).set(drain("a", 2 * day), &Who::default(), at(day)).unwrap();
    let after = start(directory.path(), 0);
    assert_eq!(after.entries()[0].switched.until, at(day), "shortened to a day from now");
}

#[test]
fn a_file_that_cannot_be_read_is_set_aside_and_ends_nothing() {
    let whole = {
        let directory = tempfile::tempdir().unwrap();
        start(directory.path(), 0).set(drain("a", 60_000), &Who::default(), at(0)).unwrap();
        fs::read_to_string(directory.path().join("overrides.json")).unwrap()
    };
    let cases = [
        String::new(),
        whole[..whole.len() / 2].to_owned(),
        whole.replace("drain", "drown"),
        whole.replace("\"next\"", "\"nxt\""),
        whole.replace("\"id\"", "\"di\""),
        whole.replace("2023", "never"),
        "[]".to_owned(),
        "\0\0\0\0".to_owned(),
        " ".repeat(600 * 1024),
    ];
    for text in cases {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("overrides.json"), &text).unwrap();
        let switchboard = start(directory.path(), 0);
        assert_eq!(switchboard.entries(), [], "{text:.100}");
        let aside = directory.path().join("overrides.json.unreadable");
        assert_eq!(fs::read_to_string(aside).unwrap(), text);
        assert!(switchboard.set(drain("b", 60_000), &Who::default(), at(0)).is_ok());
        assert_eq!(start(directory.path(), 0).entries().len(), 1);
    }
}

#[test]
fn whoever_sets_one_is_told_where_it_will_not_outlive_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let switchboard = start(&state, 0);
    fs::remove_dir_all(&state).unwrap();
    let set = switchboard.set(drain("a", 60_000), &Who::default(), at(0)).unwrap();
    assert!(set.warnings[0].starts_with("it ends with a restart of the agent"), "{:?}", set.warnings);
    assert_eq!(switchboard.held(Source::Api), 1);
}

#[test]
fn a_day_of_comings_and_goings_takes_no_more_room_at_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let switchboard = start(directory.path(), 0);
    let mut random = fastrand::Rng::with_seed(7);
    let (mut set, mut most) = (0_u32, 0);
    // Each minute or two something new is set, ends, or is cleared before.
    for second in 0..24 * 3_600_u64 {
        let now = second * 1_000;
        if random.u16(..) < 1_600 {
            let until = now + random.u64(1_000..3_600_000);
            let region = format!("region-{}", random.u8(..));
            set += u32::from(switchboard.set(drain(&region, until), &Who::default(), at(now)).is_ok());
        }
        if random.u16(..) < 200 {
            switchboard.tick(at(now));
            let id = switchboard.entries().first().map(|entry| entry.id.clone());
            let cleared = id.map(|id| switchboard.clear(&id, &Who::default(), at(now)).is_ok());
            assert_ne!(cleared, Some(false));
        }
        switchboard.tick(at(now));
        if second % 3_600 == 0 {
            most = most.max(fs::metadata(directory.path().join("overrides.json")).map_or(0, |found| found.len()));
        }
    }
    assert!(set > 1_500, "{set}");
    assert!(switchboard.held(Source::Api) <= MOST);
    // 300 bytes for each of 64.
    assert!(most < 64 * 300, "{most}");
    let end = 25 * 3_600 * 1_000;
    switchboard.tick(at(end));
    assert_eq!(switchboard.held(Source::Api), 0);
    let length = |name: &str| fs::metadata(directory.path().join(name)).unwrap().len();
    assert!(length("overrides.json") < 64, "{}", length("overrides.json"));
    assert!(length("audit.jsonl") <= 1 << 20, "{}", length("audit.jsonl"));
}
