//! The longest answer that is allowed, and one byte more.

use helius_e2e::{Answer, Mesh, Reply};

use super::answers::{sized, ways};
use super::{IN_PLACE, any_length, ask, assert_valid, start};
use crate::regions::{Regions, assert_static};

#[tokio::test]
async fn an_answer_of_just_the_length_that_is_allowed_is_valid() {
    let regions = Regions::start().await;
    let mut output = any_length();
    for (max_body, size) in [(1024, 1024), (IN_PLACE, IN_PLACE), (1 << 17, 1 << 17)] {
        output["max_body"] = max_body.into();
        let mesh = start(&regions, &output).await;
        for (longer, is_valid) in [(0, true), (1, false)] {
            for answer in ways(&sized(size + longer)) {
                regions.primary.behave(answer);
                let reply = without_secondary(&regions, &mesh).await;
                if is_valid {
                    assert_valid(&reply, size);
                } else {
                    assert_static(&reply, "invalid_output", "2");
                }
            }
        }
        mesh.assert_unharmed().await;
    }
}

async fn without_secondary(regions: &Regions, mesh: &Mesh) -> Reply {
    regions.secondary.behave(Answer::status(500).text("boom"));
    ask(mesh).await
}
