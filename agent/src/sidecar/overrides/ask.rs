//! What there is, at once or when it changes.

use hyper::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH};
use hyper::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::super::Sidecar;
use super::super::request::{Answer, Request};
use super::MAX_WAIT;
use super::reply::{error, json};
use crate::overrides::{Document, Entry};
use crate::settings::duration;

/// Answers what is switched: the document of the filter, or with `detail=true` all that the agent knows.
pub(super) async fn answer(sidecar: &Sidecar, request: &Request) -> Answer {
    match request.parameter("detail") {
        None | Some("false") => {}
        Some("true") => return detail(sidecar),
        Some(_) => return error(StatusCode::BAD_REQUEST, "detail is neither true nor false; write detail=true"),
    }
    let wait = match request.parameter("wait").map(|wait| duration(wait, std::time::Duration::ZERO, MAX_WAIT)) {
        None => std::time::Duration::ZERO,
        Some(Ok(wait)) => wait,
        Some(Err(wrong)) => {
            return error(StatusCode::BAD_REQUEST, &format!("wait {}; {}", wrong.rule, wrong.remedy));
        }
    };
    let mut document = sidecar.overrides.document();
    let headers = &request.head.headers;
    let is_other = |document: &Document| !is_known(headers, document);
    let changed = async {
        tokio::select! {
            // Who waits for nothing gets what there is.
            biased;
            changed = document.wait_for(is_other) => changed.ok().map(|document| document.clone()),
            () = sidecar.life.ending() => None,
        }
    };
    match timeout(wait, changed).await.ok().flatten() {
        Some(document) => whole(&document),
        None => unchanged(&sidecar.overrides.document().borrow()),
    }
}

fn is_known(headers: &HeaderMap, document: &Document) -> bool {
    let etags = headers.get_all(IF_NONE_MATCH);
    etags.iter().any(|etags| etags.to_str().is_ok_and(|etags| document.is_known_to(etags)))
}

fn whole(document: &Document) -> Answer {
    named(json(StatusCode::OK, document.text.clone()), document)
}

fn unchanged(document: &Document) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = StatusCode::NOT_MODIFIED;
    named(answer, document)
}

fn named(mut answer: Answer, document: &Document) -> Answer {
    if let Ok(etag) = HeaderValue::from_str(&document.etag) {
        answer.headers_mut().insert(ETAG, etag);
    }
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer
}

fn detail(sidecar: &Sidecar) -> Answer {
    let overrides: Vec<Value> = sidecar.overrides.entries().iter().map(|entry| Entry::written(entry).into()).collect();
    let mut told = json!({ "overrides": overrides });
    if let Some(why) = sidecar.overrides.refused() {
        told["file_rejected"] = why.into();
    }
    json(StatusCode::OK, told.to_string())
}
