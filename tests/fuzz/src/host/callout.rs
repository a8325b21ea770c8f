//! The HTTP call of the filter's own.

use helius_policy::http::Headers;

use super::{Host, Outcome, Status};

/// A call under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) token: u32,
    pub(crate) root: u32,
    pub(crate) stream: u32,
}

/// What came of a call; without headers where it was reset.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallAnswer {
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

/// What Envoy knows of the clusters that are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Clusters {
    #[default]
    Fine,
    Unknown,
    WithoutHosts,
}

impl Host {
    pub(super) fn call(&mut self, cluster: &str, headers: &Headers, body: &[u8], timeout: u32) -> Outcome<u32> {
        let (stream, clock, clusters) = (self.effective, self.clock, self.clusters);
        let request = &self.stream(stream)?.request;
        assert!(request.has_ended && request.trailers.is_none(), "a request that is not whole is sent again");
        let is_fine = clusters == Clusters::Fine;
        self.stream(stream)?.ledger.calls(cluster, headers, body, (clock, timeout), is_fine);
        match clusters {
            Clusters::Fine => {}
            Clusters::Unknown => return Err(Status::BadArgument),
            Clusters::WithoutHosts => return Err(Status::InternalFailure),
        }
        self.next_token += 4;
        let root = self.stream(stream)?.root;
        self.calls.push_back(Call { token: self.next_token, root, stream });
        Ok(self.next_token)
    }
}
