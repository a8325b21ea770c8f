//! `helius-agent status`: what is degraded right now, in one pod or several, read from their agents' metrics.
//!
//! * `samples` reads the text that an agent exports.
//! * `pod` says what of it is degraded.
//! * `table` shows it to people.
//! * `watch` is the verb itself, once or again and again.

mod pod;
mod samples;
mod table;
mod watch;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::address::Address;
use crate::http_client::{HttpClient, read_body};

pub use pod::{Finding, Pod, Severity};
pub use table::{Colours, table};
pub use watch::{StatusArgs, run};

/// How long a pod may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Longest text of metrics that is read, in bytes.
const LONGEST: usize = 16 << 20;

/// What a pod says, or why it says nothing.
pub type Answer = Result<Pod, String>;

/// Asks all pods at once, each for its own sake: one that is away keeps nobody waiting.
pub async fn ask(pods: &[String], now: SystemTime) -> BTreeMap<String, Answer> {
    let asked: Vec<_> = pods
        .iter()
        .map(|pod| {
            let pod = pod.clone();
            tokio::spawn(async move {
                let answer = timeout(PATIENCE, metrics_of(&pod)).await;
                (pod, answer.unwrap_or_else(|_| Err(format!("does not answer within {PATIENCE:?}"))))
            })
        })
        .collect();
    let mut answers = BTreeMap::new();
    for task in asked {
        if let Ok((pod, text)) = task.await {
            answers.insert(pod, text.map(|text| Pod::read(&text, now)));
        }
    }
    answers
}

async fn metrics_of(pod: &str) -> Result<String, String> {
    let address = address_of(pod).await?;
    let mut client = HttpClient::connect(&address).await.map_err(|why| why.to_string())?;
    let answer = client.get("/metrics").await.map_err(|why| why.to_string())?;
    let status = answer.status();
    if !status.is_success() {
        return Err(format!("answers {status}; name the port of the agent's metrics, 9911 where nothing else is said"));
    }
    let body = read_body(answer, LONGEST).await.map_err(|why| why.to_string())?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// A socket, an address, or a name that has to be looked up.
async fn address_of(pod: &str) -> Result<Address, String> {
    match Address::parse(pod) {
        Ok(address) => Ok(address),
        Err(wrong) => match lookup_host(pod).await {
            Ok(mut found) => found.next().map(Address::Tcp).ok_or_else(|| "has no address".to_owned()),
            Err(_) => Err(format!("{} and cannot be looked up; {}", wrong.rule, wrong.remedy)),
        },
    }
}

/// The same for scripts: for each pod what is degraded, or why it says nothing.
pub fn json(answers: &BTreeMap<String, Answer>) -> Value {
    let pods = answers.iter().map(|(name, answer)| match answer {
        Ok(pod) => json!({
            "pod": name,
            "degraded": pod.is_degraded(),
            "routes": pod.routes(),
            "findings": pod.findings().iter().map(finding).collect::<Vec<_>>(),
        }),
        Err(why) => json!({ "pod": name, "error": why }),
    });
    json!({ "pods": pods.collect::<Vec<_>>() })
}

fn finding(it: &Finding) -> Value {
    let mut value = json!({
        "severity": it.severity.word(),
        "service": it.service,
        "route": it.route,
        "what": it.what,
    });
    if let Some(until) = it.until {
        value["until"] = json!(humantime::format_rfc3339_seconds(until).to_string());
    }
    value
}
