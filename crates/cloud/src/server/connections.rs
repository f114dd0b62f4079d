//! Connections, from the first to the last.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::Handler;
use crate::CloudError;

/// How long a client may take to send the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// Smallest bound on heads that the HTTP library takes, in bytes.
const MIN_HEAD: usize = 8192;
/// Most headers of a request.
const MAX_HEADERS: usize = 200;
/// Pause after an `accept` that failed, for want of file descriptors as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The task that answers connections.
#[derive(Debug)]
pub(crate) struct Server {
    addr: SocketAddr,
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts to answer connections. `grace` is how long running requests may take when it ends.
    pub(crate) fn start(
        listener: TcpListener,
        handler: Handler,
        grace: Duration,
    ) -> std::io::Result<Self> {
        let addr = listener.local_addr()?;
        let (stop, stopped) = watch::channel(());
        let task = tokio::spawn(run(listener, Arc::new(handler), stopped, grace));
        Ok(Self { addr, stop, task })
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes no more connections and waits for the running requests.
    pub(crate) async fn shutdown(self) -> Result<(), CloudError> {
        drop(self.stop);
        Ok(self.task.await?)
    }
}

async fn run(
    listener: TcpListener,
    handler: Arc<Handler>,
    mut stopped: watch::Receiver<()>,
    grace: Duration,
) {
    let graceful = GracefulShutdown::new();
    let requests = Arc::new(Semaphore::new(handler.state.config.limits.requests));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => break,
        };
        match accepted {
            Ok((stream, _)) => connect(stream, &handler, &requests, &graceful),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(grace, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests were cut off because they took longer than the time of grace");
    }
}

fn connect(
    stream: TcpStream,
    handler: &Arc<Handler>,
    requests: &Arc<Semaphore>,
    graceful: &GracefulShutdown,
) {
    // Answers are whole when they are written; waiting for more only makes clients wait.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let (handler, requests) = (Arc::clone(handler), Arc::clone(requests));
    let head_bytes = handler.state.config.limits.head_bytes.max(MIN_HEAD);
    let service = service_fn(move |request| {
        let (handler, requests) = (Arc::clone(&handler), Arc::clone(&requests));
        async move {
            let _permit = requests.acquire().await;
            Ok::<_, Infallible>(handler.answer(request).await)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_headers(MAX_HEADERS)
        .max_buf_size(head_bytes)
        .serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended early");
        }
    });
}
