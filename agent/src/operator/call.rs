//! The exchange with the agent.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use helius_policy::overrides::PATH;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request, StatusCode};
use serde_json::Value;
use tokio::time::timeout;

use crate::address::Address;
use crate::http_client::{HttpClient, HttpError, read_body};
use crate::sidecar::{AUTHOR, TokenFile};

/// How long an agent may take. It asks Envoy, which takes at most a second.
const DEADLINE: Duration = Duration::from_secs(10);

/// Longest answer that is read, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// The agent understands and does not do it.
    #[error("{0}")]
    Refused(String),
    /// A flag is wrong.
    #[error("--{flag}: {value:?} {rule}; {remedy}")]
    Flag { flag: &'static str, value: String, rule: String, remedy: String },
    /// The agent is not there, or is no agent.
    #[error("the agent at {address} cannot be asked: {why}; is it running, and is this its --listen? (--agent)")]
    Agent { address: Address, why: String },
}

/// An agent that is asked.
#[derive(Debug)]
pub(super) struct Agent {
    address: Address,
    token: Option<String>,
}

impl Agent {
    pub(super) fn new(address: &str, token_file: Option<&Path>) -> Result<Self, CallError> {
        let flag = |flag, value: &str, rule: String, remedy: String| CallError::Flag {
            flag,
            value: value.to_owned(),
            rule,
            remedy,
        };
        let address = Address::parse(address).map_err(|wrong| flag("agent", address, wrong.rule, wrong.remedy))?;
        let read = |path: &Path| {
            let remedy = "name a file with the agent's token, or leave it out where the agent has none".to_owned();
            let failed =
                |why| flag("token-file", &path.display().to_string(), format!("cannot be read: {why}"), remedy);
            TokenFile::new(path.to_owned()).read().map_err(failed)
        };
        Ok(Self { address, token: token_file.map(read).transpose()? })
    }

    /// Asks it for what is below its overrides.
    pub(super) fn call(
        &self,
        method: Method,
        below: &str,
        body: Option<&Value>,
        author: Option<&str>,
    ) -> Result<Value, CallError> {
        let failed = |why: String| CallError::Agent { address: self.address.clone(), why };
        let mut request = Request::builder().method(method).uri(format!("{PATH}{below}"));
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(author) = author {
            request = request.header(AUTHOR, author.as_bytes());
        }
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let request = request.header(CONTENT_TYPE, "application/json").body(Full::new(body));
        let request = request.map_err(|error| failed(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| failed(error.to_string()))?;
        let answer = runtime.block_on(async { timeout(DEADLINE, exchange(&self.address, request)).await });
        let (status, body) = match answer {
            Err(_) => return Err(failed("no answer within 10 s".to_owned())),
            Ok(Err(error)) => return Err(failed(error.to_string())),
            Ok(Ok(answer)) => answer,
        };
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        match status {
            _ if status.is_success() && said.is_object() => Ok(said),
            _ if status.is_client_error() && said["error"].is_string() => Err(CallError::Refused(refusal(&said))),
            _ => Err(failed(format!("it answered {status}: {:.200}", String::from_utf8_lossy(&body).trim()))),
        }
    }
}

async fn exchange(address: &Address, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), HttpError> {
    // The connection ends with its client, so that has to live until the body is read.
    let mut client = HttpClient::connect(address).await?;
    let answer = client.send(request).await?;
    let status = answer.status();
    Ok((status, read_body(answer, MAX_ANSWER).await?))
}

/// What an error says, a line for each thing that is wrong.
fn refusal(said: &Value) -> String {
    let mut told = said["error"].as_str().unwrap_or_default().to_owned();
    for problem in said["problems"].as_array().into_iter().flatten() {
        let text = |key: &str| problem[key].as_str().unwrap_or_default();
        let value = problem["value"].as_str().map(|value| format!("{value} ")).unwrap_or_default();
        let _ = write!(told, "\n  {}: {value}{}; {}", text("path"), text("rule"), text("remedy"));
    }
    told
}

/// A number as it can stand in a path.
pub(super) fn encoded(id: &str) -> String {
    let mut path = String::new();
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}
