//! Why there is no good answer.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use gumnut_types::Fault;

/// Why a request has no good answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The server answered, and the answer is no.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The server cannot be reached, or the connection broke.
    #[error("{what}: the connection to {host} failed")]
    Network {
        /// What was being done.
        what: String,
        /// The server.
        host: String,
        /// What the network said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no connection to the server, so that the request was not sent.
    #[error("cannot reach {host}: {reason}")]
    Unreachable {
        /// The server, as in `cloud.example.org:8773`.
        host: String,
        /// Why.
        reason: Unreachable,
    },
    /// HTTP was spoken to a server that speaks TLS, or TLS to one that does not.
    #[error("{}", wrong_scheme(host, *https))]
    WrongScheme {
        /// The server, as in `cloud.example.org:8773`.
        host: String,
        /// Whether the endpoint says `https`.
        https: bool,
    },
    /// Nobody whom we trust vouches for the server's certificate.
    #[error("{what}: the TLS certificate of {host} is not trusted")]
    Untrusted {
        /// What was being done.
        what: String,
        /// The server.
        host: String,
        /// What is wrong with the certificate.
        #[source]
        source: Box<rustls::Error>,
    },
    /// No answer came in time.
    #[error("{what}: no answer within {} s", limit.as_secs())]
    Timeout {
        /// What was being done.
        what: String,
        /// The limit that was passed.
        limit: Duration,
    },
    /// The server sends us elsewhere. That is not followed: a signature is for one endpoint.
    #[error("{what}: the server redirects to another endpoint: {to}")]
    Redirected {
        /// What was being done.
        what: String,
        /// Where to.
        to: String,
    },
    /// The answer makes no sense.
    #[error("{what}: the server sent an invalid response: {reason}")]
    Malformed {
        /// What was being done.
        what: String,
        /// Why.
        reason: String,
    },
    /// A local file cannot be read.
    #[error("cannot read {} to send it", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The certificate authorities that were given cannot be used.
    #[error("cannot use the given certificate authorities; they must be in PEM form")]
    Authority(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The transport cannot be set up.
    #[error("cannot set up connections: {what}")]
    Setup {
        /// What failed.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl TransportError {
    /// Whose fault it is: an answer that is no is [`Fault::Refused`], silence and nonsense are [`Fault::Network`], and
    /// what is here is [`Fault::Input`] or [`Fault::System`].
    pub fn fault(&self) -> Fault {
        match self {
            Self::Refused(_) | Self::Redirected { .. } => Fault::Refused,
            Self::Network { .. }
            | Self::Unreachable { .. }
            | Self::WrongScheme { .. }
            | Self::Untrusted { .. }
            | Self::Timeout { .. }
            | Self::Malformed { .. } => Fault::Network,
            Self::File { .. } | Self::Authority(_) => Fault::Input,
            Self::Setup { .. } => Fault::System,
        }
    }

    /// What the server said, if it answered with a refusal.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

/// Why there is no connection to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unreachable {
    /// Nothing listens at the port.
    Refused,
    /// The name of the host cannot be looked up.
    UnknownHost,
    /// No way leads to the host's network.
    NoRoute,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "the connection was refused: no server listens there",
            Self::UnknownHost => "the host name cannot be resolved",
            Self::NoRoute => "there is no route to the host",
        })
    }
}

fn wrong_scheme(host: &str, https: bool) -> String {
    if https {
        format!("{host} does not speak TLS: the endpoint says https://, and may have to be http://")
    } else {
        format!("{host} speaks TLS: the endpoint says http://, and must be https://")
    }
}

/// What a server said when it refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was being done.
    pub what: String,
    /// The HTTP status.
    pub status: u16,
    /// The service's code, as in `NoSuchBucket`; empty when there is none.
    pub code: String,
    /// The service's message; empty when there is none.
    pub message: String,
    /// The id under which the server's log has the request.
    pub request_id: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: the server refused with status {}",
            self.what, self.status
        )?;
        if !self.code.is_empty() {
            write!(f, ", {}", self.code)?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        match &self.request_id {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_no_silence_and_a_missing_file_are_told_apart() {
        let what = || "put an object".to_owned();
        for (error, fault) in [
            (
                TransportError::Redirected {
                    what: what(),
                    to: String::new(),
                },
                Fault::Refused,
            ),
            (
                TransportError::Timeout {
                    what: what(),
                    limit: Duration::ZERO,
                },
                Fault::Network,
            ),
            (
                TransportError::Malformed {
                    what: what(),
                    reason: String::new(),
                },
                Fault::Network,
            ),
            (
                TransportError::File {
                    path: PathBuf::from("part.0"),
                    source: std::io::ErrorKind::NotFound.into(),
                },
                Fault::Input,
            ),
            (
                TransportError::Setup {
                    what: "TLS",
                    source: "no cipher".into(),
                },
                Fault::System,
            ),
        ] {
            assert_eq!(error.fault(), fault, "{error:?}");
        }
    }
}
