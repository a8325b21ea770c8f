//! What the request itself caused is the client's to see; what asks for patience is not masked either.

use helius_e2e::{Answer, Behaviour};

use crate::regions::{QUESTION, Regions, assert_from_secondary, assert_marked_secondary};

#[tokio::test]
async fn a_client_error_passes_as_it_is_and_is_never_retried() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    for status in [400, 401, 403, 404, 408, 409, 413, 422, 499] {
        for text in ["your fault", ""] {
            let answer = Answer::status(status).header("x-own", "kept");
            regions.primary.behave(if text.is_empty() { answer } else { answer.text(text) });
            let ledger = mesh.ledger().await.unwrap();
            let reply = mesh.post("/assist", QUESTION).await.unwrap();
            assert_eq!((reply.status, reply.text().as_str(), reply.header("x-own")), (status, text, Some("kept")));
            assert!(reply.marks().is_empty(), "{:?}", reply.marks());
            ledger.attempts(&[("us-east-1", "client_error", 1)]).await;
            ledger.responses(&[("primary", "none", 1)]).await;
        }
    }
    assert_eq!(regions.secondary.count(), 0);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_client_error_of_the_secondary_is_an_answer_too() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    regions.secondary.behave(Answer::status(422).text("no such field"));
    for primary in [Answer::status(500).text("boom"), Answer::status(500)] {
        regions.primary.behave(primary);
        let ledger = mesh.ledger().await.unwrap();
        let reply = mesh.post("/assist", QUESTION).await.unwrap();
        assert_eq!((reply.status, reply.text().as_str()), (422, "no such field"));
        assert_marked_secondary(&reply, "5xx");
        ledger.attempts(&[("us-east-1", "5xx", 1), ("us-west-2", "client_error", 1)]).await;
        ledger.responses(&[("secondary", "5xx", 1)]).await;
    }
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn a_limited_primary_is_relieved_by_the_secondary() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    regions.primary.behave(Answer::rate_limited(7));
    let ledger = mesh.ledger().await.unwrap();
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    assert_from_secondary(&reply, "rate_limited");
    assert_eq!(reply.header("retry-after"), None);
    ledger.attempts(&[("us-east-1", "rate_limited", 1), ("us-west-2", "ok", 1)]).await;
    ledger.responses(&[("secondary", "rate_limited", 1)]).await;
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn where_nobody_answers_well_the_limit_passes_and_not_the_static_answer() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    let secondaries: [(Behaviour, &str); 4] = [
        (Answer::status(500).text("boom").into(), "5xx"),
        (Behaviour::Reset, "reset"),
        (Behaviour::Hang, "timeout"),
        (Answer::rate_limited(9).into(), "rate_limited"),
    ];
    for (behaviour, verdict) in secondaries {
        for limited in [Answer::rate_limited(7), Answer::status(429).header("retry-after", "7")] {
            println!("primary: {limited:?}, secondary: {behaviour:?}");
            let text = limited.clone();
            regions.primary.behave(limited);
            regions.secondary.behave(behaviour.clone());
            let ledger = mesh.ledger().await.unwrap();
            let reply = mesh.post("/assist", QUESTION).await.unwrap();
            assert_eq!(reply.status, 429, "{text:?}");
            assert_eq!(reply.header("retry-after"), Some("7"));
            ledger.attempts(&[("us-east-1", "rate_limited", 1), ("us-west-2", verdict, 1)]).await;
        }
    }
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn the_limit_of_the_secondary_passes_where_the_primary_failed() {
    let regions = Regions::start().await;
    let mesh = regions.start_mesh().await;
    regions.primary.behave(Answer::status(500).text("boom"));
    regions.secondary.behave(Answer::rate_limited(9));
    let ledger = mesh.ledger().await.unwrap();
    let reply = mesh.post("/assist", QUESTION).await.unwrap();
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("9")));
    assert_marked_secondary(&reply, "5xx");
    ledger.attempts(&[("us-east-1", "5xx", 1), ("us-west-2", "rate_limited", 1)]).await;
    mesh.assert_unharmed().await;
}
