//! A region that answers nonsense is left alone.

use helius_e2e::{Behaviour, Bootstrap};
use serde_json::json;

use super::answers::invalid;
use super::{ask, judged, rules};
use crate::breaker::{OPEN, assert_straight_from_secondary, for_good, state, transitions};
use crate::regions::{Regions, assert_from_primary, assert_from_secondary, assert_static_body, marks};

fn ejecting(regions: &Regions) -> Bootstrap {
    let mut breaker = for_good();
    // So that nothing else opens it.
    breaker["consecutive_failures"] = 0.into();
    breaker["failure_rate"] = 1.into();
    let mut output = rules();
    output["eject"] = json!({ "invalid": 5, "of": 20 });
    judged(regions.mesh().breakers(&breaker), &output)
}

#[tokio::test]
async fn a_region_that_answers_nonsense_now_and_then_is_left_alone() {
    let regions = Regions::start().await;
    let mesh = ejecting(&regions).start().await.unwrap();
    for bad in 1..=5 {
        assert_eq!(state(&mesh, "us-east-1").await, 0, "after {} of them", bad - 1);
        regions.primary.behave(Behaviour::Serve);
        assert_from_primary(&ask(&mesh).await);
        regions.primary.behave(invalid());
        assert_from_secondary(&ask(&mesh).await, "invalid_output");
    }
    regions.primary.take_requests();
    for _ in 0..4 {
        assert_straight_from_secondary(&ask(&mesh).await);
    }
    assert_eq!((regions.primary.count(), state(&mesh, "us-east-1").await), (0, OPEN));
    assert_eq!(transitions(&mesh, "open", "invalid_output").await, 1);
    let line = "service=llm-router route=assist region=us-east-1 breaker=open from=closed reason=invalid_output";
    assert_eq!(mesh.envoy().log().matches(line).count(), 1);

    // The secondary's answer is judged also where the primary was not asked.
    regions.secondary.behave(invalid());
    let reply = ask(&mesh).await;
    assert_static_body(&reply);
    let expected = [("served-by", "static"), ("degraded", "skipped_breaker_open"), ("attempts", "1")];
    assert_eq!(marks(&reply), expected.into());
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn fewer_invalid_answers_than_eject_says_open_nothing() {
    let regions = Regions::start().await;
    let mesh = ejecting(&regions).start().await.unwrap();
    for answers in 0..30 {
        let is_invalid = answers % 5 == 0;
        regions.primary.behave(if is_invalid { invalid().into() } else { Behaviour::Serve });
        let reply = ask(&mesh).await;
        assert_eq!(marks(&reply).get("degraded"), is_invalid.then_some(&"invalid_output"), "after {answers} answers");
    }
    assert_eq!(state(&mesh, "us-east-1").await, 0);
    mesh.assert_unharmed().await;
}

#[tokio::test]
async fn invalid_answers_in_a_row_open_a_breaker_as_other_failures_do() {
    let regions = Regions::start().await;
    let mesh = judged(regions.mesh().breakers(&for_good()), &rules()).start().await.unwrap();
    regions.primary.behave(invalid());
    for _ in 0..7 {
        assert_from_secondary(&ask(&mesh).await, "invalid_output");
    }
    assert_straight_from_secondary(&ask(&mesh).await);
    assert_eq!(transitions(&mesh, "open", "consecutive_failures").await, 1);
    mesh.assert_unharmed().await;
}
