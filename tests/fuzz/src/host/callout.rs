//! The HTTP call of the filter's own.

use helius_policy::drill::{DRILL, MOST};
use helius_policy::http::{Headers, is_hop_by_hop};

use super::{Host, Outcome, Status};

/// The cluster of the pod's agent.
const AGENT: &str = "helius_agent";

/// Where it is asked for overrides.
const OVERRIDES: &str = "/v1/overrides?wait=20s";

/// A call under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) token: u32,
    pub(crate) root: u32,
    /// The stream that waits for it; none waits for a drill.
    pub(crate) stream: Option<u32>,
    pub(crate) is_head: bool,
}

/// A question to the agent under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) token: u32,
    pub(crate) root: u32,
    is_for_overrides: bool,
}

/// What came of a call; without headers where it was reset.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallAnswer {
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

/// What Envoy knows of the clusters that are called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clusters {
    pub(crate) state: ClusterState,
    /// The only one that is in this state; without a name all are.
    pub(crate) only: Vec<u8>,
}

/// Whether a cluster can be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ClusterState {
    #[default]
    Fine,
    Unknown,
    WithoutHosts,
}

impl Clusters {
    fn state_of(&self, cluster: &str) -> ClusterState {
        let is_meant = self.only.is_empty() || self.only == cluster.as_bytes();
        if is_meant { self.state } else { ClusterState::Fine }
    }
}

impl Host {
    pub(super) fn call(&mut self, cluster: &str, headers: &Headers, body: &[u8], timeout: u32) -> Outcome<u32> {
        let (caller, clock, state) = (self.effective, self.clock, self.clusters.state_of(cluster));
        check_request(headers, timeout);
        if cluster == AGENT {
            return self.ask_agent(caller, headers, state);
        }
        let (root, stream) = if self.roots.contains_key(&caller) {
            self.check_drill(caller, headers);
            (caller, None)
        } else {
            let stream = self.stream(caller)?;
            let request = &stream.request;
            assert!(request.has_ended && request.trailers.is_none(), "a request that is not whole is sent again");
            stream.ledger.calls(cluster, headers, body, (clock, timeout), state == ClusterState::Fine);
            (stream.root, Some(caller))
        };
        match state {
            ClusterState::Fine => {}
            ClusterState::Unknown => return Err(Status::BadArgument),
            ClusterState::WithoutHosts => return Err(Status::InternalFailure),
        }
        self.next_token += 4;
        let is_head = headers.first(":method") == Some(b"HEAD");
        self.calls.push_back(Call { token: self.next_token, root, stream, is_head });
        Ok(self.next_token)
    }

    /// A question to the agent, of which each filter has one of each kind under way.
    fn ask_agent(&mut self, root: u32, headers: &Headers, state: ClusterState) -> Outcome<u32> {
        assert!(self.roots.contains_key(&root), "a stream asks the agent");
        let is_for_overrides = headers.first(":path") == Some(OVERRIDES.as_bytes());
        let is_same = |it: &&Question| it.root == root && it.is_for_overrides == is_for_overrides;
        assert_eq!(self.asked.iter().find(is_same), None, "one more question to the agent");
        match state {
            ClusterState::Fine => {}
            ClusterState::Unknown => return Err(Status::BadArgument),
            ClusterState::WithoutHosts => return Err(Status::InternalFailure),
        }
        self.next_token += 4;
        self.asked.push_back(Question { token: self.next_token, root, is_for_overrides });
        Ok(self.next_token)
    }

    /// What the root calls by itself is a drill.
    fn check_drill(&self, root: u32, headers: &Headers) {
        let marks = headers.iter().filter(|(name, _)| *name == DRILL).collect::<Vec<_>>();
        assert_eq!(marks, [(DRILL, b"true".as_slice())], "a drill that does not say so, or is one of a drill");
        let under_way = self.calls.iter().filter(|call| call.root == root && call.stream.is_none()).count();
        assert!(under_way < MOST, "{under_way} drills are under way, and one more begins");
        assert!(!self.roots.get(&root).is_some_and(|root| root.is_shadow), "a drill in shadow mode");
    }
}

/// What Envoy takes, and what no region may be told, whoever calls.
fn check_request(headers: &Headers, timeout: u32) {
    assert!(headers.first(":authority").is_some(), "Envoy refuses a call without :authority");
    for (name, value) in headers.iter() {
        assert!(!is_hop_by_hop(name), "{name} of the client's connection is sent again");
        assert!(std::str::from_utf8(value).is_ok(), "{name} is not text");
    }
    assert!(timeout > 0, "a call without a timeout");
}
