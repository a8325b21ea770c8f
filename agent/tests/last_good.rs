//! Good answers on disk: what is kept, what is given, and what a disk may do meanwhile.

use std::fs;
use std::path::{Path, PathBuf};

use helius_agent::last_good::{Bounds, KeepError, LONGEST, Name, Store};
use tempfile::TempDir;

fn name(route: &str) -> Name {
    Name::new("router", route).unwrap()
}

/// A record as the filter writes it: when it was kept, its age, its key, and a 200 without headers.
fn record(second: u64, key: &str, body: &[u8]) -> Vec<u8> {
    let mut record = (second * 1_000_000_000).to_le_bytes().to_vec();
    record.extend([0; 4]);
    record.extend(u32::try_from(key.len()).unwrap().to_le_bytes());
    record.extend(key.as_bytes());
    record.extend(200_u16.to_le_bytes());
    record.extend([0; 2]);
    record.extend(body);
    record
}

fn open(dir: &TempDir) -> Store {
    Store::open(dir.path()).unwrap()
}

/// What there is of a route, in the order in which it was kept.
fn all(store: &Store, route: &str) -> Vec<Vec<u8>> {
    let (ids, _) = store.list(&name(route));
    let mut records: Vec<_> = ids.iter().map(|id| store.get(&name(route), id).unwrap()).collect();
    records.sort_by_key(|record| u64::from_le_bytes(record[..8].try_into().unwrap()));
    records
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn what_was_kept_is_there_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let mut store = open(&dir);
    let (one, two, other) = (record(1, "one", b"1"), record(2, "two", b"2"), record(3, "one", b"3"));
    store.keep(&name("assist"), &one, Some("00000000000000ff")).unwrap();
    store.keep(&name("assist"), &two, Some("00000000000000ff")).unwrap();
    store.keep(&name("predict"), &other, None).unwrap();
    for store in [store, open(&dir)] {
        assert_eq!(all(&store, "assist"), [one.clone(), two.clone()]);
        assert_eq!(all(&store, "predict"), std::slice::from_ref(&other));
        assert_eq!(store.list(&name("assist")).1.as_deref(), Some("00000000000000ff"));
        assert_eq!(store.list(&Name::new("other", "assist").unwrap()), (Vec::new(), None));
        assert_eq!(store.get(&name("assist"), "../salt"), None);
    }
}

#[test]
fn a_newer_answer_takes_the_place_of_the_older_one_to_the_same_question() {
    let dir = TempDir::new().unwrap();
    let mut store = open(&dir);
    for second in 1..=3 {
        store.keep(&name("assist"), &record(second, "one", b"x"), None).unwrap();
    }
    assert_eq!(all(&store, "assist"), [record(3, "one", b"x")]);
    assert_eq!(files(dir.path()).len(), 1);
}

#[test]
fn what_is_no_answer_is_not_kept() {
    let dir = TempDir::new().unwrap();
    let mut store = open(&dir);
    let whole = record(1, "one", b"");
    let too_long = record(1, "one", &vec![b'x'; LONGEST]);
    for bad in (0..whole.len()).map(|length| &whole[..length]).chain([b"<html>".as_slice(), &too_long]) {
        assert!(matches!(store.keep(&name("assist"), bad, None), Err(KeepError::NoAnswer)), "{bad:?}");
    }
    assert_eq!(files(dir.path()), Vec::<PathBuf>::new());
    store.keep(&name("assist"), &whole, Some("no salt")).unwrap();
    assert_eq!(store.list(&name("assist")).1, None);
}

#[test]
fn nobody_names_a_place_outside() {
    for (service, route) in [("", "a"), ("a", ""), ("a/b", "c"), ("a", "b/.."), ("a", "b\n"), ("a", "é")] {
        assert_eq!(Name::new(service, route), None, "{service} {route}");
    }
    let dir = TempDir::new().unwrap();
    open(&dir).keep(&Name::new("..", "..").unwrap(), &record(1, "one", b""), Some("1")).unwrap();
    assert!(files(dir.path()).iter().all(|file| file.starts_with(dir.path().join("last-good/s-.."))));
    assert_eq!(files(dir.path()).len(), 2);
}

#[test]
fn what_a_dying_machine_leaves_is_given_to_nobody() {
    let dir = TempDir::new().unwrap();
    open(&dir).keep(&name("assist"), &record(1, "one", b"1"), None).unwrap();
    let of_route = dir.path().join("last-good/s-router/r-assist");
    fs::write(of_route.join(".tmp123"), b"half").unwrap();
    fs::write(of_route.join("ffffffffffffffffffffffffffffffff"), b"garbage").unwrap();
    fs::write(of_route.join("0123"), record(1, "two", b"under another name")).unwrap();
    fs::write(of_route.join("cut"), &record(1, "three", b"cut")[..10]).unwrap();
    let store = open(&dir);
    assert_eq!(all(&store, "assist"), [record(1, "one", b"1")]);
    assert!(!of_route.join(".tmp123").exists());
}

#[test]
fn they_are_bounded_in_number_and_the_oldest_gives_way() {
    let dir = TempDir::new().unwrap();
    let mut store = Store::within(dir.path(), Bounds { count: 10, ..Bounds::default() }).unwrap();
    for second in 0..13 {
        let route = if second % 2 == 0 { "assist" } else { "predict" };
        store.keep(&name(route), &record(second, &second.to_string(), b""), None).unwrap();
    }
    assert_eq!(store.size().0, 10);
    assert_eq!(all(&store, "assist")[0], record(4, "4", b""));
    assert_eq!(files(dir.path()).len(), 10);
}

#[test]
fn they_are_bounded_in_bytes_also_when_they_are_found_on_disk() {
    let dir = TempDir::new().unwrap();
    let body = vec![b'x'; 1_000];
    let bounds = Bounds { bytes: 10_500, ..Bounds::default() };
    let mut store = Store::within(dir.path(), bounds).unwrap();
    for second in 0..15 {
        store.keep(&name("assist"), &record(second, &second.to_string(), &body), None).unwrap();
    }
    let (count, bytes) = store.size();
    assert!(count == 10 && bytes <= bounds.bytes, "{count} with {bytes} bytes");
    assert_eq!(open(&dir).size(), (count, bytes));
    let smaller = Store::within(dir.path(), Bounds { count: 3, ..bounds }).unwrap();
    assert_eq!(smaller.size().0, 3);
    assert_eq!(all(&smaller, "assist")[0], record(12, "12", &body));
}
