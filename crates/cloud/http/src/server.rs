//! Connections, from the first to the last.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;

use crate::body::CountedBody;
use crate::handler::Handler;
use crate::metrics::InUse;
use crate::{FreeSpace, FrontEnd, HttpLimits, text};

/// Smallest bound on heads that the HTTP library takes, in bytes.
const MIN_HEAD: usize = 8192;
/// Most headers of a request.
const MAX_HEADERS: usize = 200;
/// Pause after an `accept` that failed, for want of file descriptors as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a server is started with.
pub struct ServerOptions {
    /// Who answers requests, in the order in which they are asked.
    pub front_ends: Vec<Box<dyn FrontEnd>>,
    /// Bounds on what clients may send and keep waiting.
    pub limits: HttpLimits,
    /// TLS, as [`tls_acceptor`](crate::tls_acceptor) makes it; `None` for plain HTTP.
    pub tls: Option<TlsAcceptor>,
    /// How long running requests may take when the server ends.
    pub grace: Duration,
    /// The room that is left, for the metrics.
    pub free_space: FreeSpace,
}

/// A server that answers requests. Dropping it ends it as [`Server::shutdown`] does, without waiting.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts to answer connections, in a task of the current runtime.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn start(listener: TcpListener, options: ServerOptions) -> io::Result<Self> {
        let ServerOptions {
            front_ends,
            limits,
            tls,
            grace,
            free_space,
        } = options;
        let addr = listener.local_addr()?;
        let (stop, stopped) = watch::channel(());
        let door = Door {
            handler: Arc::new(Handler::new(front_ends, limits, free_space)),
            tls,
            stopped: stopped.clone(),
        };
        let task = tokio::spawn(run(listener, door, stopped, grace));
        Ok(Self { addr, stop, task })
    }

    /// The address at which the server listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes no more connections and waits for the running requests, up to the time of grace.
    ///
    /// # Errors
    /// When the server's task has panicked.
    pub async fn shutdown(self) -> Result<(), JoinError> {
        drop(self.stop);
        self.task.await
    }
}

async fn run(listener: TcpListener, door: Door, mut stopped: watch::Receiver<()>, grace: Duration) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(door.handler.limits.connections));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            _ = stopped.changed() => break,
        };
        match accepted {
            Ok((stream, place)) => {
                let (door, watcher) = (door.clone(), graceful.watcher());
                tokio::spawn(async move {
                    let _in_use = InUse::new(&door.handler.metrics.connections);
                    door.open(stream, watcher).await;
                    drop(place);
                });
            }
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

/// Takes the next client as soon as there is a place for it; until then it waits in the queue of the system.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    Ok((listener.accept().await?.0, place))
}

/// What every connection goes through.
#[derive(Clone)]
struct Door {
    handler: Arc<Handler>,
    tls: Option<TlsAcceptor>,
    stopped: watch::Receiver<()>,
}

impl Door {
    async fn open(mut self, stream: TcpStream, watcher: Watcher) {
        // Answers are whole when they are written; waiting for more only makes clients wait.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let limits = &self.handler.limits;
        let head_time = limits.head_time;
        let Some(tls) = self.tls.clone() else {
            let stream = patient(stream, limits.patience);
            return self.serve(stream, watcher, false).await;
        };
        let handshake = async {
            if speaks_http(&stream).await? {
                return Ok(Greeted::Plain(stream));
            }
            let stream = tls.accept(patient(stream, limits.patience)).await?;
            Ok::<_, io::Error>(Greeted::Tls(Box::new(stream)))
        };
        let greeted = tokio::select! {
            greeted = tokio::time::timeout(head_time, handshake) => greeted,
            _ = self.stopped.changed() => return,
        };
        match greeted {
            Ok(Ok(Greeted::Tls(stream))) => self.serve(stream, watcher, false).await,
            Ok(Ok(Greeted::Plain(stream))) => self.serve(stream, watcher, true).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    /// Answers the requests of a connection; those in the clear on a port for TLS are told so.
    async fn serve<S>(&self, stream: S, watcher: Watcher, in_the_clear: bool)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let handler = Arc::clone(&self.handler);
        let limits = &self.handler.limits;
        let service = service_fn(move |request: Request<Incoming>| {
            let handler = Arc::clone(&handler);
            async move {
                let response = if in_the_clear {
                    let say = "This port speaks HTTPS: use https:// in the URL.\n";
                    text(StatusCode::BAD_REQUEST, say).map(CountedBody::uncounted)
                } else {
                    handler.answer(request).await
                };
                Ok::<_, Infallible>(response)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_time)
            .max_headers(MAX_HEADERS)
            .max_buf_size(limits.head_bytes.max(MIN_HEAD))
            .keep_alive(!in_the_clear)
            .serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// A client that has said enough to tell TLS from plain HTTP.
enum Greeted<P, T> {
    Plain(P),
    Tls(Box<T>),
}

/// Whether the first byte begins the name of a method. TLS begins with a number.
async fn speaks_http(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    let read = stream.peek(&mut first).await?;
    Ok(read == 1 && first[0].is_ascii_uppercase())
}

/// The stream, which gives up a client that takes nothing for so long.
fn patient(stream: TcpStream, patience: Duration) -> Pin<Box<TimeoutStream<TcpStream>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(patience));
    Box::pin(stream)
}
