//! Which answers are kept, and which requests find them.

use helius_policy::http::Response;
use helius_policy::last_good::KeyPart;

use crate::memory::{MAX_BODY, MOST, Memory, Question, SALT, START, answer, header, last_good, path_and_body};

const BODY: &[u8] = br#"{"score": 0.9}"#;

fn plain() -> Question {
    Question::new(&[], "what now?")
}

/// Whether the same request finds this answer when it has been given once.
fn is_kept(parts: Vec<KeyPart>, across: bool, question: &Question, answer: &Response) -> bool {
    let last_good = last_good(parts, 4);
    let last_good = if across { last_good.across_credentials() } else { last_good };
    let memory = Memory::default();
    question.keep(&last_good, answer, &memory, START);
    let found = question.find(&last_good, &memory, START);
    assert_eq!(found.is_some(), memory.bytes() > 0, "what is never found is not kept");
    found.is_some_and(|found| found.body == answer.body && found.status == answer.status)
}

#[test]
fn what_is_kept_comes_back_with_its_age_and_without_what_spoke_of_its_connection() {
    let (last_good, memory) = (last_good(path_and_body(), 4), Memory::default());
    let fields = [
        (":status", "200"),
        ("content-type", "application/json"),
        ("content-length", "14"),
        ("connection", "close"),
        ("x-envoy-upstream-service-time", "3"),
        ("x-model", "7"),
    ];
    plain().keep(&last_good, &answer(&fields, BODY), &memory, START);
    let expected = answer(&[("content-type", "application/json"), ("x-model", "7"), ("age", "0")], BODY);
    assert_eq!(plain().find(&last_good, &memory, START), Some(expected));
}

#[test]
fn only_answers_that_anybody_may_have_again_are_kept() {
    let of = |headers: &[(&str, &str)]| answer(headers, BODY);
    let with_status = |status| Response { status, ..of(&[]) };
    let with_body = |length| answer(&[], &vec![b'a'; length]);
    let cases = [
        ("a plain one", of(&[]), true),
        ("a 201", with_status(201), true),
        ("a 203", with_status(203), true),
        ("a 204", with_status(204), false),
        ("a 205", with_status(205), false),
        ("a 206", with_status(206), false),
        ("a 299", with_status(299), true),
        ("a 302", with_status(302), false),
        ("a 404", with_status(404), false),
        ("a 500", with_status(500), false),
        ("nothing in it", with_body(0), false),
        ("a byte", with_body(1), true),
        ("the longest", with_body(MAX_BODY), true),
        ("a byte more", with_body(MAX_BODY + 1), false),
        ("that announces to be longer", of(&[("content-length", "1001")]), false),
        ("an event stream", of(&[("content-type", "text/event-stream; charset=utf-8")]), false),
        ("not encoded", of(&[("content-encoding", "Identity")]), true),
        ("encoded", of(&[("content-encoding", "gzip")]), false),
        ("encoded in a second line", of(&[("content-encoding", "identity"), ("content-encoding", "br")]), false),
        ("with a cookie", of(&[("set-cookie", "a=b")]), false),
        ("with trailers to come", of(&[("trailer", "checksum")]), false),
        ("not to be stored", of(&[("cache-control", "no-store")]), false),
        ("in any case", of(&[("cache-control", "max-age=5,NO-STORE ")]), false),
        ("in a second line", of(&[("cache-control", "max-age=5"), ("cache-control", "no-store")]), false),
        ("for one user", of(&[("cache-control", "private")]), false),
        ("for one user in part", of(&[("cache-control", "Private =\"x-a\"")]), false),
        ("not fresh for long", of(&[("cache-control", "public, max-age=0, must-revalidate, no-cache")]), true),
        ("of no-store in name only", of(&[("cache-control", "no-storefront")]), true),
        ("that varies with nothing", of(&[("vary", "")]), true),
        ("with the encoding", of(&[("vary", "Accept-Encoding")]), true),
        ("with the language", of(&[("vary", "accept-encoding, accept-language")]), false),
        ("with anything", of(&[("vary", "*")]), false),
        ("that is degraded already", of(&[("x-helius-degraded", "timeout")]), false),
        ("with headers that fit", of(&[("x-long", &"a".repeat(8_000))]), true),
        ("with headers that do not", of(&[("x-long", &"a".repeat(8_192))]), false),
    ];
    for (title, answer, expected) in cases {
        assert_eq!(is_kept(path_and_body(), false, &plain(), &answer), expected, "{title}");
    }
}

#[test]
fn one_that_varies_with_what_the_key_has_is_kept() {
    let varies = answer(&[("vary", "X-Segment"), ("vary", "accept-encoding")], BODY);
    assert!(!is_kept(path_and_body(), false, &plain(), &varies));
    assert!(is_kept(vec![KeyPart::Path, header("x-segment")], false, &plain(), &varies));
}

#[test]
fn who_shows_credentials_that_the_key_has_not_neither_gets_nor_leaves_an_answer() {
    let (secret, cookie) = (("authorization", "Bearer s"), ("cookie", "id=1"));
    let by_authorization = || vec![KeyPart::Path, header("authorization")];
    let by_both = || vec![header("authorization"), header("cookie")];
    let cases = [
        (path_and_body(), vec![secret], false),
        (path_and_body(), vec![cookie], false),
        (path_and_body(), vec![("authorization", "")], false),
        (by_authorization(), vec![secret], true),
        (by_authorization(), vec![secret, cookie], false),
        (by_both(), vec![secret, cookie], true),
        (by_both(), vec![], true),
    ];
    for (parts, headers, expected) in cases {
        let question = Question::new(&headers, "");
        assert_eq!(is_kept(parts.clone(), false, &question, &answer(&[], BODY)), expected, "{headers:?} by {parts:?}");
        assert!(is_kept(parts, true, &question, &answer(&[], BODY)), "said aloud, it is kept: {headers:?}");
    }
    // What is there already is not given either.
    let (last_good, memory) = (last_good(vec![KeyPart::Path], 4), Memory::default());
    plain().keep(&last_good, &answer(&[], BODY), &memory, START);
    assert!(plain().find(&last_good, &memory, START).is_some());
    assert_eq!(Question::new(&[secret], "what now?").find(&last_good, &memory, START), None);
}

#[test]
fn an_answer_for_one_user_is_kept_where_the_key_says_who_that_is() {
    let private = answer(&[("cache-control", "private, max-age=60")], BODY);
    for (parts, across, expected) in
        [(path_and_body(), false, false), (path_and_body(), true, true), (vec![header("cookie")], false, true)]
    {
        assert_eq!(is_kept(parts, across, &plain(), &private), expected);
    }
}

#[test]
fn a_head_and_a_body_that_is_not_known_have_no_key() {
    let last_good = last_good(path_and_body(), 4);
    assert_eq!(Question::new(&[(":method", "HEAD")], "").key(&last_good), None);
    assert!(Question::new(&[], &"a".repeat(MOST)).key(&last_good).is_some());
    assert_eq!(Question::new(&[], &"a".repeat(MOST + 1)).key(&last_good), None);
    assert_eq!(Question::new(&[("content-length", "65")], "a").key(&last_good), None);

    let headers = [(":method", "POST"), (":path", "/")].into_iter().collect();
    let mut missing = last_good.key(&headers, false, SALT, MOST).unwrap();
    assert!(missing.is_growing() && missing.whole().is_none());
    missing.extend(b"", 3, true);
    assert!(!missing.is_growing() && missing.whole().is_none());
    let mut given_up = last_good.key(&headers, false, SALT, MOST).unwrap();
    given_up.give_up();
    given_up.extend(b"a", 1, true);
    assert_eq!(given_up.whole(), None);
}

#[test]
fn a_body_makes_the_same_key_in_whatever_pieces_it_comes() {
    let last_good = last_good(path_and_body(), 4);
    let headers = [(":method", "POST"), (":path", "/")].into_iter().collect();
    let key_of = |pieces: &[&[u8]]| {
        let mut key = last_good.key(&headers, false, SALT, MOST).unwrap();
        for piece in pieces {
            key.extend(piece, piece.len(), false);
        }
        key.extend(b"", 0, true);
        key.whole().unwrap()
    };
    assert_eq!(key_of(&[b"what ", b"", b"now?"]), key_of(&[b"what now?"]));
    assert_eq!(key_of(&[]), last_good.key(&headers, true, SALT, MOST).unwrap().whole().unwrap());
    assert_ne!(key_of(&[b"what now"]), key_of(&[b"what now?"]));
}

#[test]
fn where_the_body_makes_no_difference_it_is_not_read() {
    let last_good = last_good(vec![KeyPart::Path], 4);
    let headers = [(":method", "POST"), (":path", "/")].into_iter().collect();
    let key = last_good.key(&headers, false, SALT, MOST).unwrap();
    assert!(!key.is_growing() && key.whole().is_some());
    assert!(!last_good.reads_body());
}
