//! What an operator would use today: Envoy's own failover, with what Envoy has against a region that is dead.

use std::net::SocketAddr;

use helius_e2e::{Bootstrap, Mesh};
use serde_json::{Value, json};

/// One cluster whose second priority is the other region: a try that fails or takes too long is made once more in the
/// next priority, and outlier detection takes a host away that failed five times in a row.
pub(crate) fn sidecar(primary: SocketAddr, secondary: SocketAddr) -> Bootstrap {
    let both = |cluster: &mut Value| {
        cluster["load_assignment"]["endpoints"] = json!([priority(0, primary), priority(1, secondary)]);
        // Everything else as Envoy has it, but that the only host of a region may be taken away.
        cluster["outlier_detection"] = json!({ "consecutive_5xx": 5, "max_ejection_percent": 100 });
    };
    Mesh::builder()
        .without_filter()
        .cluster("llm_assistant_us_east_1", both)
        .envoy_routes(|routes| routes[0]["route"]["retry_policy"] = retry_policy())
}

fn retry_policy() -> Value {
    let previous = "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig";
    json!({
        "retry_on": "5xx,reset,connect-failure",
        "num_retries": 1,
        "per_try_timeout": "0.2s",
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
