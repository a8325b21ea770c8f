//! The memory that the copies of a worker's requests may take together.

use helius_mesh::{Answer, Behaviour, Document, Exchange, Outcome, Record, Request, Route, Scenario, judge, play};

/// The longest body that may be kept, and how many of these fit into the 64 MiB of a worker.
const LONGEST: usize = 1 << 20;
const FIT: usize = 63;

/// What a VM takes besides the copies: the module's own memory, and what is being copied at the moment.
const BESIDES: usize = 8 << 20;

/// A long POST at this time to a primary that hangs.
fn long(at: u64, worker: usize) -> Exchange {
    let hangs = [Behaviour::Hang];
    Exchange { at, worker, ..Exchange::new(Request::post("/assist", LONGEST)).regions(hangs) }
}

/// The same to a primary that fails at once.
fn failed(at: u64, worker: usize) -> Exchange {
    long(at, worker).regions([Behaviour::Answer(Answer::status(500))])
}

fn played(exchanges: impl IntoIterator<Item = Exchange>) -> Outcome {
    let mut document = Document::new(vec![Route::new("assist", 2)]);
    document.routes[0].max_body = LONGEST;
    let scenario = exchanges.into_iter().fold(Scenario::new(document), Scenario::with);
    let outcome = play(&scenario, 0, false);
    assert_eq!(judge(&outcome), []);
    outcome
}

/// By whom it was served, and why nobody else was asked.
fn seen(record: &Record) -> (Option<&str>, Option<&str>) {
    let answer = record.answer.as_ref().expect("there is an answer");
    (answer.mark("served-by"), answer.mark("not-replayable"))
}

#[test]
fn where_the_copies_of_a_worker_take_too_much_a_request_is_not_sent_again_and_says_so() {
    let crowd = (0..FIT).map(|_| long(0, 0));
    let outcome = played(crowd.chain([failed(100, 0), failed(100, 1), failed(2500, 0)]));
    let (crowd, others) = outcome.records.split_at(FIT);
    assert!(crowd.iter().all(|record| seen(record) == (Some("secondary"), None)), "those that came first are kept");
    assert_eq!(seen(&others[0]), (Some("static"), Some("memory")));
    assert_eq!(seen(&others[1]), (Some("secondary"), None), "each worker has a budget of its own");
    assert_eq!(seen(&others[2]), (Some("secondary"), None), "it is free again when the exchanges have ended");
    assert!(outcome.memory[0] <= (64 << 20) + BESIDES, "{} bytes", outcome.memory[0]);
}

#[test]
fn a_request_that_is_not_kept_is_served_as_ever_by_a_healthy_primary() {
    let crowd = (0..FIT).map(|_| Exchange {
        leaves_after: Some(200),
        ..Exchange::new(Request { is_silent: true, ..Request::post("/assist", LONGEST) })
    });
    let healthy = Exchange { at: 100, ..Exchange::new(Request::post("/assist", LONGEST)) };
    let outcome = played(crowd.chain([healthy, failed(300, 0)]));
    assert_eq!(seen(&outcome.records[FIT]), (None, None));
    assert_eq!(seen(&outcome.records[FIT + 1]), (Some("secondary"), None), "nor do clients that left take anything");
}
