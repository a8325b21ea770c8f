//! Whether an answer is one that its request may get.

use std::collections::BTreeMap;

use helius_e2e::{Failure, Reply};
use serde_json::Value;
use tokio::time::error::Elapsed;

use crate::traffic::{Kind, PATIENCE, Question, Route};

const PRIMARY: &str = "us-east-1";
const SECONDARY: &str = "us-west-2";
/// Why a primary was not asked at all.
const LEFT_ALONE: &str = "skipped_breaker_open";

/// An answer of a protected route as the metrics label it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Answer {
    pub(crate) route: Route,
    pub(crate) served_by: String,
    pub(crate) degraded: String,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A right answer of a protected route, and why the request could not be sent again, if it says so.
    Answered { answer: Answer, not_replayable: Option<String> },
    /// What was to be expected without protection, with this status.
    Unprotected(u16),
    /// What no client may see.
    Wrong(String),
}

/// Knows the static answers.
#[derive(Debug)]
pub(crate) struct Judge {
    static_answers: [Value; 2],
}

impl Judge {
    /// A judge for the routes of this document.
    pub(crate) fn new(document: &Value) -> Self {
        let static_answers = Route::ALL.map(|route| {
            let routes = document["routes"].as_array().into_iter().flatten();
            let found = routes.into_iter().find(|it| it["name"] == route.name());
            found.expect("the document has the route")["fail_open"]["static"][0]["body"].clone()
        });
        Self { static_answers }
    }

    pub(crate) fn judge(&self, question: &Question, answer: Result<Result<Reply, Failure>, Elapsed>) -> Outcome {
        let reply = match answer {
            Ok(Ok(reply)) => reply,
            Ok(Err(failure)) => return Outcome::Wrong(failure.to_string()),
            Err(_) => return Outcome::Wrong(format!("no answer within {PATIENCE:?}")),
        };
        let judged = match question.protected_by() {
            Some(route) => self.judge_protected(question, route, &reply),
            None => judge_unprotected(question, &reply),
        };
        judged.unwrap_or_else(|| {
            let text: String = reply.text().chars().take(200).collect();
            Outcome::Wrong(format!("{} with {:?}: {text}", reply.status, reply.headers))
        })
    }

    fn judge_protected(&self, question: &Question, route: Route, reply: &Reply) -> Option<Outcome> {
        let marks = reply.marks();
        let served_by = marks.get("served-by").copied().unwrap_or("primary");
        let degraded = marks.get("degraded").copied().unwrap_or("none");
        let is_right = match served_by {
            "primary" => marks.is_empty() && is_answer_of(PRIMARY, question, reply),
            "secondary" => {
                let attempts = if degraded == LEFT_ALONE { "1" } else { "2" };
                let says =
                    [("served-by", "secondary"), ("region", SECONDARY), ("degraded", degraded), ("attempts", attempts)];
                question.may_be_refused(None) && marks == says.into() && is_answer_of(SECONDARY, question, reply)
            }
            "static" => self.is_static_answer(question, route, reply, &marks),
            _ => false,
        };
        let answer = Answer { route, served_by: served_by.to_owned(), degraded: degraded.to_owned() };
        let not_replayable = marks.get("not-replayable").map(|reason| (*reason).to_owned());
        is_right.then_some(Outcome::Answered { answer, not_replayable })
    }

    fn is_static_answer(&self, question: &Question, route: Route, reply: &Reply, marks: &BTreeMap<&str, &str>) -> bool {
        let refused = marks.get("not-replayable").copied();
        let is_left_alone = marks.get("degraded") == Some(&LEFT_ALONE);
        // Where there are breakers either region may have been left alone, and the budget spent.
        let possible: &[&str] = match (route, refused) {
            (Route::Predict, _) if is_left_alone => &["0", "1"],
            (Route::Predict, None) => &["1", "2"],
            (_, Some(_)) => &["1"],
            (Route::Assist, None) => &["2"],
        };
        let is_marked = marks.get("attempts").is_some_and(|attempts| possible.contains(attempts))
            && question.may_be_refused(refused)
            && !marks.contains_key("region");
        is_marked && reply.status == 200 && reply.json() == self.static_answers[route as usize]
    }
}

/// Whether a region answers this very request.
fn is_answer_of(region: &str, question: &Question, reply: &Reply) -> bool {
    let body = reply.json();
    let is_right = match question.kind {
        Kind::Ask(route) | Kind::AskAtLength(route) => {
            let is_in_kind = match route {
                Route::Assist => body["action"] == "route_to_expert",
                Route::Predict => body["predictions"][0]["node_id"] == question.number,
            };
            reply.status == 200 && body["id"] == question.number && is_in_kind
        }
        // The services answer POST only.
        Kind::Get => reply.status == 404 && body["error"] == "nothing at /assist",
        Kind::GetNowhere => false,
    };
    is_right && reply.header("region") == Some(region)
}

fn judge_unprotected(question: &Question, reply: &Reply) -> Option<Outcome> {
    let is_envoys_own = reply.header("region").is_none();
    let is_right = question.kind == Kind::GetNowhere && reply.status == 404 && is_envoys_own;
    (is_right && reply.marks().is_empty()).then_some(Outcome::Unprotected(reply.status))
}
