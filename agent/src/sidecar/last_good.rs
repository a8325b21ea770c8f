//! `/v1/last-good`: the filter hands on what it keeps, and asks for it when Envoy is new.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/last-good/SERVICE/ROUTE` | a line for each answer that there is: its name |
//! | `GET /v1/last-good/SERVICE/ROUTE/NAME` | the answer, as the filter handed it on |
//! | `PUT /v1/last-good/SERVICE/ROUTE` | 204: it lies on disk |
//!
//! The salt that the filter hashes bodies with goes along as `x-helius-salt`. Without `--state-dir` everything here is a
//! 404, which the filter takes for "no".

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use helius_policy::last_good::SALT;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};
use tracing::warn;

use super::Sidecar;
use super::request::{Answer, Request, text};
use super::router::{Answering, Route};
use crate::last_good::{KeepError, Name, Store};

const BELOW: &str = "/v1/last-good/*";

/// The store, where there is a directory for it. It is locked for as long as a file takes.
pub type Kept = Option<Arc<Mutex<Store>>>;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(Method::GET, BELOW, get), Route::new(Method::PUT, BELOW, put)]
}

/// What the path names: a route, and one of its answers where it names one.
fn named(path: &str) -> Option<(Name, Option<String>)> {
    let mut parts = path.strip_prefix("/v1/last-good/")?.split('/');
    let name = Name::new(parts.next()?, parts.next()?)?;
    let id = parts.next().map(str::to_owned);
    parts.next().is_none().then_some((name, id))
}

fn get(sidecar: Arc<Sidecar>, request: Request) -> Answering {
    on_disk(sidecar, request, |store, name, id, _| {
        let Some(id) = id else { return list(store, &name) };
        store.get(&name, &id).map_or_else(nothing, |record| {
            let mut answer = Response::new(Full::new(Bytes::from(record)));
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
            answer
        })
    })
}

fn list(store: &Store, name: &Name) -> Answer {
    let (ids, salt) = store.list(name);
    let lines: Vec<String> = ids.into_iter().flat_map(|id| [id, "\n".to_owned()]).collect();
    let mut answer = text(StatusCode::OK, lines.concat());
    if let Some(salt) = salt.and_then(|salt| HeaderValue::from_str(&salt).ok()) {
        answer.headers_mut().insert(SALT, salt);
    }
    answer
}

fn put(sidecar: Arc<Sidecar>, request: Request) -> Answering {
    on_disk(sidecar, request, |store, name, id, request| {
        if id.is_some() {
            return nothing();
        }
        let salt = request.head.headers.get(SALT).and_then(|salt| salt.to_str().ok());
        match store.keep(&name, &request.body, salt) {
            Ok(()) => text(StatusCode::NO_CONTENT, ""),
            Err(why @ KeepError::NoAnswer) => text(StatusCode::BAD_REQUEST, format!("{why}\n")),
            Err(why @ KeepError::Disk(_)) => {
                warn!(%why, "a good answer is not kept");
                text(StatusCode::INSUFFICIENT_STORAGE, format!("{why}\n"))
            }
        }
    })
}

/// Does it beside the thread that answers everybody else: a disk may be slow.
fn on_disk(
    sidecar: Arc<Sidecar>,
    request: Request,
    work: impl FnOnce(&mut Store, Name, Option<String>, &Request) -> Answer + Send + 'static,
) -> Answering {
    Box::pin(async move {
        let Some(kept) = sidecar.kept.clone() else {
            return text(StatusCode::NOT_FOUND, "nothing is kept; --state-dir says where to\n");
        };
        let Some((name, id)) = named(request.head.uri.path()) else { return nothing() };
        let done = tokio::task::spawn_blocking(move || {
            work(&mut kept.lock().unwrap_or_else(PoisonError::into_inner), name, id, &request)
        });
        done.await.unwrap_or_else(|_| text(StatusCode::INTERNAL_SERVER_ERROR, "this went wrong\n"))
    })
}

fn nothing() -> Answer {
    text(StatusCode::NOT_FOUND, "there is no such answer\n")
}
