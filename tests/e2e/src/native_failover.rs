//! What an operator would use today: Envoy's own failover, with what Envoy has against a region that is dead.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::bootstrap::Bootstrap;

impl Bootstrap {
    /// The assistant's cluster with the other region as its second priority: a try that fails, or takes longer than this, is
    /// made once more in the next priority, and outlier detection takes a host away that failed five times in a row.
    ///
    /// Envoy's own back-off of 25 ms before a retry would flatter whoever does not wait.
    #[must_use]
    pub fn native_failover(self, primary: SocketAddr, secondary: SocketAddr, per_try_timeout: &str) -> Self {
        let both = |cluster: &mut Value| {
            cluster["load_assignment"]["endpoints"] = json!([priority(0, primary), priority(1, secondary)]);
            // Everything else as Envoy has it, but that the only host of a region may be taken away.
            cluster["outlier_detection"] = json!({ "consecutive_5xx": 5, "max_ejection_percent": 100 });
        };
        self.cluster("llm_assistant_us_east_1", both)
            .envoy_routes(|routes| routes[0]["route"]["retry_policy"] = retry_policy(per_try_timeout))
    }
}

fn retry_policy(per_try_timeout: &str) -> Value {
    let previous = "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig";
    json!({
        "retry_on": "5xx,reset,connect-failure",
        "num_retries": 1,
        "per_try_timeout": per_try_timeout,
        "retry_back_off": { "base_interval": "0.001s" },
        "retry_priority": {
            "name": "envoy.retry_priorities.previous_priorities",
            "typed_config": { "@type": format!("type.googleapis.com/{previous}"), "update_frequency": 1 },
        },
    })
}

fn priority(priority: u32, addr: SocketAddr) -> Value {
    let socket = json!({ "address": addr.ip().to_string(), "port_value": addr.port() });
    json!({ "priority": priority, "lb_endpoints": [{ "endpoint": { "address": { "socket_address": socket } } }] })
}
