//! Answers that are kept for when no region answers: however many questions there are, Envoy's memory holds the
//! configured number of answers, and what is evicted is really gone.

use std::io::{Write, stderr};

use helius_e2e::{Answer, Client, Mesh, Request, Upstream, alone};
use serde_json::json;

use crate::distinct_keys::Memory;

const ENTRIES: usize = 64;
/// Bytes: near the default `max_body`.
const BODY: usize = 60 << 10;
/// Enough for every place to be taken, and for the workers' memory to have grown to what it needs.
const WARM_UP: usize = ENTRIES * 10;
/// If nothing were evicted they would take 150 MB.
const QUESTIONS: usize = ENTRIES * 40;
const CONNECTIONS: usize = 8;
/// Bytes that Envoy may take for something else meanwhile.
const MOST_GROWN: u64 = 6 << 20;

#[tokio::test]
async fn answers_to_any_number_of_questions_take_no_more_memory_than_the_places_have() {
    let _machine = alone().await;
    let regions = [Upstream::start("us-east-1").await.unwrap(), Upstream::start("us-west-2").await.unwrap()];
    let bootstrap = Mesh::builder().assist(regions[0].addr(), regions[1].addr()).assist_route(|route| {
        route["fail_open"]["last_good"] = json!({ "max_entries": ENTRIES });
    });
    let mesh = bootstrap.concurrency(2).start().await.unwrap();
    regions[0].behave(Answer::status(200).text(&"a".repeat(BODY)));

    ask_all(&mesh, 0..WARM_UP).await;
    let before = Memory::of(&mesh).await;
    ask_all(&mesh, WARM_UP..WARM_UP + QUESTIONS).await;
    let after = Memory::of(&mesh).await;
    let _ = writeln!(stderr().lock(), "{QUESTIONS} answers of {BODY} bytes\n  before {before:?}\n  after  {after:?}");
    assert!(after.allocated <= before.allocated + MOST_GROWN, "Envoy has allocated more");
    assert!(after.resident <= before.resident + MOST_GROWN, "Envoy has become larger");

    // And the answers that have a place are there.
    for region in &regions {
        region.behave(Answer::status(500));
    }
    let newest = mesh.send(question(WARM_UP + QUESTIONS - 1)).await.unwrap();
    assert_eq!((newest.header("x-helius-served-by"), newest.body.len()), (Some("last-good"), BODY));
    mesh.assert_unharmed().await;
}

fn question(number: usize) -> Request {
    Request::post("/assist", format!("question {number}"))
}

async fn ask_all(mesh: &Mesh, questions: std::ops::Range<usize>) {
    let end = questions.end;
    let clients = (0..CONNECTIONS).map(|first| {
        let share = questions.clone().skip(first).step_by(CONNECTIONS).filter(move |number| number + 1 < end);
        tokio::spawn(ask(mesh.client(), share.collect()))
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    // Nobody else takes the place of the last one.
    ask(mesh.client(), vec![end - 1]).await;
}

async fn ask(client: Client, questions: Vec<usize>) {
    let mut connection = client.connect().await.unwrap();
    for number in questions {
        assert_eq!(connection.send(question(number)).await.unwrap().status, 200);
    }
}
