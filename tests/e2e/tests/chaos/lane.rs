//! How a worker's requests get to the mesh: over connections that are kept alive, and opened anew when they end.

use std::fmt;
use std::sync::Arc;

use helius_e2e::{Client, Connection, Failure, Mesh, Protocol, Reply, Request};
use tokio::sync::Mutex;

/// So many workers send over the same connection where the protocol allows it.
const SHARING: usize = 4;

/// The way of one worker.
pub(crate) enum Lane {
    /// HTTP/1.1 over a connection of its own.
    Http1 { client: Client, open: Option<Connection> },
    /// HTTP/2 over a connection that others use at the same time.
    Http2 { client: Client, open: Arc<Mutex<Option<Connection>>> },
}

impl Lane {
    /// So many ways, half of them of either protocol.
    pub(crate) fn lanes(mesh: &Mesh, count: usize) -> Vec<Self> {
        let http1 = (0..count / 2).map(|_| Self::Http1 { client: mesh.client(), open: None });
        let shared: Vec<_> = (0..count.div_ceil(2 * SHARING)).map(|_| Arc::new(Mutex::new(None))).collect();
        let http2 = (count / 2..count).map(|worker| Self::Http2 {
            client: mesh.http2_client(),
            open: Arc::clone(&shared[worker % shared.len()]),
        });
        http1.chain(http2).collect()
    }

    pub(crate) async fn send(&mut self, request: Request) -> Result<Reply, Failure> {
        match self {
            Self::Http1 { client, open } => {
                // Taken out: if this is given up in the middle, the connection goes with it.
                let mut connection = match open.take().filter(|connection| !connection.is_closed()) {
                    Some(connection) => connection,
                    None => client.connect().await?,
                };
                let reply = connection.send(request).await?;
                if reply.header("connection") != Some("close") {
                    *open = Some(connection);
                }
                Ok(reply)
            }
            Self::Http2 { client, open } => {
                let mut connection = share(client, open).await?;
                connection.send(request).await
            }
        }
    }

    fn protocol(&self) -> Protocol {
        match self {
            Self::Http1 { .. } => Protocol::Http1,
            Self::Http2 { .. } => Protocol::Http2,
        }
    }
}

async fn share(client: &Client, open: &Mutex<Option<Connection>>) -> Result<Connection, Failure> {
    let mut open = open.lock().await;
    if let Some(connection) = open.as_ref().filter(|connection| !connection.is_closed()).and_then(Connection::share) {
        return Ok(connection);
    }
    let connection = client.connect().await?;
    let shared = connection.share();
    *open = Some(connection);
    shared.ok_or_else(|| Failure::NotConnected("the connection cannot be shared".to_owned()))
}

impl fmt::Debug for Lane {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.protocol())
    }
}
