//! Where nothing covers an invalid answer, the filter refuses: nobody is given the invalid one.

use std::time::Duration;

use helius_e2e::{Answer, Behaviour, Reply};
use serde_json::json;

use super::answers::{SECRET, invalid};
use super::{ask, judged, question, rules, without_static};
use crate::regions::{Regions, marks};

#[tokio::test]
async fn without_a_static_answer_the_filter_refuses_rather_than_pass_on_an_invalid_one() {
    let regions = Regions::start().await;
    let mesh = without_static(judged(regions.mesh(), &rules())).start().await.unwrap();
    let long = json!({ "action": [SECRET, "x".repeat(100 * 1024)] });
    let seconds: [(Behaviour, &str); 3] = [
        (invalid().into(), "invalid_output"),
        (Answer::status(500).text("boom").into(), "5xx"),
        (Behaviour::Reset, "reset"),
    ];
    for primary in [invalid(), Answer::status(200).json(&long), invalid().drip([SECRET], Duration::from_millis(1))] {
        regions.primary.behave(primary);
        for (secondary, verdict) in &seconds {
            regions.secondary.behave(secondary.clone());
            for client in [mesh.client(), mesh.http2_client()] {
                let ledger = mesh.ledger().await.unwrap();
                assert_refused(&client.send(question()).await.unwrap(), "2");
                ledger.attempts(&[("us-east-1", "invalid_output", 1), ("us-west-2", verdict, 1)]).await;
                ledger.responses(&[("refusal", "invalid_output", 1)]).await;
            }
        }
    }
    // No other region may be asked.
    regions.primary.behave(invalid());
    let reply = mesh.post("/assist", "x".repeat(64 * 1024 + 1)).await.unwrap();
    assert_eq!(marks(&reply).get("not-replayable"), Some(&"body"));
    assert_eq!((reply.status, reply.text().as_str()), (503, "no region gave a valid answer\n"));

    // A failure of the primary that says so itself is better than none.
    regions.primary.behave(Answer::status(500).text("boom"));
    regions.secondary.behave(invalid());
    let reply = ask(&mesh).await;
    assert_eq!((reply.status, reply.text().as_str()), (500, "boom"));
    let expected = [("served-by", "primary"), ("region", "us-east-1"), ("degraded", "5xx"), ("attempts", "2")];
    assert_eq!(marks(&reply), expected.into());
    mesh.assert_unharmed().await;
}

fn assert_refused(reply: &Reply, attempts: &str) {
    assert_eq!((reply.status, reply.text().as_str()), (503, "no region gave a valid answer\n"));
    let expected = [("served-by", "refusal"), ("degraded", "invalid_output"), ("attempts", attempts)];
    assert_eq!(marks(reply), expected.into());
    assert!(!format!("{reply:?}").contains(SECRET), "{reply:?}");
}
