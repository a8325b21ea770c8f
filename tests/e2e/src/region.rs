//! An AI service in one region, for a process of its own. It knows nothing of the mesh in front of it.
//!
//! `assist` answers `POST /assist`, `recommender` answers `POST /predict`. Whoever runs a demonstration can make it
//! slow or failing on the same port: `PUT /control` with `{"latency_ms": 3000}` or `{"fail_with": 500}`.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use tokio::net::TcpListener;

const USAGE: &str = "usage: region --service assist|recommender --region NAME --listen ADDRESS:PORT [--latency 20ms]";
/// Tells a reader of the answer where it came from.
const REGION: HeaderName = HeaderName::from_static("region");

#[derive(Debug, Clone, Copy)]
enum Service {
    Assist,
    Recommender,
}

#[derive(Debug)]
struct Region {
    service: Service,
    name: HeaderValue,
    mood: Mutex<Mood>,
}

/// What can be changed while it runs.
#[derive(Debug, Clone, Copy)]
struct Mood {
    latency: Duration,
    fail_with: Option<StatusCode>,
}

/// Serves until the process is killed; returns only when it cannot begin.
///
/// The arguments are those of the program `region`, without its name.
pub async fn serve_region(arguments: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let (region, address) = parse(arguments)?;
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let region = Arc::new(region);
    loop {
        // A client that is gone before it was accepted is no reason to stop.
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let region = Arc::clone(&region);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&region)));
            let builder = auto::Builder::new(TokioExecutor::new());
            // How a connection ends is the client's business.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<(Region, SocketAddr)> {
    let (mut service, mut name, mut address, mut latency) = (None, None, None, Duration::ZERO);
    while let Some(flag) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{flag} needs a value\n{USAGE}"))?;
        match flag.as_str() {
            "--service" => service = Some(parse_service(&value)?),
            "--region" => {
                name = Some(HeaderValue::try_from(value).context("--region is not a plain name")?);
            }
            "--listen" => {
                address = Some(value.parse().with_context(|| format!("--listen {value}"))?);
            }
            "--latency" => latency = parse_latency(&value)?,
            _ => bail!("{flag} is unknown\n{USAGE}"),
        }
    }
    let region = Region {
        service: service.context(USAGE)?,
        name: name.context(USAGE)?,
        mood: Mutex::new(Mood { latency, fail_with: None }),
    };
    Ok((region, address.context(USAGE)?))
}

fn parse_service(name: &str) -> anyhow::Result<Service> {
    match name {
        "assist" => Ok(Service::Assist),
        "recommender" => Ok(Service::Recommender),
        _ => bail!("there is no service {name:?}, only assist and recommender"),
    }
}

fn parse_latency(text: &str) -> anyhow::Result<Duration> {
    let number = text.strip_suffix("ms").and_then(|number| number.parse().ok());
    Ok(Duration::from_millis(number.with_context(|| format!("--latency {text} is not a number of ms, as in 20ms"))?))
}

async fn answer(request: Request<Incoming>, region: Arc<Region>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let (status, json) = match (&head.method, head.uri.path(), region.service) {
        (&Method::PUT, "/control", _) => region.control(&body),
        (&Method::POST, "/assist", Service::Assist) => region.serve(&body, assist).await,
        (&Method::POST, "/predict", Service::Recommender) => region.serve(&body, predict).await,
        (_, path, _) => (StatusCode::NOT_FOUND, json!({ "error": format!("nothing at {path}") })),
    };
    let mut response = Response::new(Full::new(Bytes::from(json.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(REGION, region.name.clone());
    Ok(response)
}

impl Region {
    async fn serve(&self, body: &[u8], compute: fn(&Value) -> Value) -> (StatusCode, Value) {
        let mood = *self.mood.lock().unwrap_or_else(PoisonError::into_inner);
        tokio::time::sleep(mood.latency).await;
        if let Some(status) = mood.fail_with {
            return (status, json!({ "error": "the model could not be loaded" }));
        }
        match serde_json::from_slice::<Value>(body) {
            Err(error) => (StatusCode::BAD_REQUEST, json!({ "error": format!("malformed JSON: {error}") })),
            Ok(request) => {
                let mut answer = compute(&request);
                if let Some(id) = request.get("id") {
                    answer["id"] = id.clone();
                }
                (StatusCode::OK, answer)
            }
        }
    }

    fn control(&self, body: &[u8]) -> (StatusCode, Value) {
        let change: Value = match serde_json::from_slice(body) {
            Ok(change) => change,
            Err(error) => {
                return (StatusCode::BAD_REQUEST, json!({ "error": error.to_string() }));
            }
        };
        let mut mood = self.mood.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(latency) = change["latency_ms"].as_u64() {
            mood.latency = Duration::from_millis(latency);
        }
        if let Some(status) = change.get("fail_with") {
            let status = status.as_u64().and_then(|code| u16::try_from(code).ok());
            mood.fail_with = status.and_then(|code| StatusCode::from_u16(code).ok());
        }
        let latency = u64::try_from(mood.latency.as_millis()).unwrap_or(u64::MAX);
        (StatusCode::OK, json!({ "latency_ms": latency, "fail_with": mood.fail_with.map(|status| status.as_u16()) }))
    }
}

fn assist(request: &Value) -> Value {
    let length = request.to_string().len();
    let confidence = 0.9 + f64::from(u8::try_from(length % 10).unwrap_or(0)) / 100.0;
    json!({ "action": "route_to_expert", "confidence": confidence, "rationale": "the question needs a person" })
}

fn predict(request: &Value) -> Value {
    let ids = request["node_ids"].as_array().map_or(&[][..], Vec::as_slice);
    let predictions: Vec<Value> = ids.iter().map(|id| json!({ "node_id": id, "score": score(id) })).collect();
    json!({ "predictions": predictions })
}

/// Any number between 0 and 1 that is the same for the same node.
fn score(id: &Value) -> f64 {
    let sum = id.to_string().bytes().fold(7_u32, |sum, byte| (sum * 31 + u32::from(byte)) % 1000);
    f64::from(sum) / 1000.0
}
