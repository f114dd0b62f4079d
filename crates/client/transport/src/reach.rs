//! Why a server is not reached.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

use crate::{TransportError, Unreachable};

/// How long a server may take to show whether it speaks TLS.
const PATIENCE: Duration = Duration::from_secs(2);
/// What the first byte of a server is that speaks TLS: an alert or a handshake.
const RECORDS: [u8; 2] = [0x15, 0x16];
/// What servers say, in plain text, to whom speaks HTTP where TLS is expected.
const WANTS_TLS: [&str; 3] = [
    "plain HTTP request was sent to HTTPS port",
    "speaking plain HTTP to an SSL-enabled server port",
    "sent an HTTP request to an HTTPS server",
];

/// What happened to a request that got no answer.
pub(crate) fn of_network(what: &str, host: String, error: reqwest::Error) -> TransportError {
    let what = what.to_owned();
    match tls_fault(&error) {
        Some(fault @ rustls::Error::InvalidCertificate(_)) => {
            return TransportError::Untrusted {
                what,
                host,
                source: Box::new(fault),
            };
        }
        Some(rustls::Error::InvalidMessage(_)) if error.is_connect() => {
            return TransportError::WrongScheme { host, https: true };
        }
        _ => {}
    }
    match unreachable(&error) {
        Some(reason) => TransportError::Unreachable { host, reason },
        None => TransportError::Network {
            what,
            host,
            source: Box::new(error.without_url()),
        },
    }
}

/// What TLS says is the matter, if it is TLS. An I/O error hides it from the chain of sources.
fn tls_fault(error: &(dyn Error + 'static)) -> Option<rustls::Error> {
    let inner = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    match inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(fault) => Some(fault.clone()),
        None => match inner {
            Some(inner) => tls_fault(inner),
            None => tls_fault(error.source()?),
        },
    }
}

/// Why there is no connection. `None`: for another reason than that nobody is there.
fn unreachable(error: &reqwest::Error) -> Option<Unreachable> {
    if !error.is_connect() {
        return None;
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.to_string() == "dns error" {
            return Some(Unreachable::UnknownHost);
        }
        let kind = error.downcast_ref().map(io::Error::kind);
        match kind {
            Some(ErrorKind::ConnectionRefused) => return Some(Unreachable::Refused),
            Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => {
                return Some(Unreachable::NoRoute);
            }
            _ => cause = error.source(),
        }
    }
    None
}

/// Whether an answer is no HTTP at all, as an alert of TLS is none.
pub(crate) fn is_nonsense(error: &TransportError) -> bool {
    let TransportError::Network { source, .. } = error else {
        return false;
    };
    let mut cause: Option<&(dyn Error + 'static)> = Some(source.as_ref());
    while let Some(error) = cause {
        if error.to_string().starts_with("invalid HTTP") {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Whether an answer says that it was asked without TLS.
pub(crate) fn wants_tls(url: &Url, status: u16, body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    url.scheme() == "http" && status == 400 && WANTS_TLS.iter().any(|says| text.contains(says))
}

/// Whether the server of a plain URL speaks TLS. It receives nothing but the start of a handshake.
pub(crate) async fn speaks_tls(url: &Url, tls: Arc<ClientConfig>) -> bool {
    let first = tokio::time::timeout(PATIENCE, first_byte(url, tls)).await;
    matches!(first, Ok(Some(byte)) if RECORDS.contains(&byte))
}

async fn first_byte(url: &Url, tls: Arc<ClientConfig>) -> Option<u8> {
    let host = url.host_str()?.trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned()).ok()?;
    let mut hello = Vec::new();
    let mut connection = ClientConnection::new(tls, name).ok()?;
    connection.write_tls(&mut hello).ok()?;
    let address = (host, url.port_or_known_default()?);
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(&hello).await.ok()?;
    stream.read_u8().await.ok()
}
