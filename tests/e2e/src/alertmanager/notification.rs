//! What Alertmanager posts to a webhook. Newer ones say more than older ones, so only what is needed is read.

use anyhow::{Context, bail};
use serde_json::Value;

use crate::prometheus::Labels;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// For whom it is.
    pub receiver: String,
    /// The alerts of the group, those that have ended since the last message too.
    pub alerts: Vec<NotifiedAlert>,
}

/// An alert in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifiedAlert {
    /// Whether it fires still; otherwise it has ended.
    pub is_firing: bool,
    /// All of its labels.
    pub labels: Labels,
    /// What it says to people, in full.
    pub annotations: Labels,
}

impl Notification {
    /// Reads the body of a request to a webhook.
    pub fn parse(body: &[u8]) -> anyhow::Result<Self> {
        let message: Value = serde_json::from_slice(body).context("a message of Alertmanager is no JSON")?;
        let receiver = message["receiver"].as_str().context("a message names no receiver")?.to_owned();
        let alerts = message["alerts"].as_array().context("a message has no alerts")?;
        Ok(Self { receiver, alerts: alerts.iter().map(alert).collect::<anyhow::Result<_>>()? })
    }
}

impl NotifiedAlert {
    /// The name of its rule.
    pub fn name(&self) -> &str {
        self.labels.get("alertname").map_or("", String::as_str)
    }
}

fn alert(alert: &Value) -> anyhow::Result<NotifiedAlert> {
    let is_firing = match alert["status"].as_str() {
        Some("firing") => true,
        Some("resolved") => false,
        _ => bail!("an alert is neither firing nor resolved: {alert}"),
    };
    Ok(NotifiedAlert { is_firing, labels: labels(&alert["labels"])?, annotations: labels(&alert["annotations"])? })
}

pub(super) fn labels(value: &Value) -> anyhow::Result<Labels> {
    let object = value.as_object().with_context(|| format!("Alertmanager gave no labels, but {value}"))?;
    Ok(object.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Notification;

    #[test]
    fn a_message_is_read_whatever_else_it_says() {
        let alert = json!({ "status": "resolved", "labels": { "alertname": "A" }, "annotations": {}, "new": 1 });
        let message = json!({ "receiver": "r", "alerts": [alert], "notification_reason": "new" });
        let read = Notification::parse(message.to_string().as_bytes()).unwrap();
        assert_eq!((read.receiver.as_str(), read.alerts[0].name(), read.alerts[0].is_firing), ("r", "A", false));
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        for body in
            ["", "{}", r#"{"receiver": "r"}"#, r#"{"receiver": "r", "alerts": [{"status": "?", "labels": {}}]}"#]
        {
            Notification::parse(body.as_bytes()).unwrap_err();
        }
    }
}
