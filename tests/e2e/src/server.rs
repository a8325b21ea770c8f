//! What accepts a stand-in's connections until it is told to stop.

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

#[derive(Debug)]
pub(crate) struct Server {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Gives each connection to `serve`, in a task of its own.
    pub(crate) fn start<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel();
        Self { stop, task: tokio::spawn(accept(listener, serve, stopped)) }
    }

    /// Refuses connections from now on, and breaks those that are open.
    pub(crate) async fn stop(self) {
        // The task is gone already if the runtime is about to end: then the port is closed too.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

async fn accept<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F, mut stopped: oneshot::Receiver<()>)
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // A dropped sender means that the stand-in was dropped.
            _ = &mut stopped => break,
            accepted = listener.accept() => {
                // A client that is gone before it was accepted is no reason to stop.
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(serve(stream));
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}
