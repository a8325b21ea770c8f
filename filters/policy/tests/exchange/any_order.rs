//! Events that come in any order, any number of times, under a clock that jumps: nothing may break.

use std::time::Duration;

use helius_policy::exchange::Event;
use helius_policy::http::Headers;
use helius_policy::time::Timestamp;
use proptest::prelude::*;

use crate::setup::{any_details, any_setup, any_status};
use crate::watch::Watched;

/// An event that owns what it carries.
#[derive(Clone, Debug)]
enum Any {
    RequestBody(usize, bool),
    RequestTrailers,
    ResponseHeaders(Option<u16>, &'static str, Option<usize>, bool),
    ResponseBody(usize, bool),
    ResponseTrailers,
    CallAnswered(Vec<(String, Vec<u8>)>, Vec<u8>),
    CallReset,
    CallRefused,
    Waited(u64),
    End(&'static str),
}

fn any_event() -> impl Strategy<Value = Any> {
    let call_headers = prop_oneof![
        4 => any_status().prop_map(|status| vec![(":status".to_owned(), status.to_string().into_bytes())]),
        1 => any::<Vec<u8>>().prop_map(|bytes| vec![(":status".to_owned(), bytes)]),
        1 => Just(Vec::new()),
    ];
    prop_oneof![
        3 => (0usize..12, any::<bool>()).prop_map(|(size, end)| Any::RequestBody(size, end)),
        1 => Just(Any::RequestTrailers),
        4 => (prop::option::weighted(0.9, any_status()), any_details(), any::<Option<usize>>(), any::<bool>())
            .prop_map(|(status, details, length, end)| Any::ResponseHeaders(status, details, length, end)),
        4 => (0usize..40_000, any::<bool>()).prop_map(|(size, end)| Any::ResponseBody(size, end)),
        1 => Just(Any::ResponseTrailers),
        4 => (call_headers, any::<Vec<u8>>()).prop_map(|(headers, body)| Any::CallAnswered(headers, body)),
        1 => Just(Any::CallReset),
        1 => Just(Any::CallRefused),
        1 => (0u64..1_500).prop_map(Any::Waited),
        1 => prop::sample::select(vec!["", "downstream_remote_disconnect", "upstream_reset_after_response_started{x}"])
            .prop_map(Any::End),
    ]
}

/// Some answers are streams, and have a gRPC status.
fn kind(length: Option<usize>) -> Headers {
    const STATUSES: [&str; 5] = ["0", "3", "8", "14", "odd"];
    let status =
        |length: usize| [("content-type", "text/event-stream"), ("grpc-status", STATUSES[length % STATUSES.len()])];
    length.map(status).into_iter().flatten().collect()
}

/// Mostly soon after the start, sometimes long after it or before it.
fn any_time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![8 => 1_000_000u64..1_001_100, 1 => any::<u32>().prop_map(u64::from)].prop_map(Timestamp::from_millis)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn whatever_comes_the_invariants_hold(
        setup in any_setup(),
        events in prop::collection::vec((any_event(), any_time()), 0..14),
    ) {
        let mut watched = Watched::begin(setup);
        for (event, now) in events {
            let chunk;
            let event = match event {
                Any::RequestBody(size, end_of_stream) => {
                    chunk = vec![b'x'; size];
                    Event::RequestBody { chunk: &chunk, size, end_of_stream }
                }
                Any::RequestTrailers => Event::RequestTrailers,
                Any::ResponseHeaders(status, details, length, end_of_stream) => {
                    Event::ResponseHeaders { status, details: details.as_bytes(), length, retry_after: Some(b"3"), headers: kind(length), end_of_stream }
                }
                Any::ResponseBody(size, end_of_stream) => {
                    chunk = vec![b'y'; size];
                    Event::ResponseBody { chunk: &chunk, size, end_of_stream }
                }
                Any::ResponseTrailers => Event::ResponseTrailers,
                Any::CallAnswered(headers, body) => Event::CallAnswered { headers: Headers::from(headers), body },
                Any::CallReset => Event::CallReset,
                Any::CallRefused => Event::CallRefused,
                Any::Waited(millis) => Event::Waited { impatient_for: Duration::from_millis(millis) },
                Any::End(details) => Event::End { details: details.as_bytes() },
            };
            watched.on(event, now);
        }
        // The stream ends some time; then everything has been counted.
        watched.on(Event::End { details: b"" }, Timestamp::from_millis(1_002_000));
        watched.check_books();
    }
}
