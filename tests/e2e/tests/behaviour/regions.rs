//! The two regions of the assistant, and the answers by which the tests know them.

use std::collections::BTreeMap;

use helius_e2e::{Bootstrap, Mesh, Reply, Upstream};
use serde_json::{Value, json};

use crate::STRICT;

/// The clusters of the assistant in the shipped bootstrap.
pub(crate) const PRIMARY_CLUSTER: &str = "llm_assistant_us_east_1";
pub(crate) const SECONDARY_CLUSTER: &str = "llm_assistant_us_west_2";

/// A request that every test may send.
pub(crate) const QUESTION: &str = r#"{"id": 7, "question": "what now?"}"#;

pub(crate) struct Regions {
    pub(crate) primary: Upstream,
    pub(crate) secondary: Upstream,
}

impl Regions {
    pub(crate) async fn start() -> Self {
        Self {
            primary: Upstream::start("us-east-1").await.unwrap(),
            secondary: Upstream::start("us-west-2").await.unwrap(),
        }
    }

    /// The shipped bootstrap with these two, and without its circuit breakers: most tests let a region fail more often
    /// than a breaker would.
    pub(crate) fn mesh(&self) -> Bootstrap {
        let mesh = Mesh::builder().assist(self.primary.addr(), self.secondary.addr()).without_breakers();
        if STRICT { mesh.assist_route(|route| route["upstream"]["strict"] = json!(true)) } else { mesh }
    }

    /// As [`mesh`](Self::mesh), for tests that change only what the regions do.
    pub(crate) async fn start_mesh(&self) -> Mesh {
        self.mesh().start().await.unwrap()
    }
}

/// Asserts that the answer is an ordinary one, of the primary, with nothing added.
pub(crate) fn assert_from_primary(reply: &Reply) {
    assert_eq!((reply.status, reply.header("region")), (200, Some("us-east-1")), "{}", reply.text());
    assert_eq!(reply.json()["id"], 7);
    assert_eq!(marks(reply), BTreeMap::new());
}

/// Asserts that the answer is the secondary's ordinary one and says why.
pub(crate) fn assert_from_secondary(reply: &Reply, degraded: &str) {
    assert_eq!((reply.status, reply.header("region")), (200, Some("us-west-2")), "{}", reply.text());
    assert_eq!(reply.json()["id"], 7);
    assert_marked_secondary(reply, degraded);
}

/// Asserts that the answer says that it is the secondary's, and why.
pub(crate) fn assert_marked_secondary(reply: &Reply, degraded: &str) {
    let expected = [("served-by", "secondary"), ("region", "us-west-2"), ("degraded", degraded), ("attempts", "2")];
    assert_eq!(marks(reply), expected.into());
}

/// Asserts that the answer is the static one of the shipped configuration, and says why.
pub(crate) fn assert_static(reply: &Reply, degraded: &str, attempts: &str) {
    assert_static_body(reply);
    let expected = [("served-by", "static"), ("degraded", degraded), ("attempts", attempts)];
    assert_eq!(marks(reply), expected.into());
}

/// Asserts that the answer is the static one of the shipped configuration, whatever it says about itself.
pub(crate) fn assert_static_body(reply: &Reply) {
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let body = reply.json();
    assert_eq!(body["action"], "safemode_fallback");
    assert_eq!(body["rationale"], "Erro sistêmico. Resposta estática de segurança.");
    assert_eq!(body["confidence"].as_f64(), Some(0.0));
}

pub(crate) fn marks(reply: &Reply) -> BTreeMap<&str, &str> {
    reply.marks()
}

/// Edits the filter's route so that these methods match it.
pub(crate) fn match_methods(route: &mut Value, methods: &[&str]) {
    route["match"]["methods"] = json!(methods);
}
