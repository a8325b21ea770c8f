//! What is of no use is covered, by another region or by the static answer.

use helius_e2e::{Answer, Behaviour};

use super::answers::{invalid, invalid_answers};
use super::{ask, question, rules, start};
use crate::regions::{Regions, assert_from_primary, assert_from_secondary, assert_static};

#[tokio::test]
async fn an_invalid_answer_is_covered_by_the_secondary() {
    let regions = Regions::start().await;
    let mesh = start(&regions, &rules()).await;
    assert_from_primary(&ask(&mesh).await);
    for (what, answer) in invalid_answers() {
        println!("primary: {what}");
        regions.primary.behave(answer);
        for client in [mesh.client(), mesh.http2_client()] {
            let ledger = mesh.ledger().await.unwrap();
            assert_from_secondary(&client.send(question()).await.unwrap(), "invalid_output");
            ledger.attempts(&[("us-east-1", "invalid_output", 1), ("us-west-2", "ok", 1)]).await;
            ledger.responses(&[("secondary", "invalid_output", 1)]).await;
        }
    }
    mesh.assert_unharmed().await;
    regions.primary.behave(Behaviour::Serve);
    assert_from_primary(&ask(&mesh).await);
}

#[tokio::test]
async fn two_invalid_answers_mean_the_static_one() {
    let regions = Regions::start().await;
    let mesh = start(&regions, &rules()).await;
    regions.primary.behave(invalid());
    for (what, answer) in invalid_answers() {
        println!("secondary: {what}");
        regions.secondary.behave(answer);
        let ledger = mesh.ledger().await.unwrap();
        assert_static(&ask(&mesh).await, "invalid_output", "2");
        ledger.attempts(&[("us-east-1", "invalid_output", 1), ("us-west-2", "invalid_output", 1)]).await;
        ledger.responses(&[("static", "invalid_output", 1)]).await;
    }
    // The secondary is judged whatever the primary did wrong.
    for primary in [Answer::status(500).text("boom"), Answer::status(500)] {
        regions.primary.behave(primary);
        let ledger = mesh.ledger().await.unwrap();
        assert_static(&ask(&mesh).await, "5xx", "2");
        ledger.attempts(&[("us-east-1", "5xx", 1), ("us-west-2", "invalid_output", 1)]).await;
    }
    mesh.assert_unharmed().await;
}
