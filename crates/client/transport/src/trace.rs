//! What happens to requests, for those who show it to a user.

use std::fmt;
use std::time::Duration;

use http::Method;
use url::Url;

use crate::TransportError;

/// Parameters of a query whose values nobody may see, in lower case.
const HIDDEN: [&str; 5] = [
    "signature",
    "x-amz-signature",
    "x-amz-security-token",
    "securitytoken",
    "x-amz-credential",
];

/// One who receives what happens to requests, while it happens.
pub trait Trace: fmt::Debug + Send + Sync {
    /// Something has happened, or is about to.
    fn happens(&self, event: &TraceEvent<'_>);
}

/// Something that happens to a request.
#[derive(Debug)]
#[non_exhaustive]
pub enum TraceEvent<'a> {
    /// A request that may change something is sent for the first time, to a server that answers.
    Changing {
        /// Scheme, host and port of the server.
        origin: String,
    },
    /// An answer begins.
    Answered {
        /// The method of the request.
        method: &'a Method,
        /// Its URL, as [`shown`] gives it.
        url: String,
        /// The action of the Query API; `None`: the request goes to an object store.
        action: Option<&'a str>,
        /// The HTTP status.
        status: u16,
        /// From the start of the request to the start of the answer.
        time: Duration,
    },
    /// A request has got no answer.
    Unanswered {
        /// The method of the request.
        method: &'a Method,
        /// Its URL, as [`shown`] gives it.
        url: String,
        /// The action of the Query API; `None`: the request goes to an object store.
        action: Option<&'a str>,
        /// What came instead.
        error: &'a TransportError,
        /// From the start of the request to its end.
        time: Duration,
    },
    /// A request is tried again after a pause.
    Again {
        /// Why.
        error: &'a TransportError,
        /// How long the pause is.
        wait: Duration,
        /// Which retry follows, counted from 1.
        retry: u32,
        /// How many there may be.
        retries: u32,
    },
    /// From here on requests are signed with the time of the server.
    ClockCorrected {
        /// The server.
        host: &'a str,
        /// Seconds that its clock is ahead; below 0 it is behind.
        ahead: i64,
    },
}

/// A URL as it may be shown: without a password, signatures and tokens.
pub fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    if url.password().is_some() {
        // Only URLs that cannot have one refuse.
        let _ = shown.set_password(Some("..."));
    }
    if let Some(query) = url.query() {
        let pairs: Vec<_> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((name, _)) if HIDDEN.contains(&name.to_ascii_lowercase().as_str()) => {
                    format!("{name}=...")
                }
                _ => pair.to_owned(),
            })
            .collect();
        shown.set_query(Some(&pairs.join("&")));
    }
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_of_a_url_is_shown() {
        let url = "http://me:pass@h:1/b/k?AWSAccessKeyId=AK&Signature=S1&X-Amz-Signature=S2&x-amz-security-token=S3&prefix=p"
            .parse()
            .unwrap();
        assert_eq!(
            shown(&url),
            "http://me:...@h:1/b/k?AWSAccessKeyId=AK&Signature=...&X-Amz-Signature=...&x-amz-security-token=...&prefix=p"
        );
    }
}
