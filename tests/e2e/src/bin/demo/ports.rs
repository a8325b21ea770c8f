//! The ports of `envoy/bootstrap.yaml`, which have to be those and no others: the README's commands name them.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::bail;
use helius_e2e::ReservedPort;

/// Where the mesh's clients connect.
pub(crate) const CLIENTS: SocketAddr = local(10000);
/// Where operators read Envoy's stats.
pub(crate) const ADMIN: SocketAddr = local(9901);
/// The assistant in us-east-1 and us-west-2.
pub(crate) const ASSIST: [SocketAddr; 2] = [local(18081), local(18082)];
/// The recommender in us-east-1 and us-west-2.
pub(crate) const PREDICT: [SocketAddr; 2] = [local(18083), local(18084)];

/// The agent's API, and its metrics.
pub(crate) const AGENT: [SocketAddr; 2] = [local(9910), local(9911)];

const USES: [(SocketAddr, &str); 8] = [
    (CLIENTS, "Envoy's listener for the clients"),
    (ADMIN, "Envoy's admin interface"),
    (ASSIST[0], "the assistant in us-east-1"),
    (ASSIST[1], "the assistant in us-west-2"),
    (PREDICT[0], "the recommender in us-east-1"),
    (PREDICT[1], "the recommender in us-west-2"),
    (AGENT[0], "the agent's API"),
    (AGENT[1], "the agent's metrics"),
];

const fn local(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// Names every port that is taken, what it is for and what to do. Envoy itself would share its port with another
/// Envoy without a word, and half of the requests would go there.
pub(crate) fn ensure_free() -> anyhow::Result<()> {
    let is_taken = |addr: SocketAddr| ReservedPort::at(addr).and_then(|port| port.listen()).is_err();
    let taken: Vec<String> = USES
        .iter()
        .filter(|(addr, _)| is_taken(*addr))
        .map(|(addr, what)| {
            let port = addr.port();
            format!("port {port} is taken, and needed for {what}: `ss -ltnp 'sport = :{port}'` says who has it")
        })
        .collect();
    if taken.is_empty() {
        return Ok(());
    }
    bail!("{}\nEnd what has it (another demo, perhaps) and start again.", taken.join("\n      "))
}
