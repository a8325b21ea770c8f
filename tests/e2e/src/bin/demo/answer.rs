//! Whether an answer is the right one for its request, and which rung it says it came from.

use helius_e2e::{Bootstrap, Reply, Request};
use serde_json::{Value, json};

/// Who answered, as the client can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rung {
    Primary,
    Secondary,
    Static,
}

impl Rung {
    pub(crate) const ALL: [Self; 3] = [Self::Primary, Self::Secondary, Self::Static];

    /// The word for it in `x-helius-served-by`, in the metrics and in the summary.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Static => "static",
        }
    }

    /// An answer that the mesh did not touch is the primary's.
    fn of(reply: &Reply) -> Option<Self> {
        let Some(word) = reply.header("x-helius-served-by") else { return Some(Self::Primary) };
        Self::ALL.into_iter().find(|rung| rung.word() == word)
    }
}

/// What can be asked, and how an answer to it has to look.
#[derive(Debug)]
pub(crate) struct Questions {
    /// The static answers of the two routes, from the configuration that Envoy runs.
    static_answers: [Value; 2],
}

/// One request, known by its number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question {
    number: u64,
}

impl Questions {
    pub(crate) fn load() -> anyhow::Result<Self> {
        let bootstrap = Bootstrap::shipped()?;
        let static_answers =
            [0, 1].map(|route| bootstrap.document()["routes"][route]["fail_open"]["static"][0]["body"].clone());
        Ok(Self { static_answers })
    }

    /// The rung of a right answer, else what is wrong with it.
    pub(crate) fn check(&self, question: Question, reply: &Reply) -> Result<Rung, String> {
        let body = reply.json();
        let is_right = |rung: &Rung| match rung {
            Rung::Primary => reply.header("region") == Some("us-east-1") && question.is_answered_by(&body),
            Rung::Secondary => reply.header("region") == Some("us-west-2") && question.is_answered_by(&body),
            Rung::Static => body == self.static_answers[question.route()],
        };
        let rung = Rung::of(reply).filter(|rung| reply.status == 200 && is_right(rung));
        rung.ok_or_else(|| format!("request {} got {}: {}", question.number, describe(reply), reply.text()))
    }
}

impl Question {
    /// Even numbers ask the assistant, odd ones the recommender.
    pub(crate) const fn numbered(number: u64) -> Self {
        Self { number }
    }

    pub(crate) fn request(self) -> Request {
        match self.route() {
            0 => Request::post("/assist", json!({ "id": self.number, "question": "what now?" }).to_string()),
            _ => Request::post("/predict", json!({ "id": self.number, "node_ids": [self.number] }).to_string()),
        }
    }

    /// Its place among the routes of the configuration.
    const fn route(self) -> usize {
        if self.number.is_multiple_of(2) { 0 } else { 1 }
    }

    fn is_answered_by(self, body: &Value) -> bool {
        let is_in_kind = match self.route() {
            0 => body["action"] == "route_to_expert",
            _ => body["predictions"][0]["node_id"] == self.number,
        };
        is_in_kind && body["id"] == self.number
    }
}

/// The status and what the mesh says about the answer.
pub(crate) fn describe(reply: &Reply) -> String {
    let marks = reply.marks();
    if marks.is_empty() {
        return format!("{}, the service's own answer, nothing added", reply.status);
    }
    // In the order in which one would ask.
    let known = ["served-by", "region", "degraded", "attempts"];
    let told = known.iter().filter_map(|name| Some(format!("x-helius-{name}: {}", marks.get(name)?)));
    format!("{}, {}", reply.status, told.collect::<Vec<_>>().join(", "))
}
