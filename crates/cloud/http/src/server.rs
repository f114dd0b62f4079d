//! Connections, from the first to the last.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;

use crate::body::CountedBody;
use crate::handler::Handler;
use crate::metrics::{InUse, Metrics};
use crate::places::{Place, Places};
use crate::readiness::Readiness;
use crate::{FreeSpace, FrontEnd, HttpLimits, Instruments, Probe, text};

/// Smallest bound on heads that the HTTP library takes, in bytes.
const MIN_HEAD: usize = 8192;
/// Most headers of a request.
const MAX_HEADERS: usize = 200;
/// Pause after an `accept` that failed, usually because there were no file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long an idle connection may take to end when its place is needed.
const LAST_WORDS: Duration = Duration::from_secs(1);

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
    /// What the server is called among those of a cloud, for the metrics and the log.
    pub name: String,
    /// Finds out whether the server should get requests.
    pub probe: Box<dyn Probe>,
    /// What else is on the page of metrics.
    pub instruments: Instruments,
}

/// A server that answers requests. Dropping it ends it as [`Server::shutdown`] does, without waiting.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    draining: Arc<AtomicBool>,
    tls: Tls,
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
            name,
            probe,
            instruments,
        } = options;
        let addr = listener.local_addr()?;
        let (stop, stopped) = watch::channel(());
        let draining = Arc::new(AtomicBool::new(false));
        let tls = Tls(Arc::new(RwLock::new(tls)));
        let handler = Handler {
            metrics: Metrics::new(&name, instruments),
            readiness: Readiness::new(probe),
            front_ends,
            free_space,
            name,
            draining: Arc::clone(&draining),
            requests: Semaphore::new(limits.requests),
            limits,
        };
        let door = Door {
            handler: Arc::new(handler),
            tls: tls.clone(),
            stopped: stopped.clone(),
        };
        let task = tokio::spawn(run(listener, door, stopped, grace));
        Ok(Self {
            addr,
            draining,
            tls,
            stop,
            task,
        })
    }

    /// The address at which the server listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Says from now on that the server should get no more requests: `/readyz` answers 503, and every answer has
    /// `Connection: close`. Requests are answered as before, until [`Server::shutdown`].
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Uses another certificate for the connections that are opened from now on. A server for plain HTTP remains one.
    pub fn renew_tls(&self, acceptor: TlsAcceptor) {
        self.tls.renew(acceptor);
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
    let limits = &door.handler.limits;
    let places = Places::new(limits.connections, limits.connections_per_client);
    // Each connection has a handle: they are all over when the other end hears that there are none.
    let (open, mut all_over) = mpsc::channel::<()>(1);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            _ = stopped.changed() => break,
        };
        match accepted {
            Ok((stream, Some(place))) => {
                let (door, open) = (door.clone(), open.clone());
                tokio::spawn(async move {
                    let _in_use = InUse::new(&door.handler.metrics.connections);
                    door.open(stream, place).await;
                    drop(open);
                });
            }
            Ok((_, None)) => tracing::debug!("a client has too many connections"),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop((listener, open));
    if tokio::time::timeout(grace, all_over.recv()).await.is_err() {
        tracing::warn!("requests were cut off because they took longer than the time of grace");
    }
}

/// Takes the next client, and a place for it as soon as there is one; until then the others wait in the queue of the system.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Places>,
) -> io::Result<(TcpStream, Option<Place>)> {
    let (stream, address) = listener.accept().await?;
    Ok((stream, places.take(address.ip()).await))
}

/// TLS for the connections that are opened next; `None` for plain HTTP. Clones are the same.
#[derive(Clone)]
struct Tls(Arc<RwLock<Option<TlsAcceptor>>>);

impl Tls {
    fn acceptor(&self) -> Option<TlsAcceptor> {
        let acceptor = self.0.read().unwrap_or_else(PoisonError::into_inner);
        acceptor.clone()
    }

    fn renew(&self, new: TlsAcceptor) {
        let mut acceptor = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if acceptor.is_some() {
            *acceptor = Some(new);
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// What every connection goes through.
#[derive(Clone)]
struct Door {
    handler: Arc<Handler>,
    tls: Tls,
    stopped: watch::Receiver<()>,
}

impl Door {
    async fn open(mut self, stream: TcpStream, place: Place) {
        // Answers are complete when they are written; waiting for more only makes clients wait.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let limits = &self.handler.limits;
        let head_time = limits.head_time;
        let Some(tls) = self.tls.acceptor() else {
            let stream = patient(stream, limits.patience);
            return self.serve(stream, place, false).await;
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
            () = place.is_needed() => return,
        };
        match greeted {
            Ok(Ok(Greeted::Tls(stream))) => self.serve(stream, place, false).await,
            Ok(Ok(Greeted::Plain(stream))) => self.serve(stream, place, true).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    /// Answers the requests of a connection; unencrypted ones on a port for TLS get an error that says so.
    async fn serve<S>(mut self, stream: S, place: Place, in_the_clear: bool)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let handler = Arc::clone(&self.handler);
        let limits = &self.handler.limits;
        let worked_on = place.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let (handler, busy) = (Arc::clone(&handler), worked_on.busy());
            async move {
                let response = if in_the_clear {
                    let say = "This port speaks HTTPS: use https:// in the URL.\n";
                    text(StatusCode::BAD_REQUEST, say).map(CountedBody::uncounted)
                } else {
                    handler.answer(request).await
                };
                Ok::<_, Infallible>(response.map(|body| body.keeping(busy)))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_time)
            .max_headers(MAX_HEADERS)
            .max_buf_size(limits.head_bytes.max(MIN_HEAD))
            .keep_alive(!in_the_clear)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            _ = self.stopped.changed() => {
                connection.as_mut().graceful_shutdown();
                Some(connection.await)
            }
            () = place.is_needed() => {
                // What is left of an answer may go out; a head that has begun gets no time.
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(LAST_WORDS, connection).await.ok()
            }
        };
        match ended {
            Some(Err(error)) => tracing::debug!(%error, "a connection ended early"),
            Some(Ok(())) => {}
            None => tracing::debug!("an idle connection was closed for another"),
        }
    }
}

/// A client that has sent enough to distinguish TLS from plain HTTP.
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
