//! What a transport has to be told.

use std::fmt;
use std::sync::Arc;

use gumnut_signing::Credentials;
use time::OffsetDateTime;

use crate::{RetryPolicy, Trace};

/// Which signature requests carry. It never changes on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureVersion {
    /// Version 4 for this region.
    V4 {
        /// The region of the scope. Clouds of the Eucalyptus kind take any.
        region: String,
    },
    /// Version 2, for clouds of before 2014.
    V2,
}

/// Whether servers have to prove who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServerIdentity {
    /// An authority that is trusted must vouch for the server's certificate.
    #[default]
    Verified,
    /// Any certificate will do. Anyone who sits between can then read and change everything.
    Unverified,
}

/// Where the time of signatures comes from.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Now.
    fn now(&self) -> OffsetDateTime;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }
}

/// Everything that a transport has to be told.
#[derive(Clone, Debug)]
pub struct TransportConfig {
    /// Who signs; nobody makes anonymous requests.
    pub credentials: Option<Credentials>,
    /// How.
    pub signature: SignatureVersion,
    /// When to try again.
    pub retry: RetryPolicy,
    /// Certificate authorities in PEM form to trust beside those of the system.
    pub extra_ca_pem: Option<Vec<u8>>,
    /// Whether servers have to prove who they are.
    pub server_identity: ServerIdentity,
    /// The clock of signatures.
    pub clock: Arc<dyn Clock>,
    /// Whether requests are signed with the server's time when it refuses ours: once, by at most 14 hours, and never on the word of
    /// plain HTTP from another machine.
    pub clock_correction: bool,
    /// Who receives what happens to requests. `None`: nobody.
    pub trace: Option<Arc<dyn Trace>>,
}

impl TransportConfig {
    /// The usual configuration: retries, the system's authorities and clock.
    pub fn new(credentials: Option<Credentials>, signature: SignatureVersion) -> Self {
        Self {
            credentials,
            signature,
            retry: RetryPolicy::default(),
            extra_ca_pem: None,
            server_identity: ServerIdentity::Verified,
            clock: Arc::new(SystemClock),
            clock_correction: true,
            trace: None,
        }
    }
}
