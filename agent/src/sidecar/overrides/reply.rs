//! Answers in JSON.

use bytes::Bytes;
use helius_policy::config::Problem;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};

use super::super::request::{Answer, text};

/// An answer that is this JSON.
pub(super) fn json(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = text(status, body);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// An error that has no place in what was sent.
pub(super) fn error(status: StatusCode, why: &str) -> Answer {
    json(status, json!({ "error": why, "problems": [] }).to_string())
}

/// An error with all that is wrong with what was sent.
pub(super) fn problems(status: StatusCode, why: &str, problems: &[Problem]) -> Answer {
    let problems: Vec<Value> = problems.iter().map(written).collect();
    json(status, json!({ "error": why, "problems": problems }).to_string())
}

fn written(problem: &Problem) -> Value {
    let Problem { path, value, rule, hint, .. } = problem;
    json!({ "path": path, "value": value, "rule": rule, "remedy": hint })
}
