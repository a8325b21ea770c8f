//! What an operator reads of invalid answers.

use std::time::Duration;

use helius_e2e::{Answer, wait_for};
use serde_json::json;

use super::answers::{SECRET, invalid};
use super::{ask, judged, rules};
use crate::regions::Regions;

#[tokio::test]
async fn the_log_says_where_and_which_rule_and_never_what_stands_there() {
    let regions = Regions::start().await;
    let cases = [
        (invalid(), r#"rule=type at="/confidence""#),
        (Answer::status(200).json(&json!({ "action": SECRET })), r#"rule=required at="""#),
        (Answer::status(200).text(SECRET), r#"rule=not_json at="""#),
    ];
    for (answer, wrong) in cases {
        for mode in ["enforce", "shadow"] {
            // A mesh for each, because a route writes one line in a second.
            let mesh = judged(regions.mesh(), &rules()).configure(|document| document["mode"] = mode.into());
            let mesh = mesh.start().await.unwrap();
            regions.primary.behave(answer.clone());
            regions.secondary.behave(answer.clone());
            ask(&mesh).await;
            let line = format!("service=llm-router route=assist region=us-east-1 invalid_output {wrong} held_back=0");
            let is_told = async || (mesh.envoy().log().matches(&line).count() == 1).then_some(());
            let told = wait_for(&line, Duration::from_secs(5), is_told).await;
            assert!(told.is_ok(), "{line} is not in the log:\n{}", mesh.envoy().log_tail());
            assert!(!mesh.envoy().log().contains(SECRET), "a value stands in the log:\n{}", mesh.envoy().log_tail());
        }
    }
}
