//! Connections to guests for other processes of this user: what `ProxyCommand` of ssh needs.
//!
//! The client sends one line, `TARGET PORT`, and gets one, `ok` or `error: ` and a reason. After `ok` the socket is the
//! connection.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time;

use crate::error::NetworkError;
use crate::link::{remove, short};
use crate::network::Network;

/// Serves connections until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    path: PathBuf,
    task: AbortHandle,
}

/// Longest line in bytes.
const MAX_LINE: usize = 512;
/// How long a client may take for its line.
const PATIENCE: Duration = Duration::from_secs(5);
/// Clients at once.
const CLIENTS: usize = 128;
const PAUSE: Duration = Duration::from_millis(100);

const OK: &str = "ok";
const ERROR: &str = "error: ";

impl Proxy {
    /// Serves at a socket that only this user can use. Must be called in a runtime.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn bind(path: &Path, network: Network) -> Result<Self, NetworkError> {
        let system = |doing| move |source| system(doing, path, source);
        remove(path).map_err(system("remove the old socket"))?;
        let listener = at_short(path, UnixListener::bind).map_err(system("bind the socket"))?;
        fs_err::set_permissions(path, PermissionsExt::from_mode(0o600))
            .map_err(system("protect the socket"))?;
        let task = tokio::spawn(serve(listener, network));
        Ok(Self {
            path: path.to_owned(),
            task: task.abort_handle(),
        })
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        // The directory may have gone first.
        let _ = remove(&self.path);
    }
}

/// Connects to a TCP port of a guest through the proxy of a cloud. `target` is its name or one of its addresses.
///
/// # Errors
/// When there is no proxy, or it refuses.
pub async fn connect_through(
    path: &Path,
    target: &str,
    port: u16,
) -> Result<UnixStream, NetworkError> {
    let system = |doing| move |source| system(doing, path, source);
    if target.contains(char::is_whitespace) {
        return Err(NetworkError::NoGuest(target.to_owned()));
    }
    let connecting = time::timeout(PATIENCE, at_short_async(path)).await;
    let connected = connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let mut stream = connected.map_err(system("connect to the cloud at"))?;
    let request = format!("{target} {port}\n");
    stream
        .write_all(request.as_bytes())
        .await
        .map_err(system("write to"))?;
    let answer = line(&mut stream).await.map_err(system("read from"))?;
    if answer == OK {
        return Ok(stream);
    }
    let reason = answer.strip_prefix(ERROR).unwrap_or("it gave no reason");
    Err(NetworkError::Refused(reason.to_owned()))
}

async fn serve(listener: UnixListener, network: Network) {
    let places = Arc::new(Semaphore::new(CLIENTS));
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match (accepted, Arc::clone(&places).try_acquire_owned()) {
                (Ok((client, _)), Ok(place)) => {
                    let network = network.clone();
                    clients.spawn(async move {
                        // The side that has ended it knows why.
                        let _ = relay(client, &network).await;
                        drop(place);
                    });
                }
                // Closed: there are too many.
                (Ok(_), Err(_)) => {}
                (Err(_), _) => time::sleep(PAUSE).await,
            },
            // So that those that are over are not kept.
            Some(_) = clients.join_next() => {}
        }
    }
}

async fn relay(mut client: UnixStream, network: &Network) -> io::Result<()> {
    let asked = time::timeout(PATIENCE, line(&mut client)).await??;
    let request = asked.split_once(' ');
    let request = request.and_then(|(target, port)| Some((target, port.parse().ok()?)));
    let Some((target, port)) = request else {
        let refusal = format!("{ERROR}expected TARGET PORT\n");
        return client.write_all(refusal.as_bytes()).await;
    };
    match network.connect(target, port).await {
        Ok(mut guest) => {
            client.write_all(format!("{OK}\n").as_bytes()).await?;
            tokio::io::copy_bidirectional(&mut client, &mut guest).await?;
            Ok(())
        }
        Err(error) => {
            let refusal = format!("{ERROR}{}\n", reasons(&error));
            client.write_all(refusal.as_bytes()).await
        }
    }
}

/// An error and what is behind it, in one line.
fn reasons(error: &NetworkError) -> String {
    let source = std::error::Error::source(error);
    let behind = source.map(|source| format!(": {source}"));
    format!("{error}{}", behind.unwrap_or_default()).replace('\n', " ")
}

/// Reads a line and not a byte more: what follows belongs to the connection.
async fn line(stream: &mut UnixStream) -> io::Result<String> {
    let mut line = Vec::new();
    loop {
        match stream.read_u8().await? {
            b'\n' => break,
            _ if line.len() == MAX_LINE => return Err(io::ErrorKind::InvalidData.into()),
            byte => line.push(byte),
        }
    }
    String::from_utf8(line).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Uses a socket by a name that is short however its directory is called.
fn at_short<T>(path: &Path, use_it: impl FnOnce(PathBuf) -> io::Result<T>) -> io::Result<T> {
    let (folder, name) = place(path)?;
    use_it(short(&folder, name))
}

async fn at_short_async(path: &Path) -> io::Result<UnixStream> {
    let (folder, name) = place(path)?;
    UnixStream::connect(short(&folder, name)).await
}

fn place(path: &Path) -> io::Result<(std::fs::File, &str)> {
    let name = path.file_name().and_then(|name| name.to_str());
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = fs_err::File::open(folder.unwrap_or(Path::new(".")))?;
    let name = name.ok_or(io::ErrorKind::InvalidInput)?;
    Ok((folder.into_parts().0, name))
}

fn system(doing: &'static str, path: &Path, source: io::Error) -> NetworkError {
    NetworkError::System {
        doing,
        path: path.to_owned(),
        source,
    }
}
